"""The Logs pane behind a hub and a connection that drops, delays, repeats and reorders what it follows."""

from __future__ import annotations

import asyncio
import json
import random
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from typing import Any

import websockets
from starlette.routing import WebSocketRoute
from starlette.websockets import WebSocket, WebSocketDisconnect
from tests.client.support import FakeTime, Wire, credentials, serving, wired
from tests.hub.support import Peer, hub
from textual.app import App, ComposeResult

from coder_tui.client.rest import RestClient
from coder_tui.client.streams import Streams
from coder_tui.feeds.source import LogEvent
from coder_tui.fleet.convert import workspace_row
from coder_tui.fleet.snapshot import Key, Row, Snapshot
from coder_tui.logs.buffer import LEVELS, NOTE
from coder_tui.tui.panes.logs import LogsPane
from coder_tui.wire.workspaces import CreateWorkspace, WorkspaceBuildParameter

__all__ = ["hub"]

LINES, BATCH = 10_000, 250


@dataclass
class Chaos:
    """A relay of the follow stream that does with its frames what bad networks, proxies and servers do."""

    hub: Peer
    dice: random.Random = field(default_factory=lambda: random.Random(5))
    wire: Wire | None = None
    connections: int = 0
    drops: int = 0
    delays: int = 0
    repeats: int = 0
    reorders: int = 0
    replays: int = 0

    async def follow(self, socket: WebSocket) -> None:
        """One connection, until it is cut."""
        await socket.accept()
        after = int(socket.query_params["after"])
        self.connections += 1
        if self.connections % 3 == 0:  # a server that forgot where we were
            after, self.replays = self.dice.randrange(after + 1), self.replays + 1
        path = socket.path_params["agent"]
        url = f"{self.hub.url.replace('http', 'ws')}/api/v2/workspaceagents/{path}/logs?follow&after={after}"
        headers = {"Coder-Session-Token": self.hub.token}
        try:
            async with websockets.connect(url, additional_headers=headers, max_size=None, proxy=None) as far:
                sent: list[str] = []
                mine = self.connections
                async for frame in far:
                    if mine != self.connections:
                        break  # cut, and followed by another one: nobody hears us
                    await self._send(socket, str(frame), sent)
        except WebSocketDisconnect:
            pass

    async def _send(self, socket: WebSocket, frame: str, sent: list[str]) -> None:
        dice = self.dice.random()
        if dice < 0.15 and self.wire is not None:
            self.drops += 1
            self.wire.cut()
            raise WebSocketDisconnect
        elif dice < 0.3:
            self.delays += 1
            for _ in range(self.dice.randrange(20)):
                await asyncio.sleep(0)
        elif dice < 0.5 and sent:  # an older frame after a newer one
            self.repeats += 1
            await socket.send_text(self.dice.choice(sent))
        elif dice < 0.7:
            lines: list[Any] = json.loads(frame)
            self.dice.shuffle(lines)
            self.reorders += 1
            frame = json.dumps(lines)
        await socket.send_text(frame)
        sent.append(frame)


class Feed:
    """The client's streams, as the pane asks for them."""

    snapshot = Snapshot()

    def __init__(self, streams: Streams) -> None:
        self._streams = streams

    def follow_logs(self, deployment: str, agent_id: str) -> AsyncIterator[LogEvent]:
        return self._streams.follow_logs(agent_id)

    def follow_build(self, deployment: str, build_id: str) -> AsyncIterator[LogEvent]:
        return self._streams.follow_build(build_id)


class PaneApp(App[None]):
    """Nothing but the pane."""

    def __init__(self, feed: Feed) -> None:
        super().__init__()
        self.pane = LogsPane(feed)

    def compose(self) -> ComposeResult:
        yield self.pane

    @property
    def texts(self) -> list[tuple[int, str, str]]:
        """Every line in the pane but our own dividers: id, level, text."""
        buffer = self.pane.buffer
        if buffer is None:
            return []
        lines = map(buffer.line, range(buffer.first, buffer.end))
        return [(line.id, LEVELS[line.level], line.text) for line in lines if line.level != NOTE]

    @property
    def page(self) -> str:
        """What is painted."""
        lines = self.pane.lines
        return "\n".join(lines.render_line(y).text for y in range(lines.size.height))


async def running_row(rest: RestClient) -> Row:
    values = [WorkspaceBuildParameter(name=name, value=value) for name, value in (("command", "cat"), ("app", "a"))]
    workspace_id = (await rest.create_workspace(CreateWorkspace(name="dev", rich_parameter_values=values))).id
    async with asyncio.timeout(10):
        while True:
            now = FakeTime().now()
            workspace = workspace_row("laptop", await rest.workspace(workspace_id), now)
            if workspace.agents and workspace.build_status == "running":
                agent = workspace.agents[0]
                return Row(Key("laptop", workspace.id, agent.name), workspace, agent, None)


async def test_the_panes_text_is_the_log_whatever_happens_to_the_stream(hub: Peer) -> None:
    chaos = Chaos(hub)
    route = WebSocketRoute("/api/v2/workspaceagents/{agent}/logs", chaos.follow)
    async with (
        RestClient(credentials(hub.url, "laptop", hub.token)) as direct,
        serving(route) as relay,
        wired(relay) as wire,
        RestClient(credentials(wire.url, "laptop", hub.token)) as through,
    ):
        chaos.wire = wire
        row = await running_row(direct)
        assert row.agent is not None
        token = (await direct.external_agent_credentials(row.workspace.id, row.agent.name)).agent_token
        app = PaneApp(Feed(Streams(through, FakeTime().clock)))
        async with app.run_test(size=(100, 30)):
            app.pane.show(row)
            for first in range(0, LINES, BATCH):
                lines = [
                    {"output": f"line {i} ✓", "level": "warn" if i % 7 else "info"} for i in range(first, first + BATCH)
                ]
                await hub.send("PATCH", "/workspaceagents/me/logs", {"logs": lines}, token=token)
            truth = [(line.id, line.level, line.output) for line in await direct.agent_logs(row.agent.id)]
            assert len(truth) >= LINES
            async with asyncio.timeout(30):
                while len(app.texts) < len(truth):
                    await asyncio.sleep(0.01)
                assert app.texts == truth
                while f"line {LINES - 1} ✓" not in app.page:
                    await asyncio.sleep(0.01)
    assert min(chaos.drops, chaos.delays, chaos.repeats, chaos.reorders, chaos.replays) >= 1, chaos
