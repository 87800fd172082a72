"""The table against the hub's routes, the corrections against the documents, the checker against itself."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from starlette.routing import Route

from coder_tui.hub.app import create_app
from tests.contract.documents import ANSWERS, KNOWN_ERRORS, UNSERVED, VARIABLE, blank, definition, operations
from tests.contract.rows import ROWS
from tests.contract.schema import Checker
from tests.hub.support import a_hub

Json = Any

needs_documents = pytest.mark.skipif(not operations(), reason=f"{VARIABLE} does not name Coder's OpenAPI documents")


async def test_every_route_has_a_row(tmp_path: Path) -> None:
    async with a_hub(tmp_path / "hub") as hub:
        routes = [route for route in create_app(hub.core).routes if isinstance(route, Route)]
    served = {
        (method, blank(route.path.removeprefix("/api/v2")))
        for route in routes
        for method in (route.methods or set()) - {"HEAD"}
    }
    assert served - {("GET", "/healthz"), ("GET", "/latency-check")} == {(row.method, blank(row.path)) for row in ROWS}


def test_corrections_name_known_errors() -> None:
    assert {number for _, _, number in ANSWERS.values()} <= set(KNOWN_ERRORS)
    assert set(range(1, 12)) <= set(KNOWN_ERRORS)


@needs_documents
def test_documents_are_not_corrected_in_vain() -> None:
    for operation in operations():
        if operation.key in ANSWERS:
            status, name, _ = ANSWERS[operation.key]
            said = operation.responses.get(str(status))
            assert said is None or said.get("schema") != (name and definition(name)), operation


@needs_documents
def test_reasons_belong_to_documented_paths() -> None:
    paths = {name for operation in operations() for name in (operation.key[1], " ".join(operation.key))}
    assert set(UNSERVED) - paths == set()
    assert [str(operation) for operation in operations() if operation.rows and operation.key[1] in UNSERVED] == []


def test_checker_sees_what_is_wrong() -> None:
    definitions: Json = {
        "codersdk.WorkspaceAgentLogSource": {
            "type": "object",
            "properties": {"id": {"type": "string", "format": "uuid"}, "display_name": {"type": "string"}},
        }
    }
    checker = Checker(definitions)
    schema = definition("codersdk.WorkspaceAgentLogSource")

    def faults(value: Json) -> Iterator[str]:
        return checker.faults(value, schema)

    right = {"id": "7c0ffee0-0000-4000-8000-000000000001", "display_name": "x"}
    assert list(faults(right)) == []
    for wrong in ({**right, "id": "7"}, {**right, "display_name": 1}, {"id": right["id"]}, [right], {**right, "a": 1}):
        assert list(faults(wrong)), wrong
