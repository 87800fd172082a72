"""Agents that may speak now: those of the latest builds. Kept in memory so that a report costs no read."""

from __future__ import annotations

import json
import sqlite3
import uuid
from collections.abc import Mapping
from dataclasses import dataclass, replace

from coder_tui.hub.identity import unknown_agent
from coder_tui.hub.session import Program
from coder_tui.hub.template import Parameters


@dataclass(frozen=True, slots=True)
class LiveAgent:
    """An agent of a workspace's latest start build. `apps` maps slug to app id; `command` and
    `agentapi` (a base URL) are the first app's."""

    id: str
    token: str
    workspace_id: str
    workspace_name: str
    name: str
    directory: str
    env: Mapping[str, str]
    apps: Mapping[str, str]
    slug: str
    command: str
    connected: bool
    agentapi: str = ""

    @property
    def app_id(self) -> str:
        """The app the command belongs to: also the reconnect token of its terminal."""
        return self.apps[self.slug]

    def program(self, command: str, *, url: str, owner: str, socket: str = "") -> Program:
        """A command line, or a login shell, as this agent runs it (contract `01-auth`: variables set by the agent)."""
        return Program(
            command,
            self.directory,
            {
                **self.env,
                "TERM": "xterm-256color",
                "CODER": "true",
                "CODER_WORKSPACE_NAME": self.workspace_name,
                "CODER_WORKSPACE_ID": self.workspace_id,
                "CODER_WORKSPACE_OWNER_NAME": owner,
                "CODER_WORKSPACE_AGENT_NAME": self.name,
                "CODER_AGENT_URL": url,
                "CODER_AGENT_TOKEN": self.token,
                **({"CODER_AGENT_SOCKET_PATH": socket} if socket else {}),
                "CODER_MCP_APP_STATUS_SLUG": self.slug,
            },
        )


def app_id(workspace_id: str, agent: str, slug: str) -> str:
    """The same for every build of a workspace."""
    return str(uuid.uuid5(uuid.UUID(workspace_id), f"app/{agent}/{slug}"))


class Agents:
    """The live agents, by id and by token."""

    def __init__(self) -> None:
        self._by_id: dict[str, LiveAgent] = {}
        self._by_token: dict[str, LiveAgent] = {}

    def add(self, agent: LiveAgent) -> None:
        """From now on its token is good."""
        self._by_id[agent.id] = self._by_token[agent.token] = agent

    def connect(self, agent_id: str) -> None:
        """From now on it can be talked to."""
        self.add(replace(self._by_id[agent_id], connected=True))

    def remove(self, agent_id: str) -> None:
        """Superseded: its token is good no more."""
        agent = self._by_id.pop(agent_id, None)
        if agent is not None:
            del self._by_token[agent.token]

    def get(self, agent_id: str) -> LiveAgent | None:
        """By id."""
        return self._by_id.get(agent_id)

    def by_token(self, token: str) -> LiveAgent:
        """By token. Raises Refused (401)."""
        agent = self._by_token.get(token)
        if agent is None:
            raise unknown_agent()
        return agent

    def ids(self) -> list[str]:
        """The ids of all."""
        return list(self._by_id)

    def of_workspace(self, workspace_id: str) -> list[LiveAgent]:
        """All live agents of a workspace."""
        return [agent for agent in self._by_id.values() if agent.workspace_id == workspace_id]


def load_live(db: sqlite3.Connection) -> list[LiveAgent]:
    """What a hub that starts finds: the agents of latest builds that are successful starts."""
    rows = db.execute(
        "SELECT a.*, w.name AS workspace_name, b.parameters FROM agents a JOIN workspaces w ON w.id = a.workspace_id"
        " JOIN builds b ON b.id = a.build_id WHERE NOT w.deleted AND b.transition = 'start'"
        " AND b.job_status = 'succeeded' AND b.number = (SELECT max(number) FROM builds WHERE workspace_id = w.id)"
    ).fetchall()
    agents = []
    for row in rows:
        apps = db.execute(
            "SELECT slug, id, command FROM apps WHERE agent_id = ? ORDER BY slug", (row["id"],)
        ).fetchall()
        agents.append(
            LiveAgent(
                id=row["id"],
                token=row["token"],
                workspace_id=row["workspace_id"],
                workspace_name=row["workspace_name"],
                name=row["name"],
                directory=row["directory"],
                env=json.loads(row["environment"]),
                apps={app["slug"]: app["id"] for app in apps},
                slug=apps[0]["slug"],
                command=apps[0]["command"],
                connected=row["disconnected_at"] is None,
                agentapi=Parameters.load(row["parameters"]).agentapi,
            )
        )
    return agents
