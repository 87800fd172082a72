"""What the clients of one hub share: our own extension, for its person's keys only (`wire.shared`)."""

from __future__ import annotations

from functools import partial

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route
from starlette.websockets import WebSocket

from coder_tui.hub.core import Hub
from coder_tui.hub.events import SHARED
from coder_tui.hub.standings import checked, newer, say
from coder_tui.hub.web import Socket, answer, one_way, read_json, route
from coder_tui.wire.base import encode
from coder_tui.wire.shared import Said, Shared

_GATHER = 0.05  # seconds in which changes become one frame


def routes(hub: Hub) -> list[Route]:
    """The family's routes."""
    return [
        route(hub, "GET", "/coder-tui/shared", shared),
        route(hub, "GET", "/coder-tui/shared/watch", watch),
        route(hub, "PATCH", "/coder-tui/standings", say_standings),
    ]


async def shared(hub: Hub, request: Request) -> Response:
    """GET /coder-tui/shared."""
    standings, _ = await hub.storage.read(newer)
    return answer(Shared(standings=standings, refusals=hub.refused()))


async def say_standings(hub: Hub, request: Request) -> Response:
    """PATCH /coder-tui/standings: on disk before it is answered, with what stands."""
    said, now = checked((await read_json(request, Said)).standings), hub.clock()
    standing = await hub.storage.write(lambda db: say(db, now, said))
    hub.topics.publish(SHARED)
    return answer(Said(standings=standing))


async def watch(hub: Hub, request: Request) -> Response:
    """GET /coder-tui/shared/watch: everything, then what changes. Data from the client closes 1008."""
    return Socket(lambda socket: one_way(socket, _frames(hub, socket), 1008))


async def _frames(hub: Hub, socket: WebSocket) -> tuple[int, str]:
    last, told = 0, None
    with hub.topics.subscribe(SHARED) as changes:
        while not changes.closing:
            standings, last = await hub.storage.read(partial(newer, seq=last))
            refusals = hub.refused()
            if standings or refusals != told:
                told = refusals
                await socket.send_text(encode(Shared(standings=standings, refusals=refusals)).decode())
            await changes.changed()
            await changes.rest(_GATHER)
        return 1001, "the hub stops"
