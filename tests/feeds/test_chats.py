"""Chats in the cockpit: as rows, with our states, alerting once, never on the first load."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from coder_tui.client.events import LogNote
from coder_tui.errors import UsageError
from coder_tui.fleet.attention import fresh
from coder_tui.fleet.snapshot import CHATS, Key, Level, LinkState, Row, Snapshot
from tests.client.support import credentials, serving
from tests.client.test_chats import ChatServer, chat
from tests.feeds.support import FakeCoder, cockpit, running, shows, state_of, workspace


def at(minutes: float) -> str:
    return (datetime.now(UTC) - timedelta(minutes=minutes)).isoformat()


def chats(snapshot: Snapshot) -> dict[str, Row]:
    return {row.app.name: row for row in snapshot.rows if row.workspace.id == CHATS and row.app}


def states(snapshot: Snapshot) -> dict[str, str]:
    return {name: row.status.state for name, row in chats(snapshot).items() if row.status}


def both(coder: FakeCoder, server: ChatServer) -> list[Any]:
    return [*server.routes[:2], *coder.routes]


async def test_chats_are_rows_with_our_states(tmp_path: Path) -> None:
    server = ChatServer(
        chat(1, "running", updated_at=at(5)),
        chat(2, "requires_action", updated_at=at(4)),
        chat(3, "error", updated_at=at(3), last_error={"message": "out of \x1b[31mtokens"}),
        chat(4, "waiting", updated_at=at(2), last_turn_summary="Fixed the tests"),
        chat(5, "hibernating", updated_at=at(1)),
        chat(6, archived=True),
        chat(7, parent_chat_id=chat(1)["id"]),
    )
    coder = FakeCoder(workspace(1))
    async with serving(*both(coder, server)) as url, running(cockpit(tmp_path, credentials(url))) as source:
        snapshot = await shows(source, lambda now: state_of(now) == LinkState.LIVE and chats(now))
        assert states(snapshot) == {
            "chat 1": "working",
            "chat 2": "requires_action",
            "chat 3": "failure",
            "chat 4": "idle",
            "chat 5": "hibernating",
        }
        levels = {alert.key.app: alert.level for alert in snapshot.alerts if alert.key.workspace_id == CHATS}
        assert levels == {chat(2)["id"]: Level.ASKS, chat(3)["id"]: Level.FAILED}
        shown = chats(snapshot)
        assert shown["chat 3"].status is not None
        assert shown["chat 3"].status.message == "out of tokens"
        assert shown["chat 4"].status is not None
        assert shown["chat 4"].status.message == "Fixed the tests"
        assert shown["chat 4"].status.uri == f"{url}/agents/{chat(4)['id']}"
        assert not fresh(Snapshot(), snapshot), "what was there at the start is no news"

        before = source.snapshot
        await server.say("status_change", chat(1, "waiting", updated_at=at(0), last_turn_summary="Done: 3 files"))
        snapshot = await shows(source, lambda now: states(now)["chat 1"] == "idle")
        (alert,) = fresh(before, snapshot)
        assert (alert.level, alert.message) == (Level.DONE, "Done: 3 files")
        await server.say("title_change", chat(1, "waiting", updated_at=at(-1), title="renamed"))
        snapshot = await shows(source, lambda now: "renamed" in chats(now))
        assert [one.event_id for one in snapshot.alerts if one.level is Level.DONE] == [alert.event_id]
        await server.say("summary_change", chat(3, "running", updated_at=at(30)))
        await server.say("deleted", chat(5))
        snapshot = await shows(source, lambda now: "chat 5" not in chats(now))
        assert states(snapshot)["chat 3"] == "failure", "an older status in another kind of event is no news"


async def test_a_chat_has_no_terminal_no_log_and_no_workspace(tmp_path: Path) -> None:
    server, coder = ChatServer(chat(1)), FakeCoder(workspace(1))
    async with serving(*both(coder, server)) as url, running(cockpit(tmp_path, credentials(url))) as source:
        await shows(source, chats)
        with pytest.raises(UsageError, match="no workspace of its own"):
            await source.build(Key("acme", CHATS), "stop")
        notes = [event async for event in source.follow_logs("acme", CHATS)]
        assert [note.text for note in notes if isinstance(note, LogNote)] == ["a chat has no log of its own"]


async def test_chats_that_end_and_chats_that_were_never_there(tmp_path: Path) -> None:
    server, coder = ChatServer(chat(1)), FakeCoder(workspace(1))
    async with serving(*both(coder, server)) as url, running(cockpit(tmp_path / "a", credentials(url))) as source:
        await shows(source, chats)
        server.chats = []
        source.refresh()
        await shows(source, lambda now: not chats(now))
    async with serving(*coder.routes) as url, running(cockpit(tmp_path / "b", credentials(url))) as source:
        snapshot = await shows(source, lambda now: state_of(now) == LinkState.LIVE)
        assert not chats(snapshot)
