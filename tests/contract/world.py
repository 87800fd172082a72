"""One hub with real things in it, shared by the tests of a module: workspaces, agents, statuses, logs, a terminal."""

from __future__ import annotations

import sys
import uuid
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from coder_tui.hub import limits, passwords
from coder_tui.hub.routes import replies
from tests.contract.clouds import INSTANCES, trust_clouds
from tests.hub.support import Json, Peer, a_hub, agent_token, read_until, the_agent, type_line

SOURCE = "7c0ffee0-0000-4000-8000-000000000001"
"""A log source of the agent."""
UNKNOWN_KEY = "abcdefghij-abcdefghijklmnopqrstuv"
"""Looks like a user's key, and is none."""
PASSWORD = "correct horse battery"

CONFIG = f"""
[[external_auth]]
id = "forge"
type = "gitlab"
match = "forge.acme.example"
command = ['{sys.executable}', "-Sc", "print('glpat-0123')"]

[[external_auth]]
id = "browser"
match = "browser.acme.example"
url = "https://browser.acme.example/login"
"""


@dataclass(frozen=True, slots=True)
class World:
    """`workspace` is for reading; `spare` may be built, stopped and written to."""

    hub: Peer
    workspace: Json
    token: str
    spare: Json
    spare_token: str
    dead_token: str
    """The token of an agent that a newer build took out of its workspace."""
    session: str
    """The reconnect token of a terminal that runs."""
    notification: str
    """The id of a notification."""
    named_key: str
    """The name of a token of the user."""

    @property
    def agent(self) -> Json:
        """The agent that has reported and logged."""
        return the_agent(self.workspace)

    def ids(self) -> dict[str, str]:
        """What stands for a parameter of a documented path."""
        return {
            "workspace": self.workspace["id"],
            "workspaceagent": self.agent["id"],
            "workspacebuild": self.workspace["latest_build"]["id"],
            "workspacename": self.workspace["name"],
            "buildnumber": "1",
            "user": "me",
            "organization": self.workspace["organization_id"],
            "agent": self.agent["name"],
            "id": self.notification,
            "keyname": self.named_key,
            "keyid": self.hub.token[:10],
            "permission": str(uuid.uuid4()),
        }


@asynccontextmanager
async def a_world(data_dir: Path) -> AsyncIterator[World]:
    """A hub, filled. Nobody is kept waiting at its anonymous doors."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SHELL", "/bin/sh")
        patch.setattr(limits.Limit, "check", lambda *_: None)
        patch.setattr(passwords, "_N", 16)  # signing in is slow on purpose
        patch.setattr(replies, "ASKED", 0.01)
        data_dir.mkdir(mode=0o700)
        (data_dir / "hub.toml").write_text(CONFIG)
        passwords.store_password(data_dir, PASSWORD)
        async with a_hub(data_dir) as hub:
            yield await _filled(hub)


async def _filled(hub: Peer) -> World:
    folder = hub.data_dir.parent
    trust_clouds(hub.core, folder)
    for cloud, instance in INSTANCES.items():
        await hub.workspace(cloud, directory=str(folder), instance_id=instance)

    made = await hub.workspace("dev", app="claude", directory=str(folder))
    token = await agent_token(hub, made)
    await _report(hub, token)
    spare = await hub.workspace("spare", directory=str(folder))
    dead_token = await agent_token(hub, spare)
    await hub.build(spare["id"], "stop", "stopped")
    spare = await hub.build(spare["id"], "start", "running")
    spare_token = await agent_token(hub, spare)

    session = str(uuid.uuid4())
    async with hub.terminal(the_agent(made)["id"], session, "width=80&height=24") as terminal:
        await type_line(terminal, "echo wor''ld")
        await read_until(terminal, b"world")

    await hub.workspace("failed", expect="failed", directory="/no/such/place")
    notification = (await hub.get("/notifications/inbox"))["notifications"][0]["id"]
    await hub.send("POST", "/users/me/keys/tokens", {"token_name": "ci"}, 201)
    workspace = await hub.get(f"/workspaces/{made['id']}")
    return World(hub, workspace, token, spare, spare_token, dead_token, session, notification, "ci")


async def _report(hub: Peer, token: str) -> None:
    source = {"id": SOURCE, "display_name": "Startup", "icon": "/icon.png"}
    await hub.send("POST", "/workspaceagents/me/log-source", source, 201, token)
    lines = [{"output": "\x1b[32mready\x1b[0m <ok>", "level": "info"}, {"output": "second", "level": "warn"}]
    batch = {"log_source_id": SOURCE, "logs": lines}
    await hub.send("PATCH", "/workspaceagents/me/logs", batch, token=token)
    first = {"app_slug": "claude", "state": "working", "message": "Reading the models"}
    full = {
        "app_slug": "claude",
        "state": "idle",
        "message": "May I run the <migration>?",
        "uri": "https://acme.example/pull/1",
        "icon": "/emojis/1f914.png",
        "needs_user_attention": True,
    }
    for status in (first, full):
        await hub.send("PATCH", "/workspaceagents/me/app-status", status, token=token)
