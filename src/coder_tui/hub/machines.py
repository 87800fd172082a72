"""Agents of cloud machines: a machine that proves its instance id gets the token of the agent registered with it."""

from __future__ import annotations

import asyncio
import json
import sqlite3
from pathlib import Path
from typing import TYPE_CHECKING

from coder_tui.hub.agents import Agents, LiveAgent
from coder_tui.hub.config import IdentityTable
from coder_tui.hub.problems import Refused
from coder_tui.hub.storage import Storage

if TYPE_CHECKING:
    from coder_tui.hub.instance_identity.service import IdentityService


class Machines:
    """Verifies proofs and finds agents. Cryptography is loaded with the first proof, or to check the owner's files."""

    def __init__(self, table: IdentityTable | None, data_dir: Path, storage: Storage, agents: Agents) -> None:
        self._table, self._data_dir, self._storage, self._agents = table, data_dir, storage, agents
        self._service: IdentityService | None = None
        self._lock = asyncio.Lock()

    async def check(self) -> None:
        """Whether the files that the owner named can be used. Raises ConfigError naming the file."""
        if self._table is not None:
            await self.service()

    async def service(self) -> IdentityService:
        """The verifier, made when first needed. Raises ConfigError."""
        async with self._lock:
            if self._service is None:
                self._service = await asyncio.to_thread(self._make)
        return self._service

    def _make(self) -> IdentityService:
        from coder_tui.hub.instance_identity.service import IdentityService

        return IdentityService((self._table or IdentityTable()).service_config(self._data_dir))

    async def agent(self, instance_id: str, name: str) -> LiveAgent:
        """The agent registered with that instance id; `name` picks among several.

        Raises Refused: 404 none, 400 only one of a build that is not the latest any more, 409 several.
        """

        def work(db: sqlite3.Connection) -> list[tuple[str, str]]:
            rows = db.execute(
                "SELECT a.id, a.name FROM agents a JOIN workspaces w ON w.id = a.workspace_id"
                " WHERE a.instance_id != '' AND lower(a.instance_id) = lower(?) AND NOT w.deleted",
                (instance_id,),
            )
            return [(row["id"], row["name"]) for row in rows]

        quoted = json.dumps(instance_id)
        registered = await self._storage.read(work)
        if not registered:
            raise Refused(404, f"Instance with id {quoted} not found.")
        named = [agent_id for agent_id, called in registered if name in {"", called}]
        if not named:
            what = f"No agent found with instance ID {quoted} and name {json.dumps(name[:80])}."
            raise Refused(404, what)
        live = [agent for agent in map(self._agents.get, named) if agent is not None]
        if not live:
            raise Refused(400, f"Resource found for id {quoted}, but isn't registered on the latest history.")
        if len(live) > 1:
            names = ", ".join(sorted(agent.name for agent in live))
            raise Refused(
                409, f"Multiple agents found with instance ID {quoted}. Set CODER_AGENT_NAME to one of: {names}"
            )
        return live[0]
