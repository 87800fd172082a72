"""What the little agents do, without a hub: their work is real, so it can be checked."""

from __future__ import annotations

import contextlib
import io
import sqlite3
from pathlib import Path

import pytest

from coder_tui.demo.agents import asker, fixer, watcher
from coder_tui.demo.agents.asker import MIGRATIONS, ROWS, Migration
from coder_tui.demo.agents.exercises import EXERCISES, Exercise


@pytest.mark.parametrize("exercise", EXERCISES, ids=lambda exercise: exercise.name)
def test_every_exercise_starts_red_and_ends_green(exercise: Exercise, tmp_path: Path) -> None:
    (tmp_path / f"test_{exercise.name}.py").write_text(exercise.tests)
    module = tmp_path / f"{exercise.name}.py"
    module.write_text(exercise.module)
    first = fixer.test(tmp_path, exercise.name)
    assert not first.green
    assert first.failed
    assert first.ran > len(first.failed)  # a module that works in part, not a typing error
    source = exercise.module
    for edit in exercise.edits:
        assert source.count(edit.old) >= 1
        source = source.replace(edit.old, edit.new, 1)
    module.write_text(source)
    last = fixer.test(tmp_path, exercise.name)
    assert last.green, last.output
    assert last.ran == first.ran


def test_migrations_change_a_real_database(tmp_path: Path) -> None:
    path = tmp_path / asker.DATABASE
    asker.create(path)
    for migration in MIGRATIONS:
        rows, took = asker.apply(path, migration)
        assert rows == ROWS
        assert took > 0
    with contextlib.closing(sqlite3.connect(path)) as database:
        columns = [row[1] for row in database.execute("PRAGMA table_info(users)")]
        first, last, email = database.execute("SELECT first, last, email FROM users WHERE id = 2").fetchone()
    assert columns == ["id", "first", "last", "email"]
    assert email == f"{first}.{last}.1@example.org".lower()


def test_a_migration_that_goes_wrong_leaves_no_trace(tmp_path: Path) -> None:
    path = tmp_path / asker.DATABASE
    asker.create(path)
    before = path.read_bytes()
    bad = Migration("bad", "checks what cannot be", ("DROP TABLE users", "CREATE TABLE users (id)"), "SELECT 7")
    with pytest.raises(sqlite3.IntegrityError, match="7 rows"):
        asker.apply(path, bad)
    assert path.read_bytes() == before


@pytest.mark.parametrize(("typed", "answer"), [("y\n", True), ("what?\nYES\n", True), ("n\n", False), ("\n", False)])
def test_an_answer_is_yes_or_no(typed: str, answer: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO(typed))
    assert asker.allowed("Run migration?") is answer


def test_nobody_can_answer_any_more(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO("hm\n"))
    with pytest.raises(EOFError):
        asker.allowed("Run migration?")


def test_the_watcher_tells_what_changed(tmp_path: Path) -> None:
    (tmp_path / ".git").mkdir()
    (tmp_path / ".git" / "hidden").write_text("x")
    (tmp_path / "a").write_text("12")
    (tmp_path / "b").write_text("3")
    before = watcher.look(tmp_path)
    assert before.size == 3
    (tmp_path / "a").write_text("longer")
    (tmp_path / "b").unlink()
    (tmp_path / "c").write_text("")
    after = watcher.look(tmp_path)
    assert sorted(after.changes(before)) == ["changed a (6 bytes)", "gone b", "new c (0 bytes)"]
    assert after.changes(after) == []
