"""Who waits for what: topics with coalescing subscriptions.

A subscription holds no queue, only "something changed since you last looked": a slow watcher wakes to the newest
state, however much it missed, and costs the same memory for ever.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager


def workspace_topic(workspace_id: str) -> str:
    """Any visible change of a workspace."""
    return f"workspace:{workspace_id}"


def agent_logs_topic(agent_id: str) -> str:
    """New log lines of an agent; ends when the agent leaves its workspace's latest build."""
    return f"agent-logs:{agent_id}"


def build_logs_topic(build_id: str) -> str:
    """New log lines of a build; ends with its job."""
    return f"build-logs:{build_id}"


INBOX = "inbox"
"""New notifications."""
SHARED = "shared"
"""What clients of the hub share: standings, refused reports."""
DERP_MAP = "derp-map"
"""Nothing is published here: its watchers look by themselves, and learn that the hub stops."""
TAILNET = "tailnet"
"""As `DERP_MAP`, for the sessions of the tailnet RPC."""
FLEET = "fleet"
"""Any visible change of any workspace."""
CONTAINERS = "containers"
"""As `DERP_MAP`, for watchers of containers."""


def agent_metadata_topic(agent_id: str) -> str:
    """New values of an agent's metadata."""
    return f"agent-metadata:{agent_id}"


class Subscription:
    """One watcher's view of a topic. `ended`: nothing more will come. `closing`: the hub stops."""

    __slots__ = ("_wake", "closing", "ended")

    def __init__(self) -> None:
        self._wake = asyncio.Event()
        self.ended = False
        self.closing = False

    async def changed(self) -> None:
        """Wait for a change since the last call, or the end."""
        await self._wake.wait()
        if not (self.ended or self.closing):
            self._wake.clear()

    async def changed_within(self, seconds: float) -> bool:
        """Like `changed`, but for so many seconds at most: whether it came."""
        try:
            async with asyncio.timeout(seconds):
                await self.changed()
        except TimeoutError:
            return False
        return True

    async def rest(self, seconds: float) -> None:
        """Let changes pass for so many seconds; the end cuts it short. Look for yourself afterwards."""
        loop = asyncio.get_running_loop()
        until = loop.time() + seconds
        while not (self.ended or self.closing) and (left := until - loop.time()) > 0:
            await self.changed_within(left)

    async def settled(self, seconds: float) -> None:
        """Wait for a change, then let others pass that come within so many seconds: a burst is one look."""
        await self.changed()
        await self.rest(seconds)

    def wake(self) -> None:
        """Something changed."""
        self._wake.set()


class Topics:
    """All subscriptions of the hub. Everything here runs on the event loop."""

    def __init__(self) -> None:
        self._topics: dict[str, set[Subscription]] = {}
        self.closing = False

    @contextmanager
    def subscribe(self, topic: str) -> Iterator[Subscription]:
        """Watch `topic` for the life of the context."""
        subscription = Subscription()
        if self.closing:
            subscription.closing = True
            subscription.wake()
        members = self._topics.setdefault(topic, set())
        members.add(subscription)
        try:
            yield subscription
        finally:
            members.discard(subscription)
            if not members and self._topics.get(topic) is members:
                del self._topics[topic]

    def publish(self, topic: str) -> None:
        """Tell every watcher of `topic` that it changed."""
        for subscription in self._topics.get(topic, ()):
            subscription.wake()

    def end(self, topic: str) -> None:
        """Tell every watcher of `topic` that nothing more will come."""
        for subscription in self._topics.get(topic, ()):
            subscription.ended = True
            subscription.wake()

    def close(self) -> None:
        """The hub stops: wake everyone."""
        self.closing = True
        for members in self._topics.values():
            for subscription in members:
                subscription.closing = True
                subscription.wake()
