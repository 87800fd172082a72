"""Asks the hub what a row of the table says, and takes the answer apart."""

from __future__ import annotations

import asyncio
import json
import uuid
from dataclasses import dataclass
from typing import Any

from tests.contract.endpoint import NOTHING, Good, Kind, Row, encoded
from tests.contract.raw import HANDSHAKE, Answer, exchange, written
from tests.contract.world import World
from tests.hub.support import BOUND

Json = Any


async def ask(
    world: World,
    row: Row,
    *,
    token: str | None = None,
    query: str = "",
    ids: dict[str, str] | None = None,
    body: bytes | None = None,
    headers: dict[str, str] | None = None,
    plain: bool = False,
) -> Answer:
    """The good request of a row, changed where the caller says so.

    `token` "" sends none; `query` is added; `plain` asks for a socket without an upgrade. Where both `ids` and `body`
    are given nothing is prepared: the ids of the world must do.
    """
    good = Good(query=row.query) if ids is not None and body is not None else await row.good(world)
    url = row.url(world, good)
    if ids is not None:
        url = row.path.format_map(world.ids() | good.ids | ids) + (f"?{good.query}" if good.query else "")
    if query:
        url += ("&" if "?" in url else "?") + query
    if body is None and good.body is not NOTHING:
        body = encoded(good.body)
    given = (row.token(world) if good.token is None else good.token) if token is None else token
    lines = {"Coder-Session-Token": given} if given else {}
    if row.kind is Kind.SOCKET and not plain:
        lines |= HANDSHAKE
    lines |= headers or {}
    request = written(row.method, f"/api/v2{url}", lines, body, host=world.hub.url.removeprefix("http://"))
    return await exchange(world.hub.url, request, method=row.method)


@dataclass(frozen=True, slots=True)
class Frames:
    """The first frames of a stream: events (a ping, then data), or one frame."""

    type: str
    frames: list[str | bytes]


async def first_frames(world: World, row: Row, count: int) -> Frames:
    """Open a stream as the row says and take its first frames."""
    good = await row.good(world)
    url = row.url(world, good)
    if row.kind is Kind.SOCKET:
        async with world.hub.socket(url, token=row.token(world)) as socket:
            if row.greeting:
                await socket.send(row.greeting)
            elif row.silent:
                await world.hub.workspace(f"f-{uuid.uuid4().hex[:8]}", expect="failed", directory="/no/such/place")
            async with asyncio.timeout(BOUND):
                return Frames("", [await socket.recv() for _ in range(count)])
    headers = {"Accept": "text/event-stream"}
    async with world.hub.http.stream("GET", f"/api/v2{url}", headers=headers, timeout=BOUND) as response:
        assert response.status_code == 200
        frames: list[str | bytes] = []
        text = ""
        async for part in response.aiter_text():
            text += part
            while "\n\n" in text and len(frames) < count:
                event, _, text = text.partition("\n\n")
                frames.append(_as_frame(event))
            if len(frames) == count:
                break
        return Frames(response.headers["Content-Type"], frames)


def _as_frame(event: str) -> str:
    """An event in the strict form as the frame of an event socket."""
    first, *rest = event.split("\n")
    assert first.startswith("event: ")
    assert len(rest) <= 1
    data = rest[0].removeprefix("data: ") if rest else "null"
    assert not rest or rest[0].startswith("data: ")
    return json.dumps({"type": first.removeprefix("event: "), "data": json.loads(data)})
