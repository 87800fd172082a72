"""Follows the AgentAPI of each agent that has one: evidence for its app, and a way to answer it.

AgentAPI 0.12.1: `GET /status`, `GET /events` (server-sent events), `POST /message`. It comes up after its agent, and
may go and come back; while it is away it says nothing.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from typing import TYPE_CHECKING

from coder_tui.errors import ProtocolError
from coder_tui.hub.problems import Refused, not_found
from coder_tui.report.agentapi import Conversation, Seen
from coder_tui.text import one_line
from coder_tui.wire.replies import AgentApiWay
from coder_tui.wire.sse import SseParser

if TYPE_CHECKING:
    import httpx

    from coder_tui.hub.agents import LiveAgent
    from coder_tui.hub.core import Hub

FIRST, LONGEST = 0.25, 30.0
"""Seconds between two attempts to follow it, doubling."""
EVENT_LIMIT = 4 << 20
"""Bytes of one event."""
_BODY = 64 << 10  # of an answer


class AgentApis:
    """One task for each agent with an AgentAPI."""

    def __init__(self, hub: Hub) -> None:
        self._hub = hub
        self._tasks: dict[str, asyncio.Task[None]] = {}

    def start(self, agent: LiveAgent) -> None:
        """Follow it, if it has one."""
        if agent.agentapi and agent.id not in self._tasks:
            self._tasks[agent.id] = asyncio.create_task(self._follow(agent), name=f"agentapi:{agent.workspace_name}")

    async def stop(self, agent_id: str = "") -> None:
        """Follow it, or all, no more."""
        tasks = [self._tasks.pop(one) for one in list(self._tasks) if one == agent_id or not agent_id]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def way(self, agent: LiveAgent) -> AgentApiWay | None:
        """How it stands now; None for an agent without one."""
        if not agent.agentapi:
            return None
        import httpx

        try:
            async with _client(5.0) as http:
                answer = await http.get(f"{agent.agentapi}/status")
            found = answer.json() if answer.status_code == 200 else None
        except (httpx.HTTPError, ValueError) as error:
            return AgentApiWay(url=agent.agentapi, why=_why(error))
        if not isinstance(found, dict) or not isinstance(found.get("status"), str):
            return AgentApiWay(url=agent.agentapi, why=f"HTTP {answer.status_code}, and no status")
        return AgentApiWay(url=agent.agentapi, status=one_line(found["status"])[:40])

    async def send(self, agent: LiveAgent, content: str) -> None:
        """A message of the person. Raises Refused: 404 without an AgentAPI, 409 when it is busy, 502."""
        if not agent.agentapi:
            raise not_found()
        import httpx

        try:
            async with _client(20.0) as http:  # it answers when the agent has begun
                answer = await http.post(f"{agent.agentapi}/message", json={"content": content, "type": "user"})
        except httpx.HTTPError as error:
            raise Refused(502, "AgentAPI does not answer.", _why(error)) from None
        if answer.status_code != 200:
            raise Refused(409, "AgentAPI did not take the message.", _detail(answer))

    async def _follow(self, agent: LiveAgent) -> None:
        import httpx  # a hub that nobody gave one does without

        watch, delay = self._hub.witnesses.of(agent, agent.slug), FIRST
        async with _client(httpx.Timeout(10.0, read=None)) as http:  # there may be nothing to say for hours
            while True:
                try:
                    async with http.stream("GET", f"{agent.agentapi}/events") as stream:
                        async for seen in _seen(stream):
                            watch.agentapi(seen.state, seen.message)
                            delay = FIRST
                except (httpx.HTTPError, ProtocolError):
                    pass
                watch.agentapi_lost()
                await asyncio.sleep(delay)
                delay = min(LONGEST, 2 * delay)


async def _seen(stream: httpx.Response) -> AsyncIterator[Seen]:
    """What the events say, until they end; nothing of an answer that is none."""
    if stream.status_code != 200 or not stream.headers.get("content-type", "").startswith("text/event-stream"):
        return
    parser, conversation = SseParser(EVENT_LIMIT), Conversation()
    async for data in stream.aiter_bytes():
        for event in parser.feed(data):
            seen = conversation.event(event.type, event.data)
            if seen is not None:
                yield seen


def _client(timeout: float | httpx.Timeout) -> httpx.AsyncClient:
    """No proxy, no redirect: it is where we were told, or it is not."""
    import httpx

    return httpx.AsyncClient(timeout=timeout, trust_env=False)


def _why(error: Exception) -> str:
    return one_line(str(error))[:200] or type(error).__name__


def _detail(answer: httpx.Response) -> str:
    """RFC 7807: detail, and what is wrong with it."""
    try:
        found = json.loads(answer.content[:_BODY])
        words = [found.get("title"), found.get("detail"), *(one.get("message") for one in found.get("errors") or ())]
    except (ValueError, AttributeError, TypeError):
        words = []
    said = " ".join(dict.fromkeys(one_line(word) for word in words if isinstance(word, str) and word))
    return said[:300] or f"HTTP {answer.status_code}"
