"""Every route with what it cannot use: ids, bodies, queries, methods. The contract says what is answered."""

from __future__ import annotations

import json
import uuid
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from tests.contract.ask import ask
from tests.contract.endpoint import NOTHING, Kind, Row, encoded
from tests.contract.manners import faults_of
from tests.contract.raw import Answer, exchange, written
from tests.contract.rows import ROWS
from tests.contract.world import World

Json = Any

pytestmark = pytest.mark.asyncio(loop_scope="module")

UUIDS = {"workspace", "workspaceagent", "workspacebuild", "id"}
"""Parameters of paths that are UUIDs."""
LIMIT = 4 << 20


def parameters(row: Row) -> list[str]:
    """The UUIDs in a row's path."""
    return [name for name in UUIDS if f"{{{name}}}" in row.path]


async def refused(
    world: World, rows: list[Row], status: int, make: Callable[[Row], Awaitable[Answer]], message: str = ""
) -> list[Json]:
    """The error bodies; fails unless every row answers `status` and behaves."""
    problems: list[Json] = []
    faults: list[str] = []
    for row in rows:
        answer = await make(row)
        found = list(faults_of(answer.status, answer.headers, answer.body))
        if answer.status != status or found or (message and answer.json()["message"] != message):
            faults.append(f"{row}: {answer.status} {answer.body[:160]!r} {found}")
        else:
            problems.append(answer.json())
    assert faults == []
    return problems


WITH_UUID = [row for row in ROWS if parameters(row)]
WITH_BODY = [row for row in ROWS if row.body is not NOTHING or row.method in {"POST", "PATCH", "PUT"}]


@pytest.mark.parametrize("text", ["no-id", "7c0ffee0-0000-4000-8000-00000000000", "%00", "%F0%9F%99%82", "%22%3Cb%3E"])
async def test_a_malformed_id_is_400(world: World, text: str) -> None:
    async def make(row: Row) -> Answer:
        return await ask(world, row, ids={parameters(row)[0]: text})

    for problem in await refused(world, WITH_UUID, 400, make):
        assert problem["message"].startswith('Invalid UUID "')


async def test_an_unknown_id_is_404_and_tells_nothing(world: World) -> None:
    async def make(row: Row) -> Answer:
        return await ask(world, row, ids={parameters(row)[0]: str(uuid.uuid4())})

    problems = await refused(world, WITH_UUID, 404, make)
    assert len({problem["message"] for problem in problems}) == 1


async def takes_body(world: World, row: Row) -> bool:
    """Whether the good request has a body."""
    return (await row.good(world)).body is not NOTHING


@pytest.mark.parametrize(
    "body",
    [
        b"{",
        b"[]",
        b"1",
        b'"text"',
        b"\xff\xfe\x00",
        b"[" * 90_000,
        b'{"a":' * 40_000,
        b'{"state":NaN}',
        b"{}x",
        b"{} {}",
    ],
    ids=lambda body: repr(body[:12]),
)
async def test_a_body_that_is_no_json_object_is_400(world: World, body: bytes) -> None:
    async def make(row: Row) -> Answer:
        return await ask(world, row, ids={}, body=body)

    rows = [row for row in WITH_BODY if await takes_body(world, row)]
    await refused(world, rows, 400, make, "Request body must be valid JSON.")


async def test_no_field_takes_a_value_of_another_type(world: World) -> None:
    faults: list[str] = []
    for row in WITH_BODY:
        good = await row.good(world)
        if good.body is NOTHING:
            continue
        for name, value in good.body.items():
            for wrong in ({"deep": 1}, [[1]], (not isinstance(value, bool) and value != "") or 7):
                if isinstance(wrong, type(value)) or (isinstance(value, list) and isinstance(wrong, list)):
                    continue
                answer = await ask(world, row, ids=good.ids, body=json.dumps({**good.body, name: wrong}).encode())
                found = list(faults_of(answer.status, answer.headers, answer.body))
                if answer.status != 400 or found:
                    faults.append(f"{row} {name}={wrong}: {answer.status} {answer.body[:100]!r} {found}")
    assert faults == []


async def test_a_body_over_four_mebibytes_is_413(world: World) -> None:
    big = b'{"message":"' + b"x" * (5 << 20) + b'"}'

    async def make(row: Row) -> Answer:
        return await ask(world, row, ids={}, body=big)

    rows = [row for row in WITH_BODY if await takes_body(world, row)]
    await refused(world, rows, 413, make)


async def test_a_big_body_in_chunks_or_of_a_stranger_is_answered_too(world: World) -> None:
    big = b"x" * (5 << 20)
    row = next(row for row in ROWS if row.path.endswith("app-status"))
    chunked = b"%x\r\n%b\r\n0\r\n\r\n" % (len(big), big)
    answer = await ask(world, row, ids={}, body=chunked, headers={"Transfer-Encoding": "chunked"})
    assert answer.status == 413
    assert (await ask(world, row, ids={}, body=big, token="")).status == 401


async def test_a_body_of_four_mebibytes_is_read(world: World) -> None:
    status = {"app_slug": "claude", "state": "working", "message": "x"}
    body = json.dumps(status).encode()
    body = body[:-1] + b" " * (LIMIT - len(body)) + b"}"
    row = next(row for row in ROWS if row.path.endswith("app-status"))
    assert (await ask(world, row, body=body)).status == 200
    assert (await ask(world, row, body=body + b" ")).status == 413


@pytest.mark.parametrize("kind", ["", "text/plain", "application/x-www-form-urlencoded", "application/xml", "\x7f;=,"])
async def test_the_content_type_of_a_body_does_not_matter(world: World, kind: str) -> None:
    """As with Coder's: `curl -d` says form data."""
    faults: list[str] = []
    for row in WITH_BODY:
        if row.prepare is None and row.body is not NOTHING:
            answer = await ask(world, row, headers={"Content-Type": kind})
            if answer.status != row.status:
                faults.append(f"{row}: {answer.status} {answer.body[:100]!r}")
    assert faults == []


async def test_unknown_fields_are_ignored(world: World) -> None:
    faults: list[str] = []
    for row in WITH_BODY:
        good = await row.good(world)
        if good.body is not NOTHING and good.token is None:
            body = encoded({**good.body, "a_field_of_tomorrow": {"deep": [1, None]}})
            answer = await ask(world, row, ids=good.ids, body=body)
            if answer.status != row.status:
                faults.append(f"{row}: {answer.status} {answer.body[:100]!r}")
    assert faults == []


async def test_unknown_query_keys_are_ignored_except_where_the_contract_refuses_them(world: World) -> None:
    faults: list[str] = []
    for row in ROWS:
        if row.kind in {Kind.SOCKET, Kind.EVENTS} and not row.strict_query:
            continue  # test_sockets.py
        answer = await ask(world, row, query="a_key_of_tomorrow=1&=&%zz=%zz", plain=True)
        expected = 400 if row.strict_query else row.status
        if answer.status != expected:
            faults.append(f"{row}: {answer.status} {answer.body[:100]!r}")
    assert faults == []


@pytest.mark.parametrize("method", ["TRACE", "OPTIONS", "PROPFIND", "CONNECT", "get"])
async def test_other_methods_are_405(world: World, method: str) -> None:
    async def make(row: Row) -> Answer:
        path = row.url(world, await row.good(world)) if row.prepare is None else row.path.format_map(world.ids())
        headers = {"Coder-Session-Token": world.hub.token}
        return await exchange(world.hub.url, written(method, f"/api/v2{path}", headers))

    await refused(world, list(ROWS), 405, make)


@pytest.mark.parametrize(
    "path",
    ["/api/v2", "/api/v2/", "/api/v1/users/me", "/api/v2/users/me/", "/api/v2//users/me", "/API/V2/buildinfo", "*"],
)
async def test_an_unknown_path_is_404(world: World, path: str) -> None:
    answer = await exchange(world.hub.url, written("GET", path, {"Coder-Session-Token": world.hub.token}))
    assert answer.status == 404
    assert answer.json() == {"message": "Route not found."}
    assert list(faults_of(answer.status, answer.headers, answer.body)) == []


QUERIES = [
    ("GET /workspaces", "limit", ["-1", "x", "1.5", "1e3", "9" * 30, "%00", "%D9%A3"]),
    ("GET /workspaces", "offset", ["-1", "x", "9" * 30]),
    ("GET /workspaces", "q", ["nope:1", "a:b:c", ":", "a:", "a/b/c", "status:nope", "id:nope", "outdated:maybe"]),
    ("GET /workspaces/{workspace}", "include_deleted", ["maybe", "2", "%00"]),
    ("GET /workspaces/{workspace}/builds", "limit", ["-1", "x"]),
    ("GET /workspaces/{workspace}/builds", "since", ["yesterday", "1", "%00"]),
    ("GET /workspaces/{workspace}/builds", "after_id", ["x", "%00"]),
    ("GET /workspacebuilds/{workspacebuild}/logs", "after", ["-1", "x", "9" * 30]),
    ("GET /workspacebuilds/{workspacebuild}/logs", "format", ["xml", "%00"]),
    ("GET /workspaceagents/{workspaceagent}/logs", "after", ["-1", "x", "9" * 30]),
    ("GET /workspaceagents/{workspaceagent}/logs", "format", ["xml", "%00"]),
    ("GET /workspaceagents/{workspaceagent}/pty", "reconnect", ["x", "%00"]),
    ("GET /workspaceagents/{workspaceagent}/pty", "width", ["-1", "x", "65536"]),
    ("GET /workspaceagents/{workspaceagent}/pty", "height", ["-1", "x", "65536"]),
]


@pytest.mark.parametrize(("label", "name", "values"), QUERIES, ids=[f"{label} {name}" for label, name, _ in QUERIES])
async def test_a_malformed_query_parameter_is_named(world: World, label: str, name: str, values: list[str]) -> None:
    row = next(row for row in ROWS if str(row) == label)
    bare = {"reconnect": "", "width": f"reconnect={world.session}&", "height": f"reconnect={world.session}&"}
    for value in values:
        path = f"/api/v2{row.path.format_map(world.ids())}?{bare.get(name, '')}{name}={value}"
        answer = await exchange(world.hub.url, written("GET", path, {"Coder-Session-Token": world.hub.token}))
        assert answer.status == 400, (value, answer.body)
        assert list(faults_of(answer.status, answer.headers, answer.body)) == []
        problem = answer.json()
        assert "nvalid" in problem["message"]
        fields = {entry["field"] for entry in problem["validations"]}
        # an error within a search names the key of the search
        assert fields == {name} or (name == "q" and fields)


async def test_what_the_documents_get_wrong_about_requests(world: World) -> None:
    """The known errors 5 and 7: not both of two that are marked required; a `before` that nothing reads."""
    hub, ids = world.hub, world.ids()
    both = "/workspaceagents/me/external-auth?match=https://forge.acme.example/a&id=forge"
    assert "message" in await hub.send("GET", both, status=400, token=world.token)
    assert "message" in await hub.send("GET", "/workspaceagents/me/external-auth", status=400, token=world.token)
    for path in (f"/workspaceagents/{ids['workspaceagent']}/logs", f"/workspacebuilds/{ids['workspacebuild']}/logs"):
        lines = await hub.get(path)
        assert lines
        assert await hub.get(f"{path}?before=1") == lines
        assert await hub.get(f"{path}?after={lines[0]['id']}&before=nonsense") == lines[1:]


async def test_a_token_in_the_query_is_an_unknown_key_of_the_inbox(world: World) -> None:
    for path in ("/notifications/inbox", "/notifications/inbox/watch"):
        problem = await world.hub.get(f"{path}?coder_session_token={world.hub.token}", 400)
        assert problem["validations"][0]["field"] == "coder_session_token"
        assert world.hub.token not in json.dumps(problem)
