"""An agent that waits for a person to sign in stands under Needs you, and goes from there by itself."""

from __future__ import annotations

import asyncio
from pathlib import Path

from coder_tui.fleet.snapshot import Level, Snapshot
from coder_tui.hub.external_auth import token_path
from tests.client.support import credentials
from tests.feeds.support import cockpit, running, shows
from tests.hub.support import BOUND, a_hub, agent_token

HUB_TOML = "[[external_auth]]\nid = 'forge'\nurl = 'https://forge.test/login'\n"


def asking(snapshot: Snapshot) -> list[str]:
    return [alert.key.app for alert in snapshot.alerts if alert.level is Level.ASKS]


async def test_who_waits_for_a_sign_in_asks(tmp_path: Path) -> None:
    (tmp_path / "hub.toml").write_text(HUB_TOML)
    async with a_hub(tmp_path) as hub:
        agent = await agent_token(hub, await hub.workspace(app="claude"))
        async with running(
            cockpit(tmp_path / "state", credentials(hub.url, "laptop", hub.token), hub="laptop")
        ) as source:
            await shows(source, lambda now: [row.key.app for row in now.rows] == ["claude"])
            path = "/workspaceagents/me/external-auth?id=forge&listen"
            waiting = asyncio.create_task(hub.send("GET", path, token=agent))
            snapshot = await shows(source, lambda now: asking(now) == ["auth_forge"])
            [row] = snapshot.needing()
            assert row.status is not None
            assert row.status.uri == "https://forge.test/login"
            assert row.status.message == "claude waits for access to forge: open the link and sign in"
            token_path(hub.data_dir, "forge").parent.mkdir()
            token_path(hub.data_dir, "forge").write_text("t0ken")
            assert (await asyncio.wait_for(waiting, BOUND))["access_token"] == "t0ken"
            snapshot = await shows(source, lambda now: not asking(now))
            assert [row.key.app for row in snapshot.rows] == ["claude"]
