"""The REST client against a real server: what is sent, what is read, what each failure is called."""

from __future__ import annotations

import socket
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, RedirectResponse, Response
from starlette.routing import Route

from coder_tui.client.rest import RestClient
from coder_tui.errors import ApiError, CredentialsError, ProtocolError, UnreachableError
from coder_tui.wire.base import encode
from coder_tui.wire.workspaces import CreateWorkspaceBuild, Workspace
from tests.client.support import TOKEN, FakeTime, credentials, serving

Handler = Callable[[Request], Response]


def uuid(number: int) -> str:
    return f"00000000-0000-4000-8000-{number:012x}"


def page(numbers: list[int], count: int) -> Response:
    body = {"workspaces": [Workspace(id=uuid(number)) for number in numbers], "count": count}
    return Response(encode(body), media_type="application/json")


def answering(handler: Handler, path: str = "/api/v2/users/me") -> Route:
    async def endpoint(request: Request) -> Response:
        await request.body()
        return handler(request)

    return Route(path, endpoint, methods=["GET", "POST", "PUT"])


async def test_what_is_sent_and_read() -> None:
    seen: list[Request] = []

    def me(request: Request) -> Response:
        seen.append(request)
        return JSONResponse({"username": "kira", "from_the_future": 1})

    async with serving(answering(me)) as url, RestClient(credentials(url)) as rest:
        assert (await rest.me()).username == "kira"
        assert rest.latency_ms is not None
        assert rest.latency_ms > 0
    assert seen[0].headers["coder-session-token"] == TOKEN
    assert TOKEN not in str(seen[0].url)
    assert seen[0].headers["user-agent"].startswith("coder-tui/")


async def test_posts_send_what_the_server_reads() -> None:
    bodies: list[Any] = []

    async def build(request: Request) -> Response:
        bodies.append(await request.json())
        return JSONResponse({"id": uuid(7), "transition": "start"}, status_code=201)

    async def extend(request: Request) -> Response:
        bodies.append(await request.json())
        return Response(status_code=204)

    routes = [
        Route("/api/v2/workspaces/w/builds", build, methods=["POST"]),
        Route("/api/v2/workspaces/w/extend", extend, methods=["PUT"]),
    ]
    async with serving(*routes) as url, RestClient(credentials(url)) as rest:
        assert (await rest.create_build("w", CreateWorkspaceBuild(transition="start"))).id == uuid(7)
        await rest.extend("w", datetime(2026, 1, 2, tzinfo=UTC))
    assert bodies == [{"transition": "start"}, {"deadline": "2026-01-02T00:00:00Z"}]


async def test_every_page_is_read() -> None:
    queries: list[dict[str, str]] = []

    def listing(request: Request) -> Response:
        queries.append(dict(request.query_params))
        offset, limit = int(request.query_params["offset"]), int(request.query_params["limit"])
        numbers = list(range(offset, min(5, offset + limit)))
        return page(numbers, 5 if numbers else 0)

    async with serving(answering(listing, "/api/v2/workspaces")) as url, RestClient(credentials(url)) as rest:
        found = await rest.workspaces("owner:me", limit=2)
    assert [workspace.id for workspace in found] == [uuid(number) for number in range(5)]
    assert [query["offset"] for query in queries] == ["0", "2", "4"]
    assert {query["q"] for query in queries} == {"owner:me"}


async def test_a_row_that_moves_between_pages_is_neither_lost_nor_doubled() -> None:
    # while we read, row 3 is favoured and jumps to the front: the second page shows row 1 again
    orders = [[0, 1, 2, 3], [3, 0, 1, 2], [3, 0, 1, 2], [3, 0, 1, 2]]

    def listing(request: Request) -> Response:
        offset = int(request.query_params["offset"])
        order = orders.pop(0)
        return page(order[offset : offset + 2], 4)

    async with serving(answering(listing, "/api/v2/workspaces")) as url, RestClient(credentials(url)) as rest:
        found = await rest.workspaces(limit=2)
    assert sorted(workspace.id for workspace in found) == [uuid(number) for number in range(4)]
    assert not orders


async def test_a_list_that_did_not_change_is_not_sent_again() -> None:
    numbers, asked = [0, 1, 2, 3, 4], list[str]()

    def listing(request: Request) -> Response:
        offset = int(request.query_params["offset"])
        shown = numbers[offset : offset + 2]
        tag = f'"{shown}-{len(numbers)}"'
        asked.append(("if-none-match" in request.headers and "unless") or "all")
        if request.headers.get("if-none-match") == tag:
            return Response(status_code=304, headers={"etag": tag})
        answer = page(shown, len(numbers))
        answer.headers["etag"] = tag
        return answer

    tags: list[str] = []
    async with serving(answering(listing, "/api/v2/workspaces")) as url, RestClient(credentials(url)) as rest:
        assert len(await rest.workspaces_unless(tags, limit=2) or []) == 5
        assert await rest.workspaces_unless(tags, limit=2) is None
        assert asked == ["all"] * 3 + ["unless"] * 3
        numbers[3] = 7  # on the second page
        assert {one.id for one in await rest.workspaces_unless(tags, limit=2) or []} == set(map(uuid, numbers))
        assert await rest.workspaces_unless(tags, limit=2) is None
        numbers.clear()
        assert await rest.workspaces_unless(tags, limit=2) == []


async def test_a_list_without_tags_is_read_each_time() -> None:
    tags: list[str] = []
    route = answering(lambda _: page([1], 1), "/api/v2/workspaces")
    async with serving(route) as url, RestClient(credentials(url)) as rest:
        for _ in range(2):
            assert len(await rest.workspaces_unless(tags) or []) == 1


async def test_big_lists_and_null_lists() -> None:
    lines = [{"id": number, "output": "x" * 100, "created_at": "2026-01-01T00:00:00Z"} for number in range(2000)]
    route = answering(lambda _: JSONResponse(lines), "/api/v2/workspaceagents/a/logs")
    null = answering(lambda _: Response("null\n", media_type="application/json"), "/api/v2/workspacebuilds/b/logs")
    async with serving(route, null) as url, RestClient(credentials(url)) as rest:
        assert [line.id for line in await rest.agent_logs("a")] == list(range(2000))
        assert await rest.build_logs("b") == []


@pytest.mark.parametrize(
    ("answer", "error", "words"),
    [
        (
            JSONResponse({"message": "You are signed out.", "detail": "key expired"}, 401),
            CredentialsError,
            r"does not accept the session token: You are signed out\. key expired.*coder-tui login",
        ),
        (
            JSONResponse({"message": "Validation failed.", "validations": [{"field": "q", "detail": "bad"}]}, 400),
            ApiError,
            r"400 Validation failed\. q: bad",
        ),
        (HTMLResponse("<h1>Bad gateway</h1>", 502), ApiError, "502 Bad Gateway"),
        (Response(b"\xff\x00", 500), ApiError, "500 Internal Server Error"),
        (JSONResponse(["not", "a", "problem"], 404), ApiError, "404 Not Found"),
        (JSONResponse({"message": "\x1b[31mred\x1b[0m"}, 403), ApiError, "403 red$"),
        (RedirectResponse("https://other.example.com/api/v2/users/me", 307), ApiError, "redirects to https://other"),
        (HTMLResponse("<h1>Please log in</h1>", 200), ApiError, "a web page answered in place of the API"),
        (Response('{"username": ', 200, media_type="application/json"), ProtocolError, "unreadable User"),
    ],
    ids=["401", "validation", "html", "bytes", "odd json", "escapes", "redirect", "login page", "cut json"],
)
async def test_what_failures_are_called(answer: Response, error: type[Exception], words: str) -> None:
    async with serving(answering(lambda _: answer)) as url, RestClient(credentials(url)) as rest:
        with pytest.raises(error, match=words) as caught:
            await rest.me()
    assert TOKEN not in str(caught.value)
    if isinstance(caught.value, ApiError):
        assert caught.value.status == answer.status_code


async def test_busy_servers_are_given_the_time_they_ask_for() -> None:
    answers = [
        JSONResponse({"message": "slow down"}, 429, headers={"Retry-After": "7"}),
        JSONResponse({"username": "kira"}),
    ]
    time = FakeTime()
    async with serving(answering(lambda _: answers.pop(0))) as url:
        async with RestClient(credentials(url), clock=time.clock) as rest:
            assert (await rest.me()).username == "kira"
        assert time.slept == [7.0]

    always = JSONResponse({"message": "slow down"}, 429, headers={"Retry-After": "3600"})
    async with serving(answering(lambda _: always)) as url, RestClient(credentials(url), clock=time.clock) as rest:
        with pytest.raises(ApiError, match="429 slow down"):
            await rest.me()
    assert time.slept == [7.0], "nobody waits an hour"


async def test_a_dead_url_and_a_dead_name() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    async with RestClient(credentials(f"http://127.0.0.1:{port}")) as rest:
        with pytest.raises(UnreachableError, match=f"cannot reach http://127.0.0.1:{port}: connection refused"):
            await rest.me()


async def test_a_server_that_never_answers() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        url = f"http://127.0.0.1:{listener.getsockname()[1]}"
        async with RestClient(credentials(url), timeout=0.05) as rest:
            with pytest.raises(UnreachableError, match="no answer in time"):
                await rest.me()


async def test_tls_to_a_server_without_it() -> None:
    async with (
        serving(answering(lambda _: JSONResponse({}))) as url,
        RestClient(credentials(url.replace("http:", "https:"))) as rest,
    ):
        with pytest.raises(UnreachableError, match="cannot reach https:"):
            await rest.me()


@pytest.mark.parametrize("proxy", ["socks5://me:secret@127.0.0.1:9", "nonsense://me:secret@127.0.0.1:9"])
async def test_a_proxy_that_cannot_be_used(proxy: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ALL_PROXY", proxy)
    with pytest.raises(UnreachableError, match=r"the proxy in the environment.*NO_PROXY") as caught:
        RestClient(credentials("https://coder.example.com"))
    assert "secret" not in str(caught.value)
    async with (
        serving(answering(lambda _: JSONResponse({"username": "kira"}))) as url,
        RestClient(credentials(url)) as rest,
    ):
        assert (await rest.me()).username == "kira", "no proxy is between us and this machine"
