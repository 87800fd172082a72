"""Every path of Coder's OpenAPI documents against a running hub: status, content type, body.

Needs the documents: `CODER_OPENAPI=/where/they/are pytest tests/contract`.
"""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.contract.ask import ask, first_frames
from tests.contract.documents import ANSWERS, STREAMS, VARIABLE, Operation, blank, definition, operations
from tests.contract.endpoint import Kind, Row
from tests.contract.manners import faults_of
from tests.contract.raw import exchange, written
from tests.contract.schema import Checker
from tests.contract.world import World

Json = Any

pytestmark = [
    pytest.mark.asyncio(loop_scope="module"),
    pytest.mark.skipif(not operations(), reason=f"{VARIABLE} does not name Coder's OpenAPI documents"),
]

SERVED = [(operation, row) for operation in operations() for row in operation.rows]


async def test_what_is_not_served_is_named_with_a_reason_and_says_so(world: World) -> None:
    missing = [str(operation) for operation in operations() if not operation.rows and not operation.unserved]
    assert missing == []
    unserved = {operation.key: operation for operation in operations() if not operation.rows}
    for operation in unserved.values():
        path = blank(operation.path).replace("{}", world.agent["id"])
        headers = {"Coder-Session-Token": world.hub.token}
        answer = await exchange(world.hub.url, written(operation.method, f"/api/v2{path}", headers))
        # some share a path with a route that is served: another method, or a word in the place of a parameter
        assert answer.status in {400, 404, 405}, operation
        assert list(faults_of(answer.status, answer.headers, answer.body)) == [], operation


@pytest.mark.parametrize(("operation", "row"), SERVED, ids=[f"{operation} {row.form}" for operation, row in SERVED])
async def test_operation_answers_as_documented(world: World, operation: Operation, row: Row) -> None:
    checker = Checker(operation.definitions)
    if row.kind in {Kind.SOCKET, Kind.EVENTS}:
        assert set(operation.responses) & {"101", "200"}
        assert [fault async for fault in _stream_faults(world, operation, row, checker)] == []
        return
    answer = await ask(world, row)
    status, schema = _documented(operation, row)
    assert answer.status == status, answer.body
    assert list(faults_of(answer.status, answer.headers, answer.body)) == []
    if row.kind is Kind.EMPTY:
        assert answer.body == b""
        assert schema is None
    elif row.kind is Kind.TEXT:
        assert answer.headers["content-type"] == "text/plain; charset=utf-8"
    else:
        assert answer.headers["content-type"] == "application/json; charset=utf-8"
        assert answer.body.endswith(b"\n")
        assert answer.body == b"null\n" if row.kind is Kind.NULL else schema
        assert list(checker.faults(answer.json(), schema or {})) == []


def _documented(operation: Operation, row: Row) -> tuple[int, Json]:
    """Status and schema of a success, corrected where the documents are known to be wrong."""
    if operation.key in ANSWERS:
        status, name, _ = ANSWERS[operation.key]
        return status, name and definition(name)
    status = next(int(code) for code in operation.responses if code.startswith("2"))
    return status, operation.responses[str(status)].get("schema")


async def _stream_faults(world: World, operation: Operation, row: Row, checker: Checker) -> Any:
    stream = STREAMS[operation.key]
    found = await first_frames(world, row, 2 if stream.ping else 1)
    frame = found.frames[-1]
    if isinstance(frame, bytes) != stream.binary:
        yield "the frame is text" if stream.binary else "the frame is binary"
    if stream.event:
        if stream.ping and json.loads(found.frames[0]) != {"type": "ping", "data": None}:
            yield f"first came {found.frames[0]!r}"
        if row.kind is Kind.EVENTS and found.type != "text/event-stream":
            yield f"events as {found.type}"
    if stream.schema:
        value = json.loads(frame)
        if stream.event:
            if value["type"] != "data":
                yield f"then came {value['type']}"
            value = value["data"]
        schema = definition(stream.schema)
        for fault in checker.faults(value, {"type": "array", "items": schema} if stream.array else schema):
            yield fault
