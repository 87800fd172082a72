"""Builds: real provisioning jobs on one machine. pending, running, then succeeded or failed, with a log.

A start build gives the workspace a new agent and runs its command; a stop build ends its programs.
"""

from __future__ import annotations

import asyncio
import logging
import sqlite3
import uuid
from collections.abc import Sequence
from datetime import timedelta
from typing import TYPE_CHECKING

from coder_tui.errors import StorageError
from coder_tui.hub import inbox
from coder_tui.hub.agents import LiveAgent, app_id
from coder_tui.hub.clock import to_time
from coder_tui.hub.events import agent_logs_topic, build_logs_topic
from coder_tui.hub.identity import Site
from coder_tui.hub.problems import Refused, name_taken, not_found
from coder_tui.hub.provision import BuildError, check_command, check_directory, insert_agent
from coder_tui.hub.scribe import Scribe
from coder_tui.hub.template import Parameters
from coder_tui.hub.timetable import AUTOSTART, AUTOSTOP, Timetable
from coder_tui.hub.views import load_builds
from coder_tui.wire.agents import LifecycleState
from coder_tui.wire.logs import LogLevel
from coder_tui.wire.workspaces import JobStatus, Transition, WorkspaceBuild, WorkspaceBuildParameter

if TYPE_CHECKING:
    from coder_tui.hub.core import Hub

log = logging.getLogger(__name__)

_ACTIVE = (JobStatus.PENDING.value, JobStatus.RUNNING.value)
_STAGES = {Transition.START: "Starting workspace", Transition.STOP: "Stopping workspace"}
_AUTOMATIC = (AUTOSTART, AUTOSTOP)


class Builds:
    """Creates builds, carries them out, and cancels them. The timetable creates some by itself."""

    def __init__(self, hub: Hub) -> None:
        self._hub = hub
        self._tasks: set[asyncio.Task[None]] = set()
        self._cancelled: set[str] = set()  # builds somebody does not want any more
        self._timetable = Timetable(hub, self)

    def start(self) -> None:
        """Begin to watch deadlines and schedules."""
        self._timetable.start()

    async def stop(self) -> None:
        """Leave unfinished builds: the next start calls them failed."""
        await self._timetable.stop()
        tasks = list(self._tasks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def create_workspace(self, name: str, parameters: Parameters, ttl_ms: int | None) -> str:
        """A new workspace and its first start build; its id. Raises Refused (409) if the name is taken."""
        hub, now, workspace_id = self._hub, self._hub.clock(), str(uuid.uuid4())

        def work(db: sqlite3.Connection) -> WorkspaceBuild:
            if db.execute("SELECT 1 FROM workspaces WHERE name = ? AND NOT deleted", (name,)).fetchone():
                raise name_taken(name)
            db.execute(
                "INSERT INTO workspaces (id, name, created_at, updated_at, last_used_at, ttl_ms)"
                " VALUES (?1, ?2, ?3, ?3, ?3, ?4)",
                (workspace_id, name, now, ttl_ms),
            )
            build_id = _insert_build(db, now, workspace_id, parameters, transition=Transition.START, reason="initiator")
            return load_builds(db, hub.site, build_id=build_id)[0]

        build = await hub.storage.write(work)
        hub.changed(workspace_id)
        self._carry_out(build, parameters)
        return workspace_id

    async def create(
        self, workspace_id: str, transition: str, reason: str, values: Sequence[WorkspaceBuildParameter] = ()
    ) -> WorkspaceBuild:
        """A new build, still pending. Raises Refused: 404, 409 while one is active or when deleted, 400 bad values."""
        hub, now = self._hub, self._hub.clock()

        def work(db: sqlite3.Connection) -> tuple[WorkspaceBuild, Parameters]:
            latest = db.execute(
                "SELECT b.parameters, b.job_status, w.deleted FROM builds b JOIN workspaces w ON w.id = b.workspace_id"
                " WHERE w.id = ? ORDER BY b.number DESC LIMIT 1",
                (workspace_id,),
            ).fetchone()
            if latest is None:
                raise not_found()
            if latest["deleted"]:
                raise Refused(409, "Workspace is deleted.")
            if latest["job_status"] in (*_ACTIVE, JobStatus.CANCELING):
                raise Refused(409, "A workspace build is already active.")
            parameters = Parameters.load(latest["parameters"]).with_values(values)
            build_id = _insert_build(db, now, workspace_id, parameters, transition=transition, reason=reason)
            return load_builds(db, hub.site, build_id=build_id)[0], parameters

        build, parameters = await hub.storage.write(work)
        hub.changed(workspace_id)
        self._carry_out(build, parameters)
        return build

    def deadline_changed(self) -> None:
        """Look again which workspace has to stop or start next."""
        self._timetable.changed()

    async def cancel(self, build_id: str, expect: str = "") -> None:
        """Mark the build's job as cancelled: it ends soon, and no program of the workspace runs then.

        Raises Refused: 404, 400 when it has ended or is cancelled already, 412 when its status is not `expect`.
        """
        hub, now = self._hub, self._hub.clock()

        def work(db: sqlite3.Connection) -> str:
            row = db.execute("SELECT workspace_id, job_status FROM builds WHERE id = ?", (build_id,)).fetchone()
            if row is None:
                raise not_found()
            if row["job_status"] == JobStatus.CANCELING:
                raise Refused(400, "Job has already been marked as canceled!")
            if row["job_status"] not in _ACTIVE:
                raise Refused(400, "Job has already completed!")
            if expect and row["job_status"] != expect:
                raise Refused(412, "Job is not in the expected state.", f"it is {row['job_status']}, not {expect}")
            db.execute(
                "UPDATE builds SET job_status = ?1, canceled_at = ?2, updated_at = ?2 WHERE id = ?3",
                (JobStatus.CANCELING, now, build_id),
            )
            workspace_id: str = row["workspace_id"]
            return workspace_id

        workspace_id = await hub.storage.write(work)
        self._cancelled.add(build_id)
        hub.changed(workspace_id)

    def _carry_out(self, build: WorkspaceBuild, parameters: Parameters) -> None:
        task = asyncio.create_task(self._run(build, parameters), name=f"build:{build.id}")
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _run(self, build: WorkspaceBuild, parameters: Parameters) -> None:
        stage = _STAGES.get(Transition(build.transition), "Deleting workspace")
        try:
            if not await self._steps(build, parameters, stage):
                await self._end_agents(build.workspace_id)
                await self._advance(build, JobStatus.CANCELED, "Cleaning up", "cancelled: nothing runs any more")
        except StorageError as full:
            log.error("build %s cannot be recorded: %s", build.id, full)
        self._cancelled.discard(build.id)
        self.deadline_changed()

    async def _steps(self, build: WorkspaceBuild, parameters: Parameters, stage: str) -> bool:
        """From pending to the end, failed or not; False as soon as it is known to be cancelled."""
        if not await self._advance(build, JobStatus.RUNNING, "Setting up", f"build {build.build_number}: {stage}"):
            return False
        error = await self._provision(build, parameters, stage)
        if error:
            return await self._advance(build, JobStatus.FAILED, stage, error, error=error)
        return await self._advance(build, JobStatus.SUCCEEDED, "Cleaning up", "done")

    async def _provision(self, build: WorkspaceBuild, parameters: Parameters, stage: str) -> str:
        """Do what the build is for; why it failed, or ""."""
        try:
            await self._end_agents(build.workspace_id)
            if build.transition == Transition.START and build.id not in self._cancelled:
                await self._begin_agent(build, parameters, stage)
        except (BuildError, StorageError) as error:
            return str(error)
        except Exception as error:
            log.exception("build %s failed", build.id)
            return f"internal error: {error}"
        return ""

    async def _advance(self, build: WorkspaceBuild, status: JobStatus, stage: str, text: str, error: str = "") -> bool:
        """One transition of the job, with its line in the log, committed and published.

        False, and nothing changes, when the job is cancelled and this is not its end.
        """
        hub, now = self._hub, self._hub.clock()
        finished = status is not JobStatus.RUNNING

        def work(db: sqlite3.Connection) -> bool:
            changed = db.execute(
                "UPDATE builds SET job_status = ?1, job_error = ?2, updated_at = ?3,"
                " started_at = coalesce(started_at, ?3), completed_at = CASE WHEN ?4 THEN ?3 END"
                " WHERE id = ?5 AND (job_status != 'canceling' OR ?1 = 'canceled')",
                (status, error, now, finished, build.id),
            )
            if not changed.rowcount:
                return False
            _say(db, now, build.id, stage, text, level=LogLevel.ERROR if error else LogLevel.INFO)
            _notify(db, now, build, hub.site, status=status, error=error)
            if status is not JobStatus.SUCCEEDED:
                return True
            db.execute("UPDATE workspaces SET updated_at = ? WHERE id = ?", (now, build.workspace_id))
            if build.transition == Transition.DELETE:
                db.execute("UPDATE workspaces SET deleted = 1 WHERE id = ?", (build.workspace_id,))
            if build.transition == Transition.START:
                db.execute(
                    "UPDATE builds SET deadline = (SELECT ? + ttl_ms * 1000 FROM workspaces WHERE id = ?) WHERE id = ?",
                    (now, build.workspace_id, build.id),
                )
            return True

        if not await hub.storage.write(work):
            return False
        hub.changed(build.workspace_id)
        topic = build_logs_topic(build.id)
        if finished:
            hub.notified()
            hub.topics.end(topic)
        else:
            hub.topics.publish(topic)
        return True

    async def _end_agents(self, workspace_id: str) -> None:
        """End the programs of the build before: shutting down, then off and out of touch."""
        hub = self._hub
        for agent in hub.agents.of_workspace(workspace_id):
            await self._lifecycle(agent, LifecycleState.SHUTTING_DOWN)
            hub.witnesses.forget(agent.id)  # that it ends is no news of its own
            await hub.sessions.end_agent(agent.id)
            await hub.agent_sockets.close(agent.id)
            await hub.agentapis.stop(agent.id)
            hub.permissions.moved_on(agent.id)
            await self._lifecycle(agent, LifecycleState.OFF)
            hub.agents.remove(agent.id)
            hub.topics.end(agent_logs_topic(agent.id))

    async def _lifecycle(self, agent: LiveAgent, state: LifecycleState) -> None:
        now, lost = self._hub.clock(), state is LifecycleState.OFF
        await self._hub.storage.write(
            lambda db: db.execute(
                "UPDATE agents SET lifecycle = ?1, updated_at = ?2,"
                " disconnected_at = CASE WHEN ?3 THEN coalesce(disconnected_at, ?2) ELSE disconnected_at END"
                " WHERE id = ?4",
                (state, now, lost, agent.id),
            )
        )
        self._hub.changed(agent.workspace_id)

    async def _begin_agent(self, build: WorkspaceBuild, parameters: Parameters, stage: str) -> None:
        hub = self._hub
        directory = parameters.expanded_directory
        check_directory(directory)
        if parameters.command:
            await check_command(parameters, directory)
        agent = LiveAgent(
            id=str(uuid.uuid4()),
            token=str(uuid.uuid4()),
            workspace_id=build.workspace_id,
            workspace_name=build.workspace_name,
            name=parameters.agent,
            directory=directory,
            env=parameters.env,
            apps={parameters.app: app_id(build.workspace_id, parameters.agent, parameters.app)},
            slug=parameters.app,
            command=parameters.command,
            connected=False,
            agentapi=parameters.agentapi,
        )
        await hub.storage.write(lambda db: insert_agent(db, agent, build.id, parameters, hub.clock()))
        # its program may report before we have told anybody that it runs
        hub.agents.add(agent)
        await hub.agent_sockets.open(agent.id)
        if agent.command:
            try:
                await self._run_command(agent)
            except OSError as error:
                hub.agents.remove(agent.id)
                await hub.agent_sockets.close(agent.id)
                raise BuildError(f"cannot start the command: {error.strerror or error}") from None

        def ready(db: sqlite3.Connection) -> None:
            now = hub.clock()
            db.execute(
                "UPDATE agents SET lifecycle = ?1, first_connected_at = ?2, started_at = ?2, ready_at = ?2,"
                " updated_at = ?2 WHERE id = ?3",
                (LifecycleState.READY, now, agent.id),
            )
            what = f"running: {agent.command}" if agent.command else "ready for terminals and reports"
            _say(db, now, build.id, stage, f"agent {agent.name} in {directory}, {what}")

        await hub.storage.write(ready)
        hub.agents.connect(agent.id)
        hub.agentapis.start(agent)

    async def _run_command(self, agent: LiveAgent) -> None:
        hub, began = self._hub, self._hub.clock()
        watch = hub.witnesses.of(agent, agent.slug)
        scribe = Scribe(hub, agent, watch)

        async def ended(code: int) -> None:
            await scribe.store()
            await watch.ended(code)
            lasted = timedelta(seconds=(hub.clock() - began) // 1_000_000)
            text = f"{agent.slug}: process exited with code {code} after {lasted}"
            await hub.say(agent.id, agent.workspace_id, text, LogLevel.ERROR if code else LogLevel.INFO)
            hub.changed(agent.workspace_id)

        socket = hub.agent_sockets.path(agent.id)
        program = agent.program(agent.command, url=hub.url, owner=hub.site.user.username, socket=socket)
        await hub.sessions.start_managed(agent.id, agent.app_id, program, ended, scribe)


def _insert_build(
    db: sqlite3.Connection, now: int, workspace_id: str, parameters: Parameters, *, transition: str, reason: str
) -> str:
    build_id = str(uuid.uuid4())
    db.execute(
        "INSERT INTO builds (id, workspace_id, number, transition, reason, created_at, updated_at, parameters,"
        " job_id, job_status) VALUES (?1, ?2, (SELECT coalesce(max(number), 0) + 1 FROM builds"
        " WHERE workspace_id = ?2), ?3, ?4, ?5, ?5, ?6, ?7, 'pending')",
        (build_id, workspace_id, transition, reason, now, parameters.dump(), str(uuid.uuid4())),
    )
    return build_id


def _notify(
    db: sqlite3.Connection, now: int, build: WorkspaceBuild, site: Site, *, status: JobStatus, error: str
) -> None:
    """What people want to hear of a build that ended like this."""
    targets = (build.workspace_id, site.template_id, site.user.id)
    if status is JobStatus.FAILED:
        template = inbox.AUTOBUILD_FAILED if build.reason in _AUTOMATIC else inbox.BUILD_FAILED
        title = f"{build.workspace_name}: {build.transition} build {build.build_number} failed"
        inbox.add(db, now, template, targets, title=title, content=error)
    elif status is JobStatus.SUCCEEDED and build.reason == AUTOSTOP:
        title = f"{build.workspace_name} was stopped: its time was over"
        inbox.add(db, now, inbox.AUTOSTOPPED, targets, title=title, content="Start it again to go on.")


def deadline_text(deadline: int) -> str:
    """A deadline for people."""
    return to_time(deadline).strftime("%Y-%m-%d %H:%M:%S UTC")


def _say(db: sqlite3.Connection, now: int, build_id: str, stage: str, text: str, *, level: str = LogLevel.INFO) -> None:
    db.execute(
        "INSERT INTO build_logs (build_id, created_at, source, level, stage, output)"
        " VALUES (?, ?, 'provisioner_daemon', ?, ?, ?)",
        (build_id, now, level, stage, text),
    )
