"""Two hubs and a dead deployment in one cockpit: one list, each row with its deployment, nothing blocks anything."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path
from uuid import uuid4

import pytest

from coder_tui.client.credentials import Credentials
from coder_tui.client.events import PtyOpened, PtyOutput
from coder_tui.errors import CredentialsError, NotFoundError
from coder_tui.feeds.source import PtyTarget
from coder_tui.fleet.attention import fresh
from coder_tui.fleet.query import parse
from coder_tui.fleet.snapshot import Key, LinkState, Snapshot
from tests.client.support import credentials
from tests.feeds.support import cockpit, running, shows
from tests.hub.support import Peer, a_hub, agent_token, the_agent


@pytest.fixture
async def hubs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[tuple[Peer, Peer]]:
    monkeypatch.setenv("SHELL", "/bin/sh")
    async with a_hub(tmp_path / "one") as one, a_hub(tmp_path / "two") as two:
        yield one, two


def links(snapshot: Snapshot) -> dict[str, str]:
    return {name: one.link.state.value for name, one in snapshot.deployments.items()}


def builds(snapshot: Snapshot) -> dict[str, str]:
    return {row.key.deployment: row.workspace.build_status for row in snapshot.rows}


def broken() -> list[Credentials]:
    """One that does not answer, and one whose token cannot be read."""
    fault = CredentialsError("the token of deployment lost is missing", why="lost.token is empty")
    lost = replace(credentials("https://lost.example.com", "lost"), fault=fault)
    return [credentials("http://127.0.0.1:1", "dead"), lost]


async def test_one_list_over_several(hubs: tuple[Peer, Peer], tmp_path: Path) -> None:
    one, two = hubs
    first, second = await one.workspace("dev", app="claude"), await two.workspace("dev", app="claude", command="cat")
    found = [
        credentials(one.url, "eu", token=one.token),
        *broken(),
        credentials(two.url, "us", token=two.token),
    ]
    async with running(cockpit(tmp_path / "state", *found)) as source:
        wanted = {"eu": "live", "us": "live", "dead": "retrying", "lost": "refused"}
        snapshot = await shows(source, lambda now: links(now) == wanted and len(now.rows) == 2)
        assert {row.key[:2] for row in snapshot.rows} == {("eu", first["id"]), ("us", second["id"])}
        assert snapshot.deployments["lost"].link.why.startswith("the token of deployment lost is missing")
        only = parse("deployment:us")
        assert snapshot.at is not None
        matching = [row for row in snapshot.rows if only.matches(row, snapshot, snapshot.at)]
        assert [row.key.deployment for row in matching] == ["us"]

        token = await agent_token(two, second)
        body = {"app_slug": "claude", "state": "failure", "message": "which region?"}
        await two.send("PATCH", "/workspaceagents/me/app-status", body, token=token)
        after = await shows(source, lambda now: now.alerts)
        assert [(alert.key.deployment, alert.message) for alert in fresh(snapshot, after)] == [("us", "which region?")]

        await source.build(Key("eu", first["id"]), "stop")
        await shows(source, lambda now: builds(now) == {"eu": "stopped", "us": "running"})

        agent_id = the_agent(second)["id"]
        target = PtyTarget("us", second["id"], agent_id, str(uuid4()), "shell", command="echo from-$((40+2))")
        stream = source.open_pty(target, 80, 24)
        screen = b""
        async for event in stream:
            if isinstance(event, PtyOutput):
                screen += event.data
            elif not isinstance(event, PtyOpened):
                break
        assert b"from-42" in screen
        with pytest.raises(NotFoundError):
            source.open_pty(replace(target, deployment="nowhere"), 80, 24)


async def test_the_end_of_one_leaves_the_other(hubs: tuple[Peer, Peer], tmp_path: Path) -> None:
    one, two = hubs
    await one.workspace("here", app="claude")
    found = [credentials(one.url, "eu", token=one.token), credentials(two.url, "us", token="ABCDEFGHIJ-" + "x" * 22)]
    async with running(cockpit(tmp_path / "state", *found)) as source:
        snapshot = await shows(source, lambda now: links(now) == {"eu": "live", "us": "refused"} and now.rows)
        assert not snapshot.rows[0].stale
        source.refresh()
        await shows(source, lambda now: links(now) == {"eu": "live", "us": "refused"})
        assert LinkState(links(source.snapshot)["eu"]) is LinkState.LIVE
