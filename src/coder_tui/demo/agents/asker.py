"""Migrates a real SQLite database, one migration after the other, and asks a person before each.

It is blocked on a person until somebody types y or n in its terminal.
"""

from __future__ import annotations

import contextlib
import sqlite3
import sys
import time
from dataclasses import dataclass
from pathlib import Path

from coder_tui.demo.agents.kit import Kit, link, main

ROWS = 1204
DATABASE = "app.db"


@dataclass(frozen=True)
class Migration:
    """`statements` run in one transaction; `check` must give 0 afterwards."""

    name: str
    why: str
    statements: tuple[str, ...]
    check: str


MIGRATIONS = (
    Migration(
        "0042_split_name",
        "split users.name into first and last",
        (
            "ALTER TABLE users ADD COLUMN first TEXT",
            "ALTER TABLE users ADD COLUMN last TEXT",
            "UPDATE users SET first = substr(name, 1, instr(name, ' ') - 1), last = substr(name, instr(name, ' ') + 1)",
        ),
        "SELECT count(*) FROM users WHERE first IS NULL OR first || ' ' || last <> name",
    ),
    Migration(
        "0043_unique_email",
        "make users.email unique, ignoring case",
        ("UPDATE users SET email = lower(email)", "CREATE UNIQUE INDEX users_email ON users (email)"),
        "SELECT count(*) - count(DISTINCT email) FROM users",
    ),
    Migration(
        "0044_drop_name",
        "drop users.name, now that nothing reads it",
        (
            "ALTER TABLE users RENAME TO old",
            "CREATE TABLE users AS SELECT id, first, last, email FROM old",
            "DROP TABLE old",
        ),
        "SELECT count(*) FROM pragma_table_info('users') WHERE name = 'name'",
    ),
)


def create(path: Path) -> None:
    """A fresh database with ROWS users."""
    path.unlink(missing_ok=True)
    first, last = ("Ana", "Bo", "Kira", "Mika", "Noor", "Sol"), ("Berg", "Costa", "Ito", "Okafor", "Roy", "Silva", "Wu")
    with contextlib.closing(sqlite3.connect(path)) as database, database:
        database.execute("CREATE TABLE users (id INTEGER PRIMARY KEY, name TEXT NOT NULL, email TEXT NOT NULL)")
        people = ((first[n % len(first)], last[n % len(last)], n) for n in range(ROWS))
        rows = ((f"{a} {b}", f"{a}.{b}.{n}@Example.org") for a, b, n in people)
        database.executemany("INSERT INTO users (name, email) VALUES (?, ?)", rows)


def apply(path: Path, migration: Migration) -> tuple[int, float]:
    """Run it; rows in the table and milliseconds taken. Raises sqlite3.Error and leaves the database as it was."""
    began = time.perf_counter()
    # autocommit: BEGIN is ours, so that schema changes are inside the transaction too
    with contextlib.closing(sqlite3.connect(path, isolation_level=None)) as database:
        database.execute("BEGIN IMMEDIATE")
        try:
            for statement in migration.statements:
                database.execute(statement)
            (wrong,) = database.execute(migration.check).fetchone()
            if wrong:
                raise sqlite3.IntegrityError(f"{wrong} rows are not as they should be")
            (rows,) = database.execute("SELECT count(*) FROM users").fetchone()
            database.execute("COMMIT")
        except sqlite3.Error:
            database.execute("ROLLBACK")
            raise
    return rows, (time.perf_counter() - began) * 1000


def allowed(question: str) -> bool:
    """Ask in the terminal until the answer is yes or no. Raises EOFError when nobody can answer any more."""
    while True:
        print(f"\x1b[1;33m{question} [y/N] \x1b[0m", end="", flush=True)
        line = sys.stdin.readline()
        if not line:
            raise EOFError
        answer = line.strip().lower()
        if answer in {"y", "yes", "n", "no", ""}:
            return answer.startswith("y")


def work(kit: Kit) -> None:
    """Plan, ask, migrate; over and over, each time with a fresh database."""
    path = Path(DATABASE).resolve()
    while True:
        create(path)
        kit.say(f"{path.name}: {ROWS} users, {path.stat().st_size // 1024} KiB", "dim")
        for migration in MIGRATIONS:
            kit.report("working", f"Planning {migration.name}: {migration.why}")
            for statement in migration.statements:
                kit.say(f"    {statement}", "blue")
            kit.log([f"plan {migration.name}", *migration.statements], source="migrate")
            kit.pause(1.5)
            while True:
                kit.report("idle", f"May I run {migration.name} on {path.name}? {ROWS} rows change", needs="permission")
                if allowed("Run migration?"):
                    break
                kit.report("working", f"You said no to {migration.name}: looking at the plan again")
                kit.log([f"{migration.name} was declined"], "warn", source="migrate")
                kit.pause(20)
            kit.report("working", f"Running {migration.name}")
            kit.pause(1)
            try:
                rows, took = apply(path, migration)
            except sqlite3.Error as error:
                kit.log([f"{migration.name}: {error}"], "error", source="migrate")
                kit.report("failure", f"{migration.name} was rolled back: {error}")
                break
            kit.log([f"{migration.name} applied to {rows} rows in {took:.1f} ms"], source="migrate")
            kit.report("complete", f"{migration.name}: {rows} rows in {took:.0f} ms", link(path))
            kit.pause(30)


if __name__ == "__main__":
    sys.exit(main("asker", work))
