"""What is acknowledged stays acknowledged: over restarts, corruption and a second program on the same file."""

from __future__ import annotations

import sqlite3
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from coder_tui.errors import StorageError
from coder_tui.feeds.memory import FILE, Memory
from coder_tui.feeds.source import PtyTarget
from coder_tui.fleet.snapshot import Key

KEY = Key("acme", "w1", "main", "claude")
OTHER = Key("acme", "w2")


def reopened(memory: Memory) -> Memory:
    memory.close()
    return Memory(memory.path.parent)


def test_acks_survive_a_restart_and_can_be_undone(tmp_path: Path) -> None:
    memory = Memory(tmp_path)
    memory.acknowledge(["a"], [KEY])
    memory.acknowledge(["b", "c"], [KEY, OTHER])
    assert memory.acked == {"a", "b", "c"}
    memory = reopened(memory)
    assert memory.acked == {"a", "b", "c"}
    assert memory.undo() == [KEY, OTHER]
    assert reopened(memory).acked == {"a"}
    assert memory.undo() == [KEY]
    assert memory.undo() == []
    assert reopened(memory).acked == frozenset()


def test_an_ack_is_on_disk_when_it_returns(tmp_path: Path) -> None:
    """Not closed, not committed later: another connection sees it at once."""
    memory = Memory(tmp_path)
    memory.acknowledge(["a"], [KEY])
    assert Memory(tmp_path).acked == {"a"}


def test_acknowledging_twice_is_one_step(tmp_path: Path) -> None:
    memory = Memory(tmp_path)
    memory.acknowledge(["a"], [KEY])
    memory.acknowledge(["a"], [KEY])
    assert memory.undo() == [KEY]
    assert memory.undo() == []


def test_two_programs_see_each_other(tmp_path: Path) -> None:
    one, two = Memory(tmp_path), Memory(tmp_path)
    one.acknowledge(["a"], [KEY])
    assert not one.refresh(), "its own write is no news"
    assert two.refresh()
    assert two.acked == {"a"}
    assert not two.refresh()
    assert two.undo() == [KEY]
    assert one.refresh()
    assert one.acked == frozenset()


def test_the_file_is_private(tmp_path: Path) -> None:
    memory = Memory(tmp_path / "new")
    memory.acknowledge(["a"], [KEY])
    for path in (tmp_path / "new").iterdir():
        assert path.stat().st_mode & 0o077 == 0, path.name


@settings(max_examples=15, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(garbage=st.binary(min_size=1, max_size=400))
def test_any_garbage_is_moved_aside(tmp_path_factory: pytest.TempPathFactory, garbage: bytes) -> None:
    directory = tmp_path_factory.mktemp("state")
    (directory / FILE).write_bytes(garbage)
    memory = Memory(directory)
    (aside,) = directory.glob(f"{FILE}.corrupt-*")
    assert aside.read_bytes() == garbage
    (warning,) = memory.warnings
    assert aside.name in warning
    memory.acknowledge(["a"], [KEY])
    assert reopened(memory).acked == {"a"}
    memory.close()


def test_a_database_torn_in_the_middle_is_moved_aside(tmp_path: Path) -> None:
    memory = Memory(tmp_path)
    memory.acknowledge([f"event-{number}" for number in range(2000)], [KEY] * 2000)
    memory.close()
    path = tmp_path / FILE
    content = bytearray(path.read_bytes())
    content[4096:] = b"\xaa" * (len(content) - 4096)
    path.write_bytes(content)
    memory = Memory(tmp_path)
    assert memory.warnings
    assert list(tmp_path.glob(f"{FILE}.corrupt-*"))
    memory.acknowledge(["after"], [KEY])
    assert reopened(memory).acked == {"after"}


def test_corruption_while_running_loses_nothing(tmp_path: Path) -> None:
    memory = Memory(tmp_path)
    memory.acknowledge(["a", "b"], [KEY, KEY])
    # another program's disk accident: the whole file is overwritten under our feet
    with sqlite3.connect(memory.path) as other:
        other.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    other.close()
    memory.path.write_bytes(b"not a database" * 5000)
    memory.acknowledge(["c"], [OTHER])
    assert memory.acked == {"a", "b", "c"}
    assert reopened(memory).acked == {"a", "b", "c"}


def test_a_file_of_a_newer_version_is_left_alone(tmp_path: Path) -> None:
    Memory(tmp_path).close()
    with sqlite3.connect(tmp_path / FILE) as db:
        db.execute("PRAGMA user_version = 99")
    db.close()
    before = (tmp_path / FILE).read_bytes()
    memory = Memory(tmp_path)
    assert "newer coder-tui" in memory.warnings[0]
    with pytest.raises(StorageError, match="newer coder-tui"):
        memory.acknowledge(["a"], [KEY])
    assert (tmp_path / FILE).read_bytes() == before


def test_an_unusable_directory_warns_and_never_forgets_silently(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    memory = Memory(tmp_path / "file" / "state")
    assert len(memory.warnings) == 1
    assert memory.fleet("acme", "https://acme.io") is None
    assert not memory.refresh()
    with pytest.raises(StorageError, match="cannot write to"):
        memory.acknowledge(["a"], [KEY])
    assert memory.acked == frozenset()
    (tmp_path / "file").unlink()
    memory.acknowledge(["a"], [KEY])
    assert Memory(tmp_path / "file" / "state").acked == {"a"}


def test_old_acknowledgements_are_dropped(tmp_path: Path) -> None:
    now = datetime(2026, 1, 1, tzinfo=UTC)
    memory = Memory(tmp_path, lambda: now)
    memory.acknowledge(["old"], [KEY])
    memory.close()
    now += timedelta(days=100)
    memory = Memory(tmp_path, lambda: now)
    memory.acknowledge(["new"], [KEY])
    memory.close()
    now += timedelta(days=100)
    assert Memory(tmp_path, lambda: now).acked == {"new"}


def test_the_last_fleet_belongs_to_name_and_url(tmp_path: Path) -> None:
    memory = Memory(tmp_path)
    at = datetime(2026, 1, 1, tzinfo=UTC)
    memory.save_fleet("acme", "https://acme.io", at, "one")
    memory.save_fleet("acme", "https://acme.io", at, "two")
    memory = reopened(memory)
    assert memory.fleet("acme", "https://acme.io") == (at, "two")
    assert memory.fleet("acme", "https://other.io") is None


def terminal(reconnect: str, agent: str = "agent") -> PtyTarget:
    return PtyTarget("acme", "w1", agent, reconnect, f"api {reconnect}", command="claude", container="dev")


def test_terminals_survive_a_restart_in_their_order(tmp_path: Path) -> None:
    memory = Memory(tmp_path)
    for target in (terminal("b"), terminal("a"), terminal("elsewhere", "other")):
        memory.keep_terminal(target)
    memory.keep_terminal(terminal("b"))
    memory = reopened(memory)
    assert memory.terminals("acme", "agent") == [terminal("b"), terminal("a")]
    memory.forget_terminal("b")
    memory.forget_terminal("never was")
    assert reopened(memory).terminals("acme", "agent") == [terminal("a")]
    assert memory.terminals("laptop", "agent") == []


def test_terminals_nobody_attached_for_long_are_dropped(tmp_path: Path) -> None:
    then = datetime(2026, 1, 1, tzinfo=UTC)
    old = Memory(tmp_path, lambda: then)
    old.keep_terminal(terminal("old"))
    old.keep_terminal(terminal("used"))
    old.close()
    used = Memory(tmp_path, lambda: then + timedelta(days=20))
    used.keep_terminal(terminal("used"))
    used.close()
    assert Memory(tmp_path, lambda: then + timedelta(days=31)).terminals("acme", "agent") == [terminal("used")]


def test_a_file_of_the_version_before_is_taken_over(tmp_path: Path) -> None:
    memory = Memory(tmp_path)
    memory.acknowledge(["a"], [KEY])
    memory.close()
    with sqlite3.connect(tmp_path / FILE) as db:
        db.executescript(
            "DROP TABLE terminal; DROP TABLE snooze; DROP TABLE mute; DROP TABLE seen; DROP TABLE journal;"
            "PRAGMA user_version = 1"
        )
    db.close()
    memory = Memory(tmp_path)
    assert memory.acked == {"a"}
    memory.keep_terminal(terminal("x"))
    assert memory.terminals("acme", "agent") == [terminal("x")]
    assert memory.undo() == [KEY]


END = datetime(2026, 1, 1, 12, tzinfo=UTC)


def test_snoozes_and_mutes_survive_and_are_taken_back_one_by_one(tmp_path: Path) -> None:
    memory = Memory(tmp_path)
    memory.snooze(["a", "b"], [KEY, OTHER], END)
    memory.snooze(["a"], [KEY], None)
    memory.mute([KEY, OTHER])
    memory.mute([KEY], False)
    memory = reopened(memory)
    assert memory.standings.snoozed == {"a": None, "b": END}
    assert memory.standings.muted == {OTHER}
    assert memory.undo() == [KEY]
    assert memory.standings.muted == {KEY, OTHER}
    assert memory.undo() == [KEY, OTHER]
    assert memory.standings.muted == frozenset()
    assert memory.undo() == [KEY]
    assert memory.standings.snoozed == {"a": END, "b": END}, "the snooze before it counts again"
    assert memory.undo() == [KEY, OTHER]
    assert reopened(memory).standings.snoozed == {}
    assert memory.undo() == []


def test_muting_what_is_muted_is_no_step(tmp_path: Path) -> None:
    memory = Memory(tmp_path)
    memory.mute([KEY])
    memory.mute([KEY])
    memory.mute([OTHER], False)
    assert memory.undo() == [KEY]
    assert memory.undo() == []


def test_two_programs_share_snoozes_mutes_and_what_was_seen(tmp_path: Path) -> None:
    one, two = Memory(tmp_path), Memory(tmp_path)
    one.snooze(["a"], [KEY], END)
    one.mute([OTHER])
    one.note_seen({"c"})
    one.save_seen({"c"})
    assert two.refresh()
    assert two.standings == one.standings
    assert two.standings.seen == {"c"}
    two.mute([OTHER], False)
    assert one.refresh()
    assert one.standings.muted == frozenset()


def test_a_mute_outlives_every_acknowledgement(tmp_path: Path) -> None:
    memory = Memory(tmp_path, lambda: END)
    memory.mute([KEY])
    memory.snooze(["old"], [KEY], None)
    memory.close()
    later = Memory(tmp_path, lambda: END + timedelta(days=400))
    assert later.standings.muted == {KEY}
    assert later.standings.snoozed == {}


def test_a_newer_file_is_read_and_not_written(tmp_path: Path) -> None:
    memory = Memory(tmp_path)
    memory.acknowledge(["a"], [KEY])
    memory.close()
    with sqlite3.connect(tmp_path / FILE) as db:
        db.execute("PRAGMA user_version = 99")
    db.close()
    memory = Memory(tmp_path)
    assert memory.acked == {"a"}
    for change in (lambda: memory.snooze(["b"], [KEY], None), lambda: memory.mute([KEY]), memory.undo):
        with pytest.raises(StorageError, match="newer coder-tui"):
            change()
    assert memory.acked == {"a"}


def test_a_full_disk_is_said_and_nothing_is_forgotten(tmp_path: Path) -> None:
    memory = Memory(tmp_path)
    memory.acknowledge(["a"], [KEY])
    memory._file.read(lambda db: db.execute(f"PRAGMA max_page_count = {db.execute('PRAGMA page_count').fetchone()[0]}"))
    with pytest.raises(StorageError, match="full"):
        memory.acknowledge([f"event-{number}" * 20 for number in range(2000)], [KEY] * 2000)
    assert memory.acked == {"a"}
    assert Memory(tmp_path).acked == {"a"}
