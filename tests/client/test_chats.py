"""Chats over real sockets: every shape the servers have had, absence, loss; and no chat's own stream is ever opened."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing, asynccontextmanager
from typing import Any

import pytest
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Route, WebSocketRoute
from starlette.websockets import WebSocket, WebSocketDisconnect

from coder_tui.client.chats import ChatChanged, Chats, ChatsEvent, ChatsListed, ChatsLost, ChatsOff
from coder_tui.client.rest import RestClient
from coder_tui.wire.chats import Chat, ChatFrame
from tests.client.support import FakeTime, credentials, serving

Events = AsyncGenerator[ChatsEvent, None]


def chat(number: int, status: str = "running", **more: Any) -> dict[str, Any]:
    """As v2.36 sends it."""
    return {
        "id": f"00000000-0000-4000-8000-{number:012x}",
        "owner_id": "8826ee2e-7933-4665-aef2-2393f84a0d05",
        "title": f"chat {number}",
        "status": status,
        "last_turn_summary": None,
        "created_at": "2026-08-01T10:00:00Z",
        "updated_at": "2026-08-01T10:00:00.123456789Z",
        "archived": False,
        "pin_order": 0,
        "mcp_server_ids": [],
        "labels": {},
        "has_unread": False,
        "client_type": "ui",
        "children": [],
    } | more


class ChatServer:
    """`chats` and `chats/watch` as some release has them. `asked` notes every path."""

    def __init__(self, *chats: dict[str, Any], prefix: str = "experimental", wrapped: bool = False) -> None:
        self.chats: Any = list(chats)
        self.prefix, self.wrapped = prefix, wrapped
        self.watch_status = 101
        self.list_answer: Response | None = None
        self.asked: list[str] = []
        self.sockets: set[WebSocket] = set()
        self.arrived = asyncio.Event()

    @property
    def routes(self) -> list[BaseRoute]:
        return [
            Route(f"/api/{self.prefix}/chats", self._list),
            WebSocketRoute(f"/api/{self.prefix}/chats/watch", self._watch),
            Route("/{path:path}", self._missing),
            WebSocketRoute("/{path:path}", self._no_socket),
        ]

    async def say(self, kind: str, chat: dict[str, Any], **more: Any) -> None:
        event = {"kind": kind, "chat": chat} | more
        await self.raw(json.dumps({"type": "data", "data": event} if self.wrapped else event) + "\n")

    async def raw(self, text: str) -> None:
        for socket in self.sockets:
            await socket.send_text(text)

    async def _list(self, request: Request) -> Response:
        self.asked.append(str(request.url.path) + "?" + str(request.url.query))
        return self.list_answer or JSONResponse(self.chats)

    async def _watch(self, socket: WebSocket) -> None:
        self.asked.append(socket.url.path)
        if self.watch_status != 101:
            await socket.send_denial_response(JSONResponse({"message": "no"}, self.watch_status))
            return
        await socket.accept()
        self.sockets.add(socket)
        self.arrived.set()
        try:
            await socket.receive_text()
            await socket.close(1008)
        except WebSocketDisconnect:
            pass
        finally:
            self.sockets.discard(socket)

    async def _missing(self, request: Request) -> Response:
        self.asked.append(request.url.path)
        return JSONResponse({"message": "Route not found."}, 404)

    async def _no_socket(self, socket: WebSocket) -> None:
        self.asked.append(socket.url.path)
        await socket.send_denial_response(JSONResponse({"message": "Route not found."}, 404))


@asynccontextmanager
async def following(
    server: ChatServer, time: FakeTime | None = None
) -> AsyncIterator[AsyncGenerator[ChatsEvent, None]]:
    async with serving(*server.routes) as url, RestClient(credentials(url)) as rest, asyncio.timeout(10):
        chats = Chats(rest, time.clock) if time else Chats(rest)
        async with aclosing(chats.follow()) as events:
            yield events


async def listed(events: Events) -> list[Chat]:
    event = await anext(events)
    assert isinstance(event, ChatsListed), event
    return list(event.chats)


@pytest.mark.parametrize("prefix", ["experimental", "v2"])
@pytest.mark.parametrize("wrapped", [False, True], ids=["bare", "wrapped"])
async def test_the_list_then_each_change(prefix: str, wrapped: bool) -> None:
    server = ChatServer(chat(1), chat(2, "waiting"), prefix=prefix, wrapped=wrapped)
    async with following(server) as events:
        assert [one.status for one in await listed(events)] == ["running", "waiting"]
        assert len(await listed(events)) == 2, "again behind the subscription: nothing falls in between"
        if wrapped:
            await server.raw('{"type":"ping","data":null}')
        await server.raw("not JSON")
        await server.raw('{"kind":"something_new","payload":[1]}')
        await server.raw('{"kind":"status_change","chat":{"id":7,"status":["odd"]}}')
        await server.say("context_dirty", chat(2))
        await server.say(
            "action_required", chat(1, "requires_action"), tool_calls=[{"tool_name": "deploy", "args": "{}"}]
        )
        kinds = []
        for _ in range(2):
            event = await anext(events)
            assert isinstance(event, ChatChanged)
            kinds.append((event.event.kind, event.event.chat.status))
        assert kinds == [("context_dirty", "running"), ("action_required", "requires_action")]
    wanted = {f"/api/{prefix}/chats?limit=50", f"/api/{prefix}/chats/watch"}
    assert set(server.asked) - {"/api/experimental/chats"} == wanted
    assert not any("/stream" in path for path in server.asked), "that would mark a chat as read"


@pytest.mark.parametrize("status", [403, 404])
async def test_a_deployment_without_chats(status: int) -> None:
    server = ChatServer()
    server.list_answer = JSONResponse({"message": "Experiment is not enabled."}, status)
    async with following(server) as events:
        event = await anext(events)
        assert isinstance(event, ChatsOff)
        with pytest.raises(StopAsyncIteration):
            await anext(events)
    assert server.asked == ["/api/experimental/chats?limit=50", "/api/v2/chats"]


@pytest.mark.parametrize(
    "answer",
    [
        Response('{"chats": []}', media_type="application/json"),
        Response("<html>", media_type="text/html"),
        JSONResponse({"message": "signed out"}, 401),
    ],
    ids=["another shape", "web page", "401"],
)
async def test_what_cannot_be_read_turns_it_off(answer: Response) -> None:
    server = ChatServer()
    server.list_answer = answer
    async with following(server) as events:
        assert isinstance(await anext(events), ChatsOff)


async def test_without_a_watch_the_list_is_read_now_and_then() -> None:
    time = FakeTime()
    server = ChatServer(chat(1))
    server.watch_status = 404
    async with following(server, time) as events:
        for _ in range(4):
            assert len(await listed(events)) == 1
    assert time.slept == [45.0] * 3
    assert server.asked.count("/api/experimental/chats/watch") == 1


async def test_a_lost_watch_comes_back_with_the_list() -> None:
    time = FakeTime()
    server = ChatServer(chat(1))
    async with following(server, time) as events:
        await listed(events)
        await listed(events)
        server.chats = [chat(1, "error"), chat(2)]
        for socket in list(server.sockets):
            await socket.close(1001)
        event = await anext(events)
        assert isinstance(event, ChatsLost)
        assert event.why == "the server is going away"
        assert [one.status for one in await listed(events)] == ["error", "running"]


async def test_no_more_than_fifty() -> None:
    server = ChatServer(*(chat(number) for number in range(80)))
    async with following(server) as events:
        assert len(await listed(events)) == 50


def test_shapes_of_older_and_newer_servers() -> None:
    old = Chat.read(json.dumps(chat(1, "error", last_error="rate limited", workspace_id=None, labels=None)))
    assert (old.last_error.message, old.workspace_id) == ("rate limited", "")
    new = Chat.read(
        json.dumps(chat(1, "error", last_error={"message": "busy", "kind": "overloaded", "retryable": True}))
    )
    assert (new.last_error.message, new.last_error.kind) == ("busy", "overloaded")
    assert ChatFrame.read('{"type":"error","data":{"message":"boom"}}').event is None
    assert ChatFrame.read('{"kind":"created","chat":{}}').event is None
