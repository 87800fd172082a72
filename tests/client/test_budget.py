"""The request budget: never more than the limit in any minute, and a 429 holds everybody back."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route, WebSocketRoute
from starlette.websockets import WebSocket

from coder_tui.client.budget import WINDOW, Budget, retry_after
from coder_tui.client.rest import RestClient
from coder_tui.client.sockets import open_socket
from coder_tui.errors import ApiError
from tests.client.support import FakeTime, credentials, serving


@settings(max_examples=50, deadline=None)
@given(st.integers(1, 5), st.lists(st.floats(0, 40), min_size=1, max_size=30))
def test_no_window_holds_more_than_the_limit(limit: int, pauses: list[float]) -> None:
    async def run() -> list[float]:
        time = FakeTime()
        budget = Budget(time.clock, limit=limit)
        taken = []
        for pause in pauses:
            time.seconds += pause
            await budget.take()
            taken.append(time.seconds)
        return taken

    taken = asyncio.run(run())
    for first, later in zip(taken, taken[limit:], strict=False):
        assert later - first >= WINDOW - 1e-6
    assert all(a <= b for a, b in pairwise(taken))


async def test_it_waits_no_longer_than_needed() -> None:
    time = FakeTime()
    budget = Budget(time.clock, limit=2)
    for _ in range(2):
        await budget.take()
    time.seconds = 50.0
    assert budget.spent == 2
    await budget.take()
    assert time.slept == [10.0]
    assert budget.spent == 1


async def test_many_that_wait_are_let_through_in_turn() -> None:
    time = FakeTime()
    budget = Budget(time.clock, limit=3)
    await asyncio.gather(*(budget.take() for _ in range(9)))
    assert time.seconds >= 2 * WINDOW


def test_what_retry_after_means() -> None:
    assert retry_after({"Retry-After": "7"}) == 7
    assert retry_after({"retry-after": " 12 "}) == 12
    soon = format_datetime(datetime.now(UTC) + timedelta(seconds=20), usegmt=True)
    assert 18 <= retry_after({"retry-after": soon}) <= 20
    assert retry_after({"retry-after": "Wed, 21 Oct 2015 07:28:00 GMT"}) == 0
    for odd in ("", "soon", "-1", "1e9", "²"):
        assert retry_after({"retry-after": odd}) == 1


async def test_a_busy_socket_holds_back_rest_too() -> None:
    async def busy(socket: WebSocket) -> None:
        denial = JSONResponse({"message": "Too many requests."}, 429, headers={"Retry-After": "9"})
        await socket.send_denial_response(denial)

    async def me(request: Request) -> Response:
        return JSONResponse({"username": "kira"})

    time = FakeTime()
    routes = [WebSocketRoute("/api/v2/stream", busy), Route("/api/v2/users/me", me)]
    async with serving(*routes) as url, RestClient(credentials(url), clock=time.clock) as rest:
        with pytest.raises(ApiError, match="429 Too many requests"):
            await open_socket(rest.credentials, "stream", budget=rest.budget)
        assert not time.slept
        await rest.me()
    assert time.slept == [9.0]
