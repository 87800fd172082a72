"""Agents that wait for a person to sign in somewhere, shown where people look for what needs them.

While an agent listens for a token that is not there, its workspace has one app more, `auth_<provider>`, whose status
asks for attention and links to the page. No app of a workspace can have that slug (names hold no underscore). It is
not stored: it is true only as long as the agent waits, and every client of the contract can show it.
"""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from types import MappingProxyType

from coder_tui.hub.agents import LiveAgent, app_id
from coder_tui.hub.clock import Clock, to_time
from coder_tui.wire.agents import WorkspaceAgent, WorkspaceApp
from coder_tui.wire.base import encode
from coder_tui.wire.statuses import MESSAGE_LIMIT, AppState, WorkspaceAppStatus
from coder_tui.wire.workspaces import Workspace


@dataclass(frozen=True, slots=True)
class Waiting:
    """One agent waits for one provider; `count` of its requests do. `since` in microseconds since the epoch."""

    agent: LiveAgent
    provider: str
    url: str
    why: str
    since: int
    status_id: str
    count: int = 1

    @property
    def app(self) -> WorkspaceApp:
        """The app that stands for it, without its status."""
        slug = f"auth_{self.provider}"
        return WorkspaceApp(
            id=app_id(self.agent.workspace_id, self.agent.name, slug),
            slug=slug,
            display_name=f"Sign in: {self.provider}",
        )

    @property
    def status(self) -> WorkspaceAppStatus:
        """What it says."""
        text = f"{self.agent.slug} waits for access to {self.provider}: " + (
            "open the link and sign in" if self.url else self.why
        )
        return WorkspaceAppStatus(
            id=self.status_id,
            created_at=to_time(self.since),
            workspace_id=self.agent.workspace_id,
            agent_id=self.agent.id,
            app_id=self.app.id,
            state=AppState.IDLE,
            message=text.encode()[:MESSAGE_LIMIT].decode("utf-8", "ignore"),
            uri=self.url,
            needs_user_attention=True,
        )


class Pending:
    """All who wait. Changed on the event loop; `current` may be read from any thread."""

    def __init__(self, clock: Clock, changed: Callable[[str], None]) -> None:
        """`changed` is called with the id of a workspace that looks different now."""
        self._clock, self._changed = clock, changed
        self.current: Mapping[str, tuple[Waiting, ...]] = MappingProxyType({})
        """Agent id to what it waits for."""

    @contextmanager
    def waiting(self, agent: LiveAgent, provider: str, url: str, why: str) -> Iterator[None]:
        """For the life of the context this agent waits for that provider."""
        self._count(agent, provider, 1, url, why)
        try:
            yield
        finally:
            self._count(agent, provider, -1)

    def _count(self, agent: LiveAgent, provider: str, by: int, url: str = "", why: str = "") -> None:
        listed = {waiting.provider: waiting for waiting in self.current.get(agent.id, ())}
        known = listed.get(provider)
        if known is None:
            listed[provider] = Waiting(agent, provider, url, why, self._clock(), str(uuid.uuid4()))
        elif known.count + by:
            listed[provider] = replace(known, count=known.count + by)
        else:
            del listed[provider]
        everyone = {**self.current, agent.id: tuple(listed.values())}
        if not listed:
            del everyone[agent.id]
        self.current = MappingProxyType(everyone)
        if known is None or provider not in listed:
            self._changed(agent.workspace_id)


def with_waiting(
    workspace: Workspace, current: Mapping[str, tuple[Waiting, ...]]
) -> tuple[Workspace, dict[str, bytes]]:
    """The workspace with the apps of those who wait, and the statuses of these apps as JSON, by app id."""
    build = workspace.latest_build
    if not current or not any(agent.id in current for resource in build.resources for agent in resource.agents):
        return workspace, {}

    def shown(agent: WorkspaceAgent) -> WorkspaceAgent:
        return agent.model_copy(update={"apps": [*agent.apps, *(waiting.app for waiting in current.get(agent.id, ()))]})

    resources = [
        resource.model_copy(update={"agents": [shown(agent) for agent in resource.agents]})
        for resource in build.resources
    ]
    changed = workspace.model_copy(update={"latest_build": build.model_copy(update={"resources": resources})})
    statuses = {w.app.id: encode(w.status)[:-1] for waiting in current.values() for w in waiting}
    return changed, statuses
