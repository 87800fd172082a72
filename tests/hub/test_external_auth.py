"""Tokens for other services: found, waited for, and asked of a person."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from coder_tui.hub.config import CONFIG_FILE, ExternalAuthTable
from coder_tui.hub.external_auth import Provider, host_of, safe_words, token_path
from tests.hub.support import BOUND, Json, Peer, a_hub, agent_token, eventually, the_agent

TOKEN = "ghp_0123456789abcdefABCDEF"
CONFIG = f"""
[[external_auth]]
id = "github"
type = "github"
match = "*.github.test"
command = ["/bin/sh", "-c", "cat '%(dir)s/gh' || {{ echo no oauth token {TOKEN} found >&2; exit 4; }}"]
url = "https://github.test/login"

[[external_auth]]
id = "forge"
type = "gitlab"
match = '^https://forge\\.test/(team|lab)/'
url = "https://forge.test/tokens"

[[external_auth]]
id = "silent"
command = ["/bin/sh", "-c", "cat '%(dir)s/silent' 2>/dev/null"]

[[external_auth]]
id = "absent"
command = ["/no/such/program"]
"""


@pytest.fixture
async def hub(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Peer]:
    """A hub with providers of every kind; what the commands print is in `tmp_path`."""
    monkeypatch.setenv("SHELL", "/bin/sh")
    data = tmp_path / "hub"
    data.mkdir()
    (data / CONFIG_FILE).write_text(CONFIG % {"dir": tmp_path})
    async with a_hub(data) as peer:
        yield peer


async def ask(hub: Peer, token: str, query: str, status: int = 200, *, route: str = "external-auth") -> Json:
    return await hub.send("GET", f"/workspaceagents/me/{route}?{query}", None, status, token)


async def an_agent(hub: Peer) -> tuple[Json, str]:
    workspace = await hub.workspace()
    return workspace, await agent_token(hub, workspace)


def store(hub: Peer, provider: str, token: str) -> None:
    """What `coder-tui hub link` does."""
    path = token_path(hub.data_dir, provider)
    path.parent.mkdir(exist_ok=True)
    path.write_text(token + "\n")


async def test_a_command_gives_the_token(hub: Peer, tmp_path: Path) -> None:
    _, agent = await an_agent(hub)
    (tmp_path / "gh").write_text(TOKEN + "\n")
    for route in ("external-auth", "gitauth"):
        for query in (
            "id=github",
            "match=https://x@git.github.test/a/b",
            "url=git@git.github.test:a/b",
            "id=github&listen",
        ):
            found = await ask(hub, agent, query, route=route)
            assert (found["access_token"], found["username"], found["password"]) == (TOKEN, TOKEN, "")
            assert (found["type"], found["url"], found["token_extra"]) == ("github", "", None)


async def test_a_stored_token_in_gitlab_s_form(hub: Peer) -> None:
    _, agent = await an_agent(hub)
    store(hub, "forge", "glpat-1")
    found = await ask(hub, agent, "match=https://forge.test/team/x.git")
    assert (found["access_token"], found["username"], found["password"]) == ("glpat-1", "oauth2", "glpat-1")
    await ask(hub, agent, "match=https://forge.test/other/x.git", 404)


async def test_what_is_not_linked_has_only_a_url(hub: Peer) -> None:
    _, agent = await an_agent(hub)
    for query, url in (("id=github", "https://github.test/login"), ("id=forge", "https://forge.test/tokens")):
        found = await ask(hub, agent, query)
        assert found.pop("url") == url
        assert not any(value for name, value in found.items() if name != "expires_at")


async def test_a_command_without_a_page_says_why(hub: Peer) -> None:
    _, agent = await an_agent(hub)
    problem = await ask(hub, agent, "id=absent", 502)
    assert problem["detail"] == "cannot run program: no such file or directory"
    assert (await ask(hub, agent, "id=silent", 502))["detail"] == "sh failed (exit 1)"


async def test_exactly_one_of_match_and_id(hub: Peer) -> None:
    _, agent = await an_agent(hub)
    for query in (
        "",
        "listen=true",
        "match=https://a.github.test/x&id=github",
        "url=https://a.github.test/x&id=github",
    ):
        assert "provided" in (await ask(hub, agent, query, 400))["message"]
    for query in ("id=other", "match=https://example.com", "match=%00", "id=github%0a"):
        problem = await ask(hub, agent, query, 404)
        assert "github, forge, silent, absent" in problem["detail"]
    await hub.send("GET", "/workspaceagents/me/external-auth?id=github", None, 401)
    await hub.send(
        "GET", "/workspaceagents/me/external-auth?id=github", None, 401, "00000000-0000-4000-8000-000000000000"
    )


@asynccontextmanager
async def listening(hub: Peer, token: str, provider: str) -> AsyncIterator[asyncio.Task[httpx.Response]]:
    """An agent that waits for a token; gone when the context is left."""
    path = f"/api/v2/workspaceagents/me/external-auth?id={provider}&listen"
    headers = {"Coder-Session-Token": token}
    async with httpx.AsyncClient(base_url=hub.url, headers=headers, timeout=BOUND) as client:
        task = asyncio.create_task(client.get(path))
        try:
            yield task
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)


def waits(workspace: Json) -> dict[str, Json]:
    """The apps that stand for a sign-in, by slug."""
    return {app["slug"]: app for app in the_agent(workspace)["apps"] if app["slug"].startswith("auth_")}


async def test_listening_ends_with_the_token_and_is_seen_meanwhile(hub: Peer, tmp_path: Path) -> None:
    workspace, agent = await an_agent(hub)
    async with listening(hub, agent, "github") as one, listening(hub, agent, "github") as two:
        seen = await hub.until(workspace["id"], lambda now: bool(waits(now)))
        app = waits(seen)["auth_github"]
        [status] = app["statuses"]
        assert (status["state"], status["needs_user_attention"]) == ("idle", True)
        assert status["uri"] == "https://github.test/login"
        assert "github" in status["message"]
        assert status["app_id"] == app["id"]
        assert seen["latest_app_status"] is None
        listed = (await hub.get("/workspaces"))["workspaces"][0]
        assert waits(listed)["auth_github"]["statuses"] == [status]
        (tmp_path / "gh").write_text(TOKEN)
        for task in (one, two):
            answer = await asyncio.wait_for(task, BOUND)
            assert answer.json()["access_token"] == TOKEN
    await hub.until(workspace["id"], lambda now: not waits(now))
    assert not hub.core.pending.current


async def test_without_a_page_the_reason_is_shown(hub: Peer) -> None:
    workspace, agent = await an_agent(hub)
    async with listening(hub, agent, "absent"), listening(hub, agent, "forge"):
        seen = await hub.until(workspace["id"], lambda now: len(waits(now)) == 2)
        [status] = waits(seen)["auth_absent"]["statuses"]
        assert "cannot run program" in status["message"]
        assert len(status["message"].encode()) <= 160


async def test_who_goes_away_waits_no_more(hub: Peer) -> None:
    workspace, agent = await an_agent(hub)
    async with listening(hub, agent, "forge"):
        await hub.until(workspace["id"], lambda now: bool(waits(now)))
    await hub.until(workspace["id"], lambda now: not waits(now))
    names = [task.get_name() for task in asyncio.all_tasks()]
    assert not [name for name in names if name.startswith("external-auth")]


async def test_waiting_ends_with_the_agent(hub: Peer) -> None:
    workspace, agent = await an_agent(hub)
    async with listening(hub, agent, "forge") as task:
        await hub.until(workspace["id"], lambda now: bool(waits(now)))
        await hub.build(workspace["id"], "stop", "stopped")
        assert (await asyncio.wait_for(task, BOUND)).status_code == 401
    assert not hub.core.pending.current


async def test_waiting_ends_with_the_hub(tmp_path: Path) -> None:
    (tmp_path / CONFIG_FILE).write_text(CONFIG % {"dir": tmp_path})
    async with a_hub(tmp_path) as hub:
        _, agent = await an_agent(hub)
        async with listening(hub, agent, "forge") as task:
            await eventually(lambda: bool(hub.core.pending.current))
            hub.core.topics.close()
            assert (await asyncio.wait_for(task, BOUND)).status_code == 503


async def test_a_command_that_hangs_is_ended(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("coder_tui.hub.external_auth._TIMEOUT", 0.05)
    table = ExternalAuthTable(id="slow", command=["/bin/sh", "-c", "sleep 300 & exec sleep 300"])
    async with asyncio.timeout(BOUND):
        found = await Provider(table, tmp_path).look()
    assert (found.token, found.why) == ("", "sh gave no answer in 0.05 seconds")


@pytest.mark.parametrize(
    ("script", "why"),
    [
        ("true", "sh printed no token"),
        ("echo two words", "sh printed no token"),
        ("yes | head -c 300000", "sh printed no token"),
        ("printf '\\033[31m' >&2; exit 1", "sh failed (exit 1)"),
        ("kill -9 $$", "sh failed (signal 9)"),
        (
            f"echo 'bad {TOKEN} https://u:p@host' >&2; exit 3",
            "sh failed (exit 3): bad [redacted] https://[redacted]host",
        ),
    ],
)
async def test_what_commands_can_do_wrong(tmp_path: Path, script: str, why: str) -> None:
    found = await Provider(ExternalAuthTable(id="x", command=["/bin/sh", "-c", script]), tmp_path).look()
    assert (found.token, found.why) == ("", why)


async def test_many_who_ask_at_once_share_one_look(tmp_path: Path) -> None:
    table = ExternalAuthTable(id="x", command=["/bin/sh", "-c", f"echo once >> '{tmp_path}/runs'; echo {TOKEN}"])
    provider = Provider(table, tmp_path)
    found = await asyncio.gather(*(provider.look() for _ in range(20)))
    assert {one.token for one in found} == {TOKEN}
    assert TOKEN not in repr(found[0])
    assert (tmp_path / "runs").read_text() == "once\n"


@pytest.mark.parametrize(
    ("url", "host"),
    [
        ("https://GitHub.com/a/b.git", "github.com"),
        ("https://user:pass@github.com:443/a", "github.com"),
        ("https://github.com@evil.test/a", "evil.test"),
        ("ssh://git@github.com:22/a", "github.com"),
        ("git@github.com:a/b.git", "github.com"),
        ("github.com/a/b", "github.com"),
        ("github.com", "github.com"),
        ("https://[::1", ""),
        ("", ""),
    ],
)
def test_the_host_of_a_clone_url(url: str, host: str) -> None:
    assert host_of(url) == host


@given(st.text(max_size=200))
def test_any_text_can_be_matched_and_shown(text: str) -> None:
    provider = Provider(ExternalAuthTable(id="x", match="*.test", url="https://x"), Path("/"))
    assert provider.matches(text) in {True, False}
    shown = safe_words(text + TOKEN)
    assert TOKEN not in shown
    json.dumps(shown).encode()
    assert all(character.isprintable() for character in safe_words("a\x1b[2Jb\nc"))
