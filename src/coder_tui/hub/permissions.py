"""What agents' hooks ask and wait to be told: kept in memory, since the hook that asks is gone when the hub is."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime

from coder_tui.hub.problems import not_found
from coder_tui.report.evidence import SETTLE
from coder_tui.wire.replies import PendingPermission

LIMIT = 32
"""Questions of one agent that wait at once; the oldest is left unanswered."""


@dataclass(eq=False)
class Question:
    """One. `answer` becomes `allow`, `deny`, or "": nobody decided here."""

    agent_id: str
    slug: str
    asked: PendingPermission
    at: float
    answer: asyncio.Future[str] = field(default_factory=lambda: asyncio.get_running_loop().create_future())

    def settle(self, behavior: str) -> None:
        """Answer, unless that has happened."""
        if not self.answer.done():
            self.answer.set_result(behavior)


class Permissions:
    """All that wait. `clock` gives monotonic seconds."""

    def __init__(self, clock: Callable[[], float] | None = None) -> None:
        self._clock = clock or asyncio.get_running_loop().time
        self._waiting: dict[str, Question] = {}

    def ask(self, agent_id: str, slug: str, message: str) -> Question:
        """A hook asks. Whoever asked says `forget` in the end."""
        others = [one for one in self._waiting.values() if one.agent_id == agent_id]
        for old in others[: max(0, len(others) - LIMIT + 1)]:
            self.forget(old)
        asked = PendingPermission(id=str(uuid.uuid4()), message=message, asked_at=datetime.now(UTC))
        question = self._waiting[asked.id] = Question(agent_id, slug, asked, self._clock())
        return question

    def forget(self, question: Question) -> None:
        """It waits no more."""
        self._waiting.pop(question.asked.id, None)
        question.settle("")

    def of(self, agent_id: str, slug: str) -> list[PendingPermission]:
        """What waits, oldest first."""
        return [one.asked for one in self._waiting.values() if (one.agent_id, one.slug) == (agent_id, slug)]

    def decide(self, agent_id: str, permission_id: str, behavior: str) -> None:
        """A person decided. Raises Refused (404) when nobody waits for it."""
        question = self._waiting.get(permission_id)
        if question is None or question.agent_id != agent_id:
            raise not_found()
        question.settle(behavior)
        self.forget(question)

    def close(self) -> None:
        """The hub stops: nobody decides any more."""
        for one in list(self._waiting.values()):
            self.forget(one)

    def moved_on(self, agent_id: str, slug: str = "") -> None:
        """The app (or every app of the agent, at its end) does something else: it was answered in its terminal.

        Hooks run beside the agent: what one says right after the question may be from before it.
        """
        for one in list(self._waiting.values()):
            if one.agent_id == agent_id and (not slug or (one.slug == slug and self._clock() - one.at > SETTLE)):
                self.forget(one)
