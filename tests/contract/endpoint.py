"""What is written down about a route: who may call it, a request that succeeds, and what is answered."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from enum import Enum
from typing import Any

from tests.contract.world import World

Json = Any
NOTHING: Json = object()
"""No body at all; None is the body `null`."""


class Who(Enum):
    """Whose token a route wants."""

    NOBODY = "nobody"
    USER = "user"
    AGENT = "agent"


class Kind(Enum):
    """What a success looks like."""

    JSON = "a JSON value"
    NULL = "the JSON value null"
    EMPTY = "no body"
    TEXT = "plain text"
    EVENTS = "server-sent events"
    SOCKET = "a WebSocket"


@dataclass(frozen=True, slots=True)
class Good:
    """A request that succeeds. `ids` stand for parameters of the path, before those of the world."""

    ids: dict[str, str] = field(default_factory=dict)
    query: str = ""
    body: Json = NOTHING
    token: str | None = None
    """Instead of the usual token of the route."""


Prepare = Callable[[World], Awaitable[Good]]


@dataclass(frozen=True, slots=True)
class Row:
    """One route, or one of the forms of a route that has two (`form`)."""

    method: str
    path: str
    who: Who = Who.USER
    kind: Kind = Kind.JSON
    status: int = 200
    query: str = ""
    body: Json = NOTHING
    prepare: Prepare | None = None
    form: str = ""
    strict_query: bool = False
    """Unknown query keys are refused."""
    ends: bool = False
    """A stream that is over by itself."""
    silent: bool = False
    """A stream that says nothing before something happens."""
    greeting: bytes = b""
    """What the client must say before the server says anything."""
    refuses: tuple[int, str] = (0, "")
    """How a socket closes when the client sends what it may not; ("text", "any")."""

    def __str__(self) -> str:
        return " ".join(filter(None, (self.method, self.path, self.form)))

    async def good(self, world: World) -> Good:
        """The request, ready to be sent."""
        if self.prepare:
            return await self.prepare(world)
        return Good(query=self.query, body=self.body() if callable(self.body) else self.body)

    def url(self, world: World, good: Good) -> str:
        """Path and query under /api/v2."""
        path = self.path.format_map(world.ids() | good.ids)
        return f"{path}?{good.query}" if good.query else path

    def token(self, world: World) -> str:
        """The usual token; "" where none is needed."""
        return {Who.NOBODY: "", Who.USER: world.hub.token, Who.AGENT: world.token}[self.who]


def encoded(body: Json) -> bytes:
    """A body as bytes."""
    return b"" if body is NOTHING else json.dumps(body).encode()
