"""What the client must be able to do with any deployment: one function each, from credentials to a fact.

They change nothing but what looking changes: a terminal is opened and left, nothing is built, reported or marked read.
Where a deployment has nothing to look at (no workspace, no connected agent), a check skips and says so.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import aclosing
from pathlib import Path
from uuid import uuid4

import pytest

from coder_tui.client.chats import Chats, ChatsListed, ChatsOff
from coder_tui.client.credentials import Credentials
from coder_tui.client.events import LogBatch, LogMark, LogNote, PtyEnded, PtyLost, PtyOpened, PtyOutput
from coder_tui.client.pty import PtyStream
from coder_tui.client.rest import RestClient
from coder_tui.client.streams import Streams, Watched
from coder_tui.client.tailnet import open_tailnet
from coder_tui.errors import ApiError
from coder_tui.fleet.convert import workspace_row
from coder_tui.fleet.snapshot import LinkState
from coder_tui.wire.agents import WorkspaceAgent
from coder_tui.wire.base import ZERO_UUID
from coder_tui.wire.workspaces import Workspace
from tests.feeds.support import cockpit, running, shows, state_of

LIMIT = 60.0
"""Seconds a check may take: a workspace may be on the other side of the world."""


async def build_info(found: Credentials) -> None:
    async with RestClient(found) as rest:
        assert (await rest.build_info()).version


async def me(found: Credentials) -> None:
    async with RestClient(found) as rest:
        user = await rest.me()
    assert user.username
    assert user.id != ZERO_UUID


async def list_in_pages(found: Credentials) -> None:
    async with RestClient(found) as rest:
        whole = [one.id for one in await rest.workspaces("owner:me")]
        pages = [one.id for one in await rest.workspaces("owner:me", limit=1)] if len(whole) < 10 else whole
    assert set(pages) == set(whole)


async def one_workspace(found: Credentials) -> None:
    async with RestClient(found) as rest:
        listed = await a_workspace(rest)
        read = await rest.workspace(listed.id)
    assert (read.name, read.owner_name) == (listed.name, listed.owner_name)
    assert read.latest_build.build_number >= listed.latest_build.build_number > 0


async def watch(found: Credentials) -> None:
    async with RestClient(found) as rest:
        one = await a_workspace(rest)
        async with aclosing(Streams(rest).watch(one.id)) as events:
            first = await anext(events)
    assert isinstance(first, Watched), first
    assert first.workspace.id == one.id


async def agent_logs(found: Credentials) -> None:
    """What is followed begins with what is stored."""
    async with RestClient(found) as rest:
        _, agent = await an_agent(rest, connected=False)
        stored = [line.id for line in await rest.agent_logs(agent.id)]
        followed: list[int] = []
        async with aclosing(Streams(rest).follow_logs(agent.id)) as events:
            async for event in events:
                if isinstance(event, LogBatch):
                    followed += [line.id for line in event.lines]
                elif event.mark is not LogMark.OPEN:
                    assert event.mark in {LogMark.LIVE, LogMark.ENDED}, event
                if isinstance(event, LogNote) and event.mark is not LogMark.OPEN:
                    break
                if stored and followed[-1:] >= stored[-1:]:
                    break
    assert followed[: len(stored)] == stored
    assert followed == sorted(set(followed))


async def terminal(found: Credentials) -> None:
    """Keys go in, what a shell makes of them comes out, and it ends when the shell does."""
    async with RestClient(found) as rest:
        _, agent = await an_agent(rest)
    stream = PtyStream(found, agent.id, str(uuid4()), (80, 24))
    screen, asked = b"", False
    async for event in stream:
        match event:
            case PtyOpened():
                stream.send("echo live-$((40+2)); exit\r")
            case PtyOutput(data):
                screen += data
                asked = asked or b"live-42" in screen
            case PtyEnded(failed=failed) as end:
                assert not failed, end
            case PtyLost() as lost:
                raise AssertionError(lost)
    assert asked, screen


async def listening_ports(found: Credentials) -> None:
    async with RestClient(found) as rest:
        _, agent = await an_agent(rest)
        ports = await rest.listening_ports(agent.id)
    assert all(0 < port.port < 65536 for port in ports)


async def app_statuses(found: Credentials) -> None:
    """Every row is sorted newest first by us, whatever the release does."""
    async with RestClient(found) as rest:
        workspaces = await rest.workspaces("owner:me")
    for one in workspaces:
        row = workspace_row("live", one, one.updated_at)
        for agent in row.agents:
            for app in agent.apps:
                times = [status.at for status in app.statuses]
                assert times == sorted(times, reverse=True)


async def inbox(found: Credentials) -> None:
    async with RestClient(found) as rest:
        try:
            page = await rest.inbox()
        except ApiError as error:
            if error.status == 404:
                pytest.skip("this deployment has no inbox")
            raise
    assert len(page.notifications) <= 25
    times = [one.created_at for one in page.notifications]
    assert times == sorted(times, reverse=True)


async def chats(found: Credentials) -> None:
    async with RestClient(found) as rest, aclosing(Chats(rest).follow()) as events:
        first = await anext(events)
    assert isinstance(first, ChatsListed | ChatsOff), first


async def tailnet(found: Credentials) -> None:
    """The tailnet RPC tells of the same workspaces as the list; an agent's node is read, if it has one."""
    async with RestClient(found) as rest:
        user = await rest.me()
        async with open_tailnet(rest) as session:
            async with aclosing(session.workspace_updates(user.id)) as updates, aclosing(session.derp_maps()) as maps:
                told = await anext(updates)
                assert (await anext(maps)).regions is not None
            assert (await session.resume_token()).token
        listed = {one.id: one.name for one in await rest.workspaces("owner:me")}
        assert {key: one.name for key, one in told.picture.items()} == listed
        _, agent = await an_agent(rest)
        async with open_tailnet(rest, agent.id) as session, aclosing(session.peer(agent.id)) as nodes:
            assert (await anext(nodes)).kind == "node"


async def whole_cockpit(found: Credentials, state_dir: Path) -> None:
    """From credentials to a live link and confirmed rows."""
    async with running(cockpit(state_dir, found)) as source:
        snapshot = await shows(source, lambda now: state_of(now, found.name) == LinkState.LIVE, LIMIT)
    assert found.name in snapshot.confirmed
    assert snapshot.deployments[found.name].user


async def a_workspace(rest: RestClient) -> Workspace:
    """A workspace of ours, a running one if there is any."""
    found = sorted(await rest.workspaces("owner:me"), key=lambda one: one.latest_build.status != "running")
    if not found:
        pytest.skip("this user has no workspace")
    return found[0]


async def an_agent(rest: RestClient, *, connected: bool = True) -> tuple[Workspace, WorkspaceAgent]:
    """An agent of ours with its workspace."""
    for one in await rest.workspaces("owner:me"):
        for resource in one.latest_build.resources:
            for agent in resource.agents:
                if agent.status == "connected" or not connected:
                    return one, agent
    pytest.skip(f"this user has no {'connected ' if connected else ''}agent")


CHECKS: tuple[Callable[[Credentials], Awaitable[None]], ...] = (
    build_info,
    me,
    list_in_pages,
    one_workspace,
    watch,
    agent_logs,
    terminal,
    listening_ports,
    app_statuses,
    inbox,
    chats,
    tailnet,
)


async def run(check: Callable[[Credentials], Awaitable[None]], found: Credentials) -> None:
    """One check within its limit."""
    async with asyncio.timeout(LIMIT):
        await check(found)
