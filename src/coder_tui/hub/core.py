"""The hub itself: what is open, who is live, and how a change becomes known. No HTTP here."""

from __future__ import annotations

import sqlite3
import uuid
from pathlib import Path

from coder_tui.hub.agent_socket import AgentSockets
from coder_tui.hub.agentapi import AgentApis
from coder_tui.hub.agents import Agents, load_live
from coder_tui.hub.builds import Builds
from coder_tui.hub.clock import Clock, from_time, rising_clock, to_time
from coder_tui.hub.config import HubConfig, load_hub_config
from coder_tui.hub.derp import DERP_FILE, DerpFile
from coder_tui.hub.events import INBOX, SHARED, Topics, agent_logs_topic, workspace_topic
from coder_tui.hub.external_auth import providers
from coder_tui.hub.fanout import Fan
from coder_tui.hub.git_key import GitKey
from coder_tui.hub.identity import Site, local_user, user_token
from coder_tui.hub.keys import Keys
from coder_tui.hub.limits import API_PER_MINUTE, Limit
from coder_tui.hub.logs import Line, Tails, append, hub_source_id
from coder_tui.hub.machines import Machines
from coder_tui.hub.metadata import Gauges
from coder_tui.hub.pending import Pending
from coder_tui.hub.permissions import Permissions
from coder_tui.hub.pictures import Pictures
from coder_tui.hub.resume import ResumeTokens
from coder_tui.hub.session import HANGUP_GRACE
from coder_tui.hub.sessions import GRACE, Sessions
from coder_tui.hub.signed import Tickets
from coder_tui.hub.snapshots import Snapshots
from coder_tui.hub.standings import Refusals
from coder_tui.hub.storage import Storage
from coder_tui.hub.witnesses import Witnesses
from coder_tui.wire.logs import LogLevel
from coder_tui.wire.shared import Refusal

DATABASE, TOKEN_FILE = "hub.db", "hub.token"


class Hub:
    """Everything the routes need. Make it with `Hub.open`, end it with `stop`; one event loop."""

    def __init__(
        self,
        data_dir: Path,
        config: HubConfig,
        storage: Storage,
        site: Site,
        token: str,
        *,
        url: str,
        clock: Clock,
        sessions: Sessions,
    ) -> None:
        self.storage, self.site, self.token, self.url, self.clock = storage, site, token, url, clock
        self.data_dir, self.sessions = data_dir, sessions
        self.agents = Agents()
        self.topics = Topics()
        self.tails = Tails(storage)
        self.pending = Pending(clock, self.changed)
        self.fan = Fan(self.topics)
        self.snapshots = Snapshots(storage, site, self.pending)
        self.pictures = Pictures(storage, self.topics)
        self.resume = ResumeTokens(clock)
        self.builds = Builds(self)
        self.witnesses = Witnesses(self)
        self.agent_sockets = AgentSockets(self)
        self.agentapis = AgentApis(self)
        self.permissions = Permissions()
        self.derp = DerpFile(storage.path.parent / DERP_FILE)
        self.refusals = Refusals()
        self.gauges = Gauges(self.topics, sessions.pids)
        self.limit = Limit(API_PER_MINUTE)
        self.tickets = Tickets(clock)
        self.keys = Keys(storage, clock, token, from_time(site.user.created_at))
        self.machines = Machines(config.identity, data_dir, storage, self.agents)
        self.providers = providers(config.external_auth, data_dir)
        self.git_key = GitKey(data_dir)

    @classmethod
    async def open(
        cls,
        data_dir: Path,
        *,
        url: str,
        clock: Clock | None = None,
        grace: float = GRACE,
        hangup_grace: float = HANGUP_GRACE,
    ) -> Hub:
        """Open the data directory (which must exist) and take up where the last hub stopped.

        `url` is where agents find us; `grace` and `hangup_grace` (seconds) are those of `Sessions`.
        Raises StorageError, and ConfigError for a `hub.toml` that is wrong.
        """
        clock = clock or rising_clock()
        config = load_hub_config(data_dir)
        token = user_token(data_dir / TOKEN_FILE)
        storage = Storage(data_dir / DATABASE)
        try:
            site = await storage.write(lambda db: _site(db, clock()))
            sessions = Sessions(grace=grace, hangup_grace=hangup_grace)
            hub = cls(data_dir, config, storage, site, token, url=url, clock=clock, sessions=sessions)
            await storage.write(lambda db: _recover(db, clock()))
            await hub.keys.load()
            await hub.machines.check()
            for agent in await storage.read(load_live):
                hub.agents.add(agent)
                await hub.agent_sockets.open(agent.id)
                hub.agentapis.start(agent)
            hub.builds.start()
        except BaseException:
            storage.close()
            raise
        return hub

    async def stop(self) -> None:
        """Close streams (1001), end programs, and close the database."""
        self.topics.close()
        await self.builds.stop()
        self.witnesses.close()  # how programs end now is not their doing
        await self.sessions.close()
        await self.agent_sockets.stop()
        await self.agentapis.stop()
        await self.witnesses.settled()
        self.storage.close()

    def changed(self, workspace_id: str, *, quietly: bool = False) -> None:
        """A change of this workspace is committed. `quietly`: readers see it, watchers are not woken."""
        self.snapshots.changed(workspace_id)
        if not quietly:
            self.pictures.changed(workspace_id)
            self.topics.publish(workspace_topic(workspace_id))

    def refuse(self, agent_id: str, slug: str) -> None:
        """An agent reported for an app it has not got. `slug` is clean."""
        self.refusals.note(agent_id, slug, self.clock())
        self.topics.publish(SHARED)

    def refused(self) -> list[Refusal]:
        """Such reports of agents that are live."""
        return self.refusals.every(self.agents.ids())

    def notified(self) -> None:
        """New notifications are committed."""
        self.topics.publish(INBOX)

    def logged(self, agent_id: str) -> None:
        """New log lines of this agent are committed."""
        self.tails.changed(agent_id)
        self.topics.publish(agent_logs_topic(agent_id))

    async def say(self, agent_id: str, workspace_id: str, text: str, level: str = LogLevel.INFO) -> None:
        """A line of the hub's own in an agent's log."""
        source, now = hub_source_id(agent_id), self.clock()
        await self.storage.write(lambda db: append(db, agent_id, source, [Line(level, text)], now))
        self.logged(agent_id)


def _site(db: sqlite3.Connection, now: int) -> Site:
    db.execute("INSERT OR IGNORE INTO settings VALUES ('deployment_id', ?)", (str(uuid.uuid4()),))
    db.execute("INSERT OR IGNORE INTO settings VALUES ('created_at', ?)", (str(now),))
    settings = dict(tuple(row) for row in db.execute("SELECT key, value FROM settings"))
    return Site(settings["deployment_id"], local_user(settings["deployment_id"], to_time(int(settings["created_at"]))))


def _recover(db: sqlite3.Connection, now: int) -> None:
    """The last hub's programs died with it: say so. Statuses stay as they were reported."""
    db.execute(
        "UPDATE builds SET job_status = CASE job_status WHEN 'canceling' THEN 'canceled' ELSE 'failed' END,"
        " job_error = CASE job_status WHEN 'canceling' THEN '' ELSE 'the hub stopped during the build' END,"
        " started_at = coalesce(started_at, ?1), completed_at = ?1, updated_at = ?1"
        " WHERE job_status IN ('pending', 'running', 'canceling')",
        (now,),
    )
    db.execute(
        "UPDATE agents SET disconnected_at = ?1, updated_at = ?1 WHERE disconnected_at IS NULL"
        " AND (EXISTS (SELECT 1 FROM apps WHERE apps.agent_id = agents.id AND apps.command != '')"
        " OR lifecycle IN ('created', 'starting', 'shutting_down'))",
        (now,),
    )
