"""The client and the hub meet over real sockets: list, watch, reports, logs, a real shell, builds."""

from __future__ import annotations

import asyncio
from contextlib import aclosing
from pathlib import Path
from uuid import uuid4

from coder_tui.client.events import LogBatch, LogMark, LogNote, PtyEnded, PtyEvent, PtyLost, PtyOpened, PtyOutput
from coder_tui.client.rest import RestClient
from coder_tui.feeds.source import PtyTarget, Source
from coder_tui.fleet.snapshot import Key, LinkState, Snapshot
from coder_tui.wire.workspaces import CreateWorkspace, WorkspaceBuildParameter
from tests.client.support import credentials, wired
from tests.feeds.support import cockpit, messages, running, shows, state_of
from tests.hub.support import Peer


def up(snapshot: Snapshot) -> bool:
    """The workspace runs and its agent is connected."""
    return bool(snapshot.rows) and all(row.agent and row.agent.status == "connected" for row in snapshot.rows)


def one(snapshot: Snapshot) -> Key:
    return snapshot.rows[0].key


async def report(hub: Peer, token: str, state: str, message: str) -> None:
    body = {"app_slug": "claude", "state": state, "message": message}
    await hub.send("PATCH", "/workspaceagents/me/app-status", body, token=token)


async def new_workspace(rest: RestClient, command: str = "") -> str:
    values = {"command": command, "app": "claude"} if command else {"app": "claude", "command": "cat"}
    parameters = [WorkspaceBuildParameter(name=name, value=value) for name, value in values.items()]
    return (await rest.create_workspace(CreateWorkspace(name="dev", rich_parameter_values=parameters))).id


async def test_the_whole_walk(tmp_path: Path, hub: Peer) -> None:
    found = credentials(hub.url, "laptop", hub.token)
    async with (
        RestClient(found) as rest,
        running(cockpit(tmp_path / "state", found, hub="laptop")) as source,
    ):
        _: Source = source  # the cockpit is what the screen asks for
        await shows(source, lambda now: state_of(now, "laptop") == LinkState.LIVE)
        workspace_id = await new_workspace(rest)
        source.refresh()
        snapshot = await shows(source, up)
        assert (one(snapshot).workspace_id, one(snapshot).app) == (workspace_id, "claude")
        assert snapshot.deployments["laptop"].is_hub

        agent = snapshot.rows[0].agent
        assert agent is not None
        token = (await rest.external_agent_credentials(workspace_id, agent.name)).agent_token
        await report(hub, token, "failure", "May I?")
        snapshot = await shows(source, lambda now: messages(now) == {"dev": "May I?"} and now.alerts)
        source.acknowledge(snapshot.alerts)
        assert not list(source.snapshot.needing())
        assert await rest.listening_ports(agent.id) is not None
        await rest.usage(workspace_id, agent.id, "reconnecting-pty")

        await source.build(one(snapshot), "restart")
        snapshot = await shows(source, lambda now: up(now) and now.rows[0].workspace.build_number == 3)
        assert [build.transition for build in await rest.builds(workspace_id)] == ["start", "stop", "start"]
        assert snapshot.rows[0].agent is not None
        assert snapshot.rows[0].agent.id != agent.id


async def test_logs_are_followed(tmp_path: Path, hub: Peer) -> None:
    found = credentials(hub.url, "laptop", hub.token)
    async with RestClient(found) as rest, running(cockpit(tmp_path / "state", found)) as source:
        workspace_id = await new_workspace(rest)
        await shows(source, lambda now: state_of(now, "laptop") == LinkState.LIVE)
        source.refresh()
        agent = (await shows(source, up)).rows[0].agent
        assert agent is not None
        token = (await rest.external_agent_credentials(workspace_id, agent.name)).agent_token
        seen: list[str] = []
        async with asyncio.timeout(10), aclosing(source.follow_logs("laptop", agent.id)) as events:
            async for event in events:
                if isinstance(event, LogNote) and event.mark is LogMark.LIVE:
                    line = {"output": "hello \N{SNOWMAN}", "level": "warn", "created_at": "2026-01-01T00:00:00Z"}
                    await hub.send("PATCH", "/workspaceagents/me/logs", {"logs": [line]}, token=token)
                if isinstance(event, LogBatch):
                    seen += [line.output for line in event.lines if line.level == "warn"]
                    if seen:
                        break
        assert seen == ["hello \N{SNOWMAN}"]


async def test_a_shell_survives_a_cut_connection(tmp_path: Path, hub: Peer) -> None:
    async with wired(hub.url) as wire:
        found = credentials(wire.url, "laptop", hub.token)
        async with RestClient(found) as rest, running(cockpit(tmp_path / "state", found)) as source:
            await new_workspace(rest)
            await shows(source, lambda now: state_of(now, "laptop") == LinkState.LIVE)
            source.refresh()
            row = (await shows(source, up)).rows[0]
            assert row.agent is not None
            target = PtyTarget("laptop", row.workspace.id, row.agent.id, str(uuid4()), "shell")
            stream = source.open_pty(target, 90, 25)
            events: list[PtyEvent] = []
            screen = b""
            step = 0
            async with asyncio.timeout(20):
                async for event in stream:
                    if not isinstance(event, PtyOutput):
                        events.append(event)
                    match event:
                        case PtyOpened(again=False):
                            stream.send("stty size; N=40; echo first-$((N+2))\r")
                        case PtyOutput(data):
                            screen += data
                        case PtyLost():
                            screen = b""
                            stream.retry_now()
                        case PtyOpened(again=True):
                            screen = b""
                    if step == 0 and b"25 90" in screen and b"first-42" in screen:
                        step = 1
                        wire.cut()
                    elif step == 1 and isinstance(event, PtyOutput) and len(events) == 3 and b"first-42" in screen:
                        step = 2  # the replay has come
                        stream.resize(70, 20)
                        stream.send("stty size; echo second-$((N+3))\r")
                    elif step == 2 and b"20 70" in screen and b"second-43" in screen:
                        step = 3
                        stream.send("exit\r")
            assert [type(event) for event in events] == [PtyOpened, PtyLost, PtyOpened, PtyEnded]
            assert isinstance(events[-1], PtyEnded)
            assert not events[-1].failed
