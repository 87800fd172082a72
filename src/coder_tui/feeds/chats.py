"""Chats as rows: one workspace per deployment that is not one, with an app for each chat.

A chat may have no workspace, or one that it shares with others; what a person does about it happens in the browser.
So all of them stand together, and the link of each opens it there.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import aclosing
from dataclasses import dataclass, replace
from datetime import UTC
from typing import TYPE_CHECKING

from coder_tui.client.backoff import Clock, sleep_or
from coder_tui.fleet.snapshot import CHATS, Agent, App, Status, Workspace
from coder_tui.text import one_line

if TYPE_CHECKING:
    from coder_tui.client.rest import RestClient
    from coder_tui.wire.chats import Chat

KEPT = 50
"""Statuses remembered for each chat, newest first."""
SHOWN = 50
"""Chats shown, the newest."""
PATIENCE = 3.0
"""Seconds that the first list of a deployment waits for its chats."""
_STATES = {
    "running": "working",
    "pending": "working",
    "interrupting": "working",
    "waiting": "idle",
    "paused": "idle",
    "completed": "complete",
    "error": "failure",
}
"""Coder's status -> ours. `requires_action` keeps its name and asks; so does one we do not know, which does not."""


@dataclass(frozen=True, slots=True)
class _Known:
    title: str
    statuses: tuple[Status, ...]


class ChatFeed:
    """Follows the chats of one deployment. `changed` is called when `row` is another."""

    def __init__(self, deployment: str, url: str, clock: Clock, changed: Callable[[], None]) -> None:
        self._deployment, self._url, self._clock, self._changed = deployment, url, clock, changed
        self._known: dict[str, _Known] = {}
        self._running: asyncio.Task[None] | None = None
        self.row: Workspace | None = None
        """The workspace that stands for all chats; None while there are none."""
        self.off = ""
        """Why the chats of this deployment are not followed; empty while they are."""
        self._settled = asyncio.Event()

    def start(self, rest: RestClient, group: asyncio.TaskGroup, *, asked: bool = False) -> None:
        """Follow them in a task of `group`, unless that is so or there are none; anew when a person asked for it."""
        if not asked and (self.off or (self._running and not self._running.done())):
            return
        if self._running:
            self._running.cancel()
        self._running = group.create_task(self._run(rest), name=f"chats:{self._deployment}")

    async def settled(self) -> None:
        """Wait (a moment at most) until it is known which chats there are: what is there at the start is no news."""
        if not self._settled.is_set():
            await sleep_or(self._settled, PATIENCE, self._clock)

    async def _run(self, rest: RestClient) -> None:
        from coder_tui.client.chats import ChatChanged, Chats, ChatsListed, ChatsOff

        self.off = ""
        async with aclosing(Chats(rest, self._clock).follow()) as events:
            async for event in events:
                match event:
                    case ChatsListed(chats):
                        wanted = [chat for chat in chats if _is_shown(chat)]
                        self._known = {chat.id: self._learn(chat) for chat in wanted}
                    case ChatChanged(change):
                        if change.kind == "deleted" or not _is_shown(change.chat):
                            self._known.pop(change.chat.id, None)
                        else:
                            self._known[change.chat.id] = self._learn(change.chat, change.kind)
                    case ChatsOff(why):
                        self.off, self._known = why, {}
                    case _:
                        continue  # the deployment's own link tells
                # the first look is told by the deployment's own list, in one breath with the rest
                self._show(quietly=not self._settled.is_set())
                self._settled.set()

    def _learn(self, chat: Chat, kind: str = "") -> _Known:
        """What is known of a chat now: a new status event, or better words for the one that stands."""
        at = chat.updated_at if chat.updated_at.year >= 1970 else self._clock.now()
        at = at.replace(tzinfo=UTC) if at.tzinfo is None else at.astimezone(UTC)
        status = one_line(chat.status)[:80]
        state = _STATES.get(status, status)
        asks = status == "requires_action"
        known = self._known.get(chat.id)
        statuses = known.statuses if known else ()
        title = one_line(chat.title)[:200] or (known.title if known else "") or "untitled chat"
        newest = statuses[0] if statuses else None
        if newest and (newest.state == state or (kind not in _TELLING and at <= newest.at)):
            words = _words(chat) or newest.message
            return _Known(title, (replace(newest, message=words), *statuses[1:]))
        at = max(at, newest.at) if newest else at
        event_id = f"chat:{one_line(chat.id)}:{status}:{at.isoformat()}"
        link = f"{self._url}/agents/{one_line(chat.id)}"
        return _Known(title, (Status(event_id, at, state, _words(chat), link, asks), *statuses)[:KEPT])

    def _show(self, *, quietly: bool) -> None:
        row = self._row()
        if row != self.row:
            self.row = row
            if not quietly:
                self._changed()

    def _row(self) -> Workspace | None:
        if not self._known:
            return None
        newest = sorted(self._known.items(), key=lambda item: item[1].statuses[0].at, reverse=True)[:SHOWN]
        apps = tuple(App(chat_id, chat_id, known.title, statuses=known.statuses) for chat_id, known in newest)
        agent = Agent(CHATS, CHATS, "connected", "ready", apps=apps)
        return Workspace(
            self._deployment,
            CHATS,
            CHATS,
            "",
            "running",
            "start",
            last_used_at=apps[0].statuses[0].at,
            agents=(agent,),
            last_status=apps[0].statuses[0],
            seen_at=self._clock.now(),
        )


_TELLING = frozenset({"status_change", "action_required", "created"})
"""Events whose status is news; the others may carry an older one than we know."""


def _is_shown(chat: Chat) -> bool:
    # a sub-agent's chat is part of its parent's work
    return not chat.archived and not chat.parent_chat_id


def _words(chat: Chat) -> str:
    """What there is to read: the error, else what the last finished turn did."""
    if chat.status == "error":
        return one_line(chat.last_error.message or chat.last_error.detail)[:500]
    return "" if chat.status in {"running", "pending"} else one_line(chat.last_turn_summary)[:500]
