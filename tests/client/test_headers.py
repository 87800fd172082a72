"""Header commands: run once, never quoted, never in the way; and the headers reach every kind of request."""

from __future__ import annotations

import asyncio
import os
from contextlib import aclosing
from dataclasses import replace
from pathlib import Path
from uuid import uuid4

import pytest
from starlette.datastructures import Headers
from starlette.requests import Request
from starlette.responses import JSONResponse, Response, StreamingResponse
from starlette.routing import Route, WebSocketRoute
from starlette.websockets import WebSocket

from coder_tui.client.headers import command_headers
from coder_tui.client.rest import RestClient
from coder_tui.client.streams import Streams, Watched
from coder_tui.errors import CredentialsError
from tests.client.support import credentials, serving

URL = "https://dev.acme.io"


def test_each_line_is_a_header(tmp_path: Path) -> None:
    runs = tmp_path / "runs"
    command = f"echo run >> {runs}; echo CF-Access={'{'}$CODER_URL{'}'}; echo; echo X-Sig=a=b,c"
    expected = (("CF-Access", f"{{{URL}}}"), ("X-Sig", "a=b,c"))
    assert command_headers(command, URL) == expected
    assert command_headers(command, URL) == expected
    assert runs.read_text() == "run\n", "once for a process"
    assert dict(command_headers(command, "https://other"))["CF-Access"] == "{https://other}"
    assert command_headers("true", URL) == ()


@pytest.mark.parametrize(
    ("command", "why"),
    [
        ("echo A=secret; exit 3", "it ended with code 3"),
        ("echo secret", "each header must be name=value"),
        ("echo 'A B=secret'", "each header must be name=value"),
        (r"printf 'A=sec\001ret'", "the value of A has control characters"),
        (r"printf '\377secret'", "its output is not text"),
        ("no-such-command-here", "it ended with code 127"),
    ],
)
def test_what_can_be_wrong(command: str, why: str) -> None:
    with pytest.raises(CredentialsError, match=why) as caught:
        command_headers(command, URL)
    assert "secret" not in str(caught.value)
    assert f"the header command for {URL} failed" in str(caught.value)


def test_a_command_that_hangs_is_killed_with_its_children(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "child")
    reader = os.open(tmp_path / "child", os.O_RDONLY | os.O_NONBLOCK)
    with pytest.raises(CredentialsError, match=r"it took longer than 0\.3 s"):
        command_headers(f"(echo up; exec sleep 600) > {tmp_path}/child & wait", URL, 0.3)
    os.set_blocking(reader, True)
    with os.fdopen(reader) as child:
        assert child.read() == "up\n", "read to the end: nobody has it open any more"


async def test_the_headers_reach_rest_sockets_and_events(tmp_path: Path) -> None:
    seen: dict[str, str] = {}
    workspace = f'{{"id":"{uuid4()}","name":"dev"}}'

    def note(kind: str, headers: Headers) -> None:
        seen[kind] = headers.get("x-sig", "")

    async def me(request: Request) -> Response:
        note("rest", request.headers)
        return JSONResponse({"username": "kira"})

    async def watch_ws(socket: WebSocket) -> None:
        note("socket", socket.headers)
        await socket.send_denial_response(JSONResponse({"message": "Route not found."}, 404))

    async def watch(request: Request) -> Response:
        note("events", request.headers)
        return StreamingResponse(iter([f"event: data\ndata: {workspace}\n\n"]), media_type="text/event-stream")

    routes = [
        Route("/api/v2/users/me", me),
        Route("/api/v2/workspaces/{id}/watch", watch),
        WebSocketRoute("/api/v2/workspaces/{id}/watch-ws", watch_ws),
    ]
    async with serving(*routes) as url:
        found = replace(credentials(url), header_command=f"echo X-Sig={tmp_path.name}")
        async with await asyncio.to_thread(RestClient, found) as rest:
            await rest.me()
            async with aclosing(Streams(rest).watch(workspace[7:43])) as events:
                assert isinstance(await anext(events), Watched)
    assert seen == dict.fromkeys(("rest", "socket", "events"), tmp_path.name)


def test_a_failed_command_is_told_by_the_client() -> None:
    found = replace(credentials("http://127.0.0.1:1"), header_command="exit 7")
    with pytest.raises(CredentialsError, match="code 7"):
        RestClient(found)
    assert "exit 7" not in repr(found)
