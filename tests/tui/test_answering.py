"""r and n: a reply goes where the dialog says, a permission is decided by one key, an agent is started."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from tests.tui.small_fleet import LIVE, StoreSource, agent, app, small_fleet, status, workspace
from tests.tui.test_cockpit import API, cockpit, press, screen_text, toasts, until
from textual.pilot import Pilot
from textual.widgets import Input

from coder_tui.errors import ApiError, HubError
from coder_tui.feeds.source import Launch, Way, WayKind
from coder_tui.fleet.events import DeploymentChanged
from coder_tui.fleet.snapshot import CHATS, Deployment, Key
from coder_tui.tui.screens.launch import LaunchScreen
from coder_tui.tui.screens.reply import Field, ReplyScreen

API_WAY = Way(WayKind.AGENTAPI, "AgentAPI at http://127.0.0.1:3284")
ASKS = Way(WayKind.PERMISSION, "Bash: alembic upgrade head", id="p1")
ALSO = Way(WayKind.PERMISSION, "Bash: rm -rf [red]build", id="p2")


def fleet(*, hub: bool = True) -> StoreSource:
    source = StoreSource(*small_fleet())
    source.apply(DeploymentChanged(Deployment("laptop", url="http://laptop.io", is_hub=hub, link=LIVE)))
    return source


def dialog(pilot: Pilot[None]) -> str:
    """What is on the screen, the dialog on top."""
    strips = pilot.app.screen._compositor.render_strips()
    return "\n".join("".join(segment.text for segment in strip) for strip in strips)


async def test_a_text_goes_where_the_dialog_says() -> None:
    source = fleet()
    source.ways = [API_WAY]
    async with cockpit(source) as (pilot, _, _):
        await press(pilot, "r")
        await until(pilot, lambda: "Goes to AgentAPI at http://127.0.0.1:3284" in dialog(pilot))
        assert "May I run `alembic upgrade head`" in dialog(pilot)
        await press(pilot, "enter")
        assert "There is nothing to send." in dialog(pilot)
        await press(pilot, *"yes", "ctrl+j", *"but q", "enter")
        await until(pilot, lambda: source.replies)
        assert source.replies == [(API, API_WAY, "yes\nbut q")]
        await until(pilot, lambda: not isinstance(pilot.app.screen, ReplyScreen))
        await until(pilot, lambda: "Sent to AgentAPI" in toasts(pilot))


async def test_the_terminal_is_typed_into_without_a_size(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("coder_tui.tui.typed._ECHO", 0.01)
    source = fleet()
    source.ways = [replace(API_WAY, problem="it is running")]
    async with cockpit(source) as (pilot, _, _):
        await press(pilot, "r")
        await until(pilot, lambda: "Goes to the terminal of claude (paste, Return)" in dialog(pilot))  # can take it now
        await press(pilot, "ctrl+t")
        assert "AgentAPI at http://127.0.0.1:3284: it is running" in dialog(pilot)
        await press(pilot, "ctrl+t", *"ok", "enter")
        await until(pilot, lambda: not isinstance(pilot.app.screen, ReplyScreen))
        [pty] = source.ptys
        assert (pty.target.reconnect, pty.sizes, pty.sent) == ("app-claude", [(0, 0)], ["ok", "\r"])
        assert source.replies == []


async def test_a_permission_is_decided_by_one_key() -> None:
    source = fleet()
    source.ways = [ASKS, ALSO]
    async with cockpit(source) as (pilot, screen, _):
        await press(pilot, "r")
        await until(pilot, lambda: "May it use Bash: alembic upgrade head?" in dialog(pilot))
        assert "May it use Bash: rm -rf [red]build?" in dialog(pilot)
        await press(pilot, "tab", *"yn")
        assert pilot.app.screen.query_one(Field).text == "yn"
        assert source.replies == []
        await press(pilot, "tab", *"yes")  # the y decides, the rest reaches nobody
        await until(pilot, lambda: not isinstance(pilot.app.screen, ReplyScreen))
        assert source.replies == [(API, ASKS, "allow")]
        assert pilot.app.screen is screen
        await until(pilot, lambda: "Allowed Bash: alembic upgrade head." in toasts(pilot))
        source.ways = [ALSO]
        await press(pilot, "r")
        await until(pilot, lambda: "rm -rf" in dialog(pilot))
        source.error, source.ways = ApiError("laptop refused it", status=404, why="404 nobody waits"), []
        await press(pilot, "n")
        await until(pilot, lambda: "nobody waits" in dialog(pilot))
        source.error = None
        await press(pilot, "escape")
        assert len(source.replies) == 1


async def test_what_cannot_be_sent_stays_in_the_dialog() -> None:
    source = fleet()
    source.ways = [API_WAY]
    async with cockpit(source, (80, 24)) as (pilot, _, _):
        await press(pilot, "r")
        await until(pilot, lambda: "Goes to" in dialog(pilot))
        source.error = ApiError("laptop refused it", status=409, why="409 agent is running")
        await press(pilot, *"again", "enter")
        await until(pilot, lambda: "agent is running" in dialog(pilot))
        assert pilot.app.screen.query_one(Field).text == "again"
        source.error = None
        await press(pilot, "enter")
        await until(pilot, lambda: source.replies)


async def test_an_app_that_takes_nothing_and_a_chat() -> None:
    chat = app("c1", status("idle", "Which one?", small_fleet()[0].agents[0].apps[0].statuses[0].at))
    chats = replace(workspace("", CHATS, agent(chat, name=CHATS, ident=CHATS)), id=CHATS)
    source = StoreSource(*small_fleet(), chats)
    async with cockpit(source) as (pilot, screen, _):
        screen.jump(Key("acme", "ws-bo-docs", "main", "claude"))
        await press(pilot, "r")
        await until(pilot, lambda: "Nothing here takes a text" in dialog(pilot))
        await press(pilot, "enter", "y", "tab", "ctrl+t", "escape")
        assert source.replies == []
        source.ways = [Way(WayKind.CHAT, "the chat c1 on acme")]
        screen.jump(Key("acme", CHATS, CHATS, "c1"))
        await press(pilot, "r")
        await until(pilot, lambda: "Goes to the chat c1 on acme" in dialog(pilot))
        await press(pilot, *"both", "enter")
        await until(pilot, lambda: source.replies)


async def test_n_starts_what_is_chosen(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("coder_tui.tui.answering.installed", lambda: ["claude", "codex"])
    monkeypatch.setenv("SHELL", "/bin/my sh")
    monkeypatch.chdir(tmp_path)
    source = fleet()
    async with cockpit(source) as (pilot, screen, _):
        await press(pilot, "n")
        assert isinstance(pilot.app.screen, LaunchScreen)
        assert "claude  codex  shell" in dialog(pilot)
        command = pilot.app.screen.query_one("#launch-command", Input)
        seen = []
        for key in ("down", "down", "down", "up", "up"):
            seen.append(command.value)
            await press(pilot, key)
        assert seen == ["claude", "codex", "shell", "claude", "shell"]
        assert command.value == "codex"
        source.error = HubError("the hub is full")
        await press(pilot, "enter")
        await until(pilot, lambda: "the hub is full" in dialog(pilot))
        source.error = None
        await press(pilot, "tab", "tab", *"fix-1", "tab", *"fix/1", "enter")
        await until(pilot, lambda: source.launched)
        [wanted] = source.launched
        assert wanted == Launch(("codex",), tmp_path.resolve(), "fix-1", "", "fix/1")
        await until(pilot, lambda: screen.selected == Key("acme", "ws-me-fix-1", "main", "claude"))
        source.apply(DeploymentChanged(Deployment("acme", url="http://acme.io", link=LIVE)))
        assert screen.selected == Key("acme", "ws-me-fix-1", "main", "claude"), "it stays"
        await until(pilot, lambda: "r replies to it" in toasts(pilot))
        await press(pilot, "n", "up")
        assert "up/down choose" in dialog(pilot)
        await press(pilot, "enter")
        await until(pilot, lambda: len(source.launched) == 2)
        assert (source.launched[1].command, source.launched[1].app) == (("exec '/bin/my sh'",), "shell")
        await press(pilot, "n")
        pilot.app.screen.query_one("#launch-command", Input).value = " "
        await press(pilot, "enter")
        assert "There is no command." in dialog(pilot)
        await press(pilot, "escape")


async def test_both_are_off_where_they_can_do_nothing() -> None:
    async with cockpit(fleet(hub=False)) as (pilot, screen, source):
        await press(pilot, "n")
        assert pilot.app.screen is screen
        assert "start with --deployment local" in toasts(pilot)
        screen.jump(Key("acme", "ws-mia-old-thing"))
        await press(pilot, "r")
        assert pilot.app.screen is screen
        assert "old-thing" in screen_text(screen)
    async with cockpit(fleet(), read_only=True) as (pilot, screen, source):
        await press(pilot, "r", "n")
        assert pilot.app.screen is screen
        assert source.launched == []
