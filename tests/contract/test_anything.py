"""Whatever is sent, the hub answers, with nothing worse than a refusal, and goes on.

`CODER_TUI_FUZZ=100000` tries that many requests, sockets and streams of bytes instead of a few: a long run.
"""

from __future__ import annotations

import asyncio
import copy
import json
import os
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote

import h11
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.contract.endpoint import NOTHING, Good, Kind, Row
from tests.contract.manners import faults_of
from tests.contract.raw import (
    BINARY,
    CLOSE,
    HANDSHAKE,
    PING,
    PONG,
    TEXT,
    Answer,
    exchange,
    frame,
    raw_socket,
    read_head,
    sent,
    written,
)
from tests.contract.rows import ROWS
from tests.contract.world import UNKNOWN_KEY, World, a_world

Json = Any

WANTED = int(os.environ.get("CODER_TUI_FUZZ", "0"))
ROUND = 1000  # examples in one world: they wear it down
ROUNDS = max(1, WANTED // ROUND)

pytestmark = [pytest.mark.timeout(0 if WANTED else 60), pytest.mark.parametrize("turn", range(ROUNDS))]


def profile(few: int) -> settings:
    """`few` examples, always the same, or a round of new ones."""
    return settings(
        max_examples=ROUND if WANTED else few,
        derandomize=not WANTED,
        database=None,
        deadline=None,
        suppress_health_check=list(HealthCheck),
    )


class Fuzzed:
    """A world under fire, the good requests of its rows, and what its event loop complained of."""

    def __init__(self, world: World, goods: dict[str, Good]) -> None:
        self.world, self.goods = world, goods
        self.complaints: list[str] = []
        self.tokens = {
            "own": None,
            "none": "",
            "user": world.hub.token,
            "agent": world.token,
            "dead": world.dead_token,
            "unknown": UNKNOWN_KEY,
            "nonsense": "\xff\x00;=\u00e9",
        }

    async def check(self) -> None:
        """The hub is well."""
        assert (await self.world.hub.http.get("/healthz")).text == "OK"
        await self.world.hub.get("/users/me")
        assert self.complaints == []


@pytest.fixture
async def fuzzed(tmp_path: Path) -> AsyncIterator[Fuzzed]:
    """A world of its own for a round."""
    async with a_world(tmp_path / "hub") as world:
        found = Fuzzed(world, {str(row): await row.good(world) for row in ROWS})
        asyncio.get_running_loop().set_exception_handler(lambda _, context: found.complaints.append(str(context)))
        yield found
        await found.check()


ODD = [
    *("", "0", "-1", "1e9", "9" * 25, "\0", "\u0663", "\u00e9", "\U0001f642", "%", "null", "true", "x" * 5000, "a/b"),
    *("7c0ffee0-0000-4000-8000-000000000001", "'; --", "[]", "{}", "..", "2999-01-01T00:00:00Z", "\r\nX: y", "<b>&"),
]
ANYWHERE = ["", "coder_session_token", "access_token", "a_key_of_tomorrow"]
WORDS = {
    "/logs": ["after", "follow", "format", "before"],
    "/startup-logs": ["after", "follow", "format"],
    "/workspaces": ["q", "limit", "offset"],
    "/builds": ["limit", "offset", "since", "after_id"],
    "/workspaces/{workspace}": ["include_deleted"],
    "/{workspacename}": ["include_deleted"],
    "/pty": [
        "reconnect",
        "width",
        "height",
        "container",
        "container_user",
        "backend_type",
        "coder_signed_app_token_23db1dde",
    ],
    "/external-auth": ["match", "id", "url"],
    "/gitauth": ["match", "id", "url"],
    "/containers": ["label"],
    "/inbox": ["targets", "templates", "read_status", "starting_before"],
    "/inbox/watch": ["targets", "templates", "read_status", "format"],
    "/agent-connection-watch": ["agent_name"],
    "/cancel": ["expect_status"],
    "/tokens": ["include_expired", "include_all"],
}
"""Query keys by the end of the path."""
HEADERS = [
    *("Content-Type", "Origin", "Cookie", "Authorization", "Accept", "X-CSRF-TOKEN", "Range", "If-None-Match"),
    *("Sec-WebSocket-Protocol", "X-Forwarded-For", "Expect", "Accept-Encoding", "Coder-Session-Token"),
]

texts = st.sampled_from(ODD) | st.text(max_size=30)
json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | texts,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(texts, inner, max_size=3),
    max_leaves=6,
)
RUNS_THINGS = {"command", "listen"}
"""Query keys that would run what we make up, or wait for ever."""


METHODS = ["GET", "POST", "PUT", "DELETE", "PATCH", "HEAD", "OPTIONS"]


def seldom(draw: st.DrawFn) -> bool:
    """Now and then: most requests must get past the doors to find anything."""
    return draw(st.integers(0, 11)) == 7


def places(value: Json, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """Where something could be put into a JSON value."""
    yield path
    if isinstance(value, dict | list):
        for key in value if isinstance(value, dict) else range(len(value)):
            yield from places(value[key], (*path, key))


def changed(value: Json, path: tuple[Any, ...], new: Json) -> Json:
    """The value with something else in one place."""
    if not path:
        return new
    value = copy.deepcopy(value)
    at = value
    for key in path[:-1]:
        at = at[key]
    at[path[-1]] = new
    return value


@st.composite
def bodies(draw: st.DrawFn, good: Json) -> bytes | None:
    """No body, bytes, JSON, or a good body with one thing changed."""
    kind = draw(st.sampled_from(["changed"] * 4 + ["good", "json", "bytes", "none"]))
    if kind == "bytes":
        return draw(st.binary(max_size=60))
    if kind == "none" or good is NOTHING:
        return None
    if kind == "changed":
        good = changed(good, draw(st.sampled_from(list(places(good)))), draw(json_values))
    elif kind == "json":
        good = draw(json_values)
    return json.dumps(good).encode("utf-8", "surrogatepass")


@st.composite
def targets(draw: st.DrawFn, row: Row, good: Good, world: World) -> str:
    """Path and query of a row, some parts made up."""
    ids = world.ids() | good.ids
    for name in [name for name in ids if f"{{{name}}}" in row.path]:
        if draw(st.integers(0, 3)) == 2:
            ids[name] = quote(draw(texts).encode("utf-8", "surrogatepass"), safe="")
    words = [word for end, found in WORDS.items() if row.path.endswith(end) for word in found] * 4 + ANYWHERE
    pairs = draw(st.lists(st.tuples(st.sampled_from(words) | texts, texts), max_size=3))
    query = [
        f"{quote(name.encode('utf-8', 'surrogatepass'))}={quote(value.encode('utf-8', 'surrogatepass'), safe='')}"
        for name, value in pairs
        if name not in RUNS_THINGS
    ]
    if good.query and draw(st.booleans()):
        query.insert(0, good.query)
    return f"/api/v2{row.path.format_map(ids)}{'?' if query else ''}{'&'.join(query)}"


def header_safe(text: str) -> str:
    """As Latin-1 may stand in a header."""
    return text.encode("latin-1", "replace").decode("latin-1").translate({10: 32, 13: 32, 0: 32})


@st.composite
def requests(draw: st.DrawFn, fuzzed: Fuzzed, row: Row) -> tuple[str, bytes]:
    """A method and a whole request."""
    good = fuzzed.goods[str(row)]
    method = draw(st.sampled_from(METHODS)) if seldom(draw) else row.method
    token = fuzzed.tokens[draw(st.sampled_from(list(fuzzed.tokens)))] if seldom(draw) else None
    if token is None:
        token = row.token(fuzzed.world)
    lines = {"Coder-Session-Token": header_safe(token)} if token else {}
    if (row.kind is Kind.SOCKET) != seldom(draw):
        lines |= HANDSHAKE
    if seldom(draw):
        for name in draw(st.lists(st.sampled_from(HEADERS), max_size=3)):
            lines[name] = header_safe(draw(texts))
    target = draw(targets(row, good, fuzzed.world))
    body = draw(bodies(good.body)) if method not in {"HEAD", "OPTIONS"} else None
    if body is not None and seldom(draw):
        lines["Transfer-Encoding"] = "chunked"
        body = b"%x\r\n%b\r\n0\r\n\r\n" % (len(body), body) if body else b"0\r\n\r\n"
    lines["Connection"] = lines.get("Connection", "close")
    return method, written(method, target, lines, body).decode("latin-1").encode("latin-1")


def faults(answer: Answer, method: str) -> list[str]:
    """What is wrong with an answer to this method."""
    if method == "HEAD" or answer.type == "text/plain":
        return [f"status {answer.status}"] if answer.status >= 500 else []
    return list(faults_of(answer.status, answer.headers, answer.body))


@profile(80)
@given(data=st.data(), rows=st.lists(st.sampled_from(ROWS), min_size=3, max_size=3, unique_by=str))
async def test_any_request_is_answered(turn: int, fuzzed: Fuzzed, data: st.DataObject, rows: list[Row]) -> None:
    for row in rows:  # several, for hypothesis likes to stay with what it has
        method, request = data.draw(requests(fuzzed, row))
        answer = await exchange(fuzzed.world.hub.url, request, method=method)
        assert faults(answer, method) == [], answer
        assert fuzzed.complaints == []


def wants_answer(request: bytes) -> bool:
    """Whether a server that follows the standard owes these bytes an answer."""
    server = h11.Connection(h11.SERVER)
    server.receive_data(request)
    try:
        while (event := server.next_event()) not in (h11.NEED_DATA, h11.PAUSED):
            if isinstance(event, h11.EndOfMessage):
                return True
    except h11.RemoteProtocolError:
        return True
    return False


@profile(80)
@given(data=st.data())
async def test_any_bytes_are_answered_or_waited_on(turn: int, fuzzed: Fuzzed, data: st.DataObject) -> None:
    _, request = data.draw(requests(fuzzed, data.draw(st.sampled_from(ROWS))))
    for _ in range(data.draw(st.integers(1, 3))):
        start = data.draw(st.integers(0, len(request)))
        stop = data.draw(st.integers(start, min(len(request), start + 20)))
        request = (
            request[:start]
            + data.draw(st.binary(max_size=12) | st.sampled_from([b"\r\n", b" ", b":"]))
            + request[stop:]
        )
    async with asyncio.timeout(10), sent(fuzzed.world.hub.url, request) as reader:
        if wants_answer(request):
            answer = await read_head(reader)
            assert answer.status < 500
    assert fuzzed.complaints == []


FRAMES = st.tuples(
    st.sampled_from([TEXT, BINARY, BINARY, BINARY, PING, PONG, 0, 3, 11]),
    st.binary(max_size=200) | json_values.map(lambda value: json.dumps(value).encode("utf-8", "surrogatepass")),
    st.sampled_from([0x80, 0x80, 0x80, 0, 0xC0]),
)
PEACEFUL = {1000, 1002, 1003, 1007, 1008, 1009}


@profile(60)
@given(data=st.data())
async def test_any_frames_are_borne_or_closed_upon(turn: int, fuzzed: Fuzzed, data: st.DataObject) -> None:
    row = data.draw(st.sampled_from([row for row in ROWS if row.kind is Kind.SOCKET and not row.ends]))
    url = row.url(fuzzed.world, fuzzed.goods[str(row)])
    if row.path.endswith("/pty"):
        # what we type goes to a program that does nothing with it
        url = url.replace(fuzzed.world.session, "7c0ffee0-0000-4000-8000-00000000000f") + "&command=exec%20sleep%20600"
    token = row.token(fuzzed.world)
    headers = {"Coder-Session-Token": token} if token else {}
    frames = data.draw(st.lists(FRAMES, min_size=1, max_size=4))
    async with raw_socket(fuzzed.world.hub.url, f"/api/v2{url}", headers) as socket:
        for opcode, payload, first in frames:
            socket.send(frame(opcode, payload, first=first))
        spoken = any(opcode in {TEXT, BINARY} and first == 0x80 for opcode, _, first in frames)
        if row.refuses[1] == "any" and spoken:
            ends = {CLOSE}
        else:
            socket.send(frame(PING, b"the end"))
            ends = {CLOSE, PONG}
        while (found := await socket.next()).opcode not in ends:
            pass
        assert found.opcode == PONG or found.code in PEACEFUL, found
        assert len(found.data) <= 125
    assert fuzzed.complaints == []
