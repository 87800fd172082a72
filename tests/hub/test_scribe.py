"""What a program writes to its terminal as lines of its agent's log."""

from __future__ import annotations

import asyncio
import itertools
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from coder_tui.hub.scribe import MOST, TerminalLines
from tests.hub.support import Peer, hub

__all__ = ["hub"]

OUTPUT = (
    b"plain\r\n"
    b"\x1b[31mred\x1b[0m \x1b[?25lx\x1b]0;title\x07\r\n"
    b" 10%\r 50%\r100% done\r\n"
    b"\r\n" + "caf\u00e9\r\n".encode()
)
LINES = ["plain", "\x1b[31mred\x1b[0m x", "100% done", "caf\u00e9"]


@settings(max_examples=40, deadline=None)
@given(cuts=st.lists(st.integers(0, len(OUTPUT)), max_size=8))
def test_however_it_is_cut(cuts: list[int]) -> None:
    lines = TerminalLines()
    edges = [0, *sorted(cuts), len(OUTPUT)]
    for start, stop in itertools.pairwise(edges):
        lines.feed(OUTPUT[start:stop], 0.0)
    assert [line.output for line in lines.take()] == LINES
    assert lines.take() == []


@pytest.mark.parametrize("drawing", [b"\x1b[2J\x1b[H", b"\x1b[3A", b"\x1b[5;1Hx"])
def test_a_screen_is_no_log(drawing: bytes) -> None:
    lines = TerminalLines()
    lines.feed(b"before\n" + drawing + b"frame\nsecond row\n", 0.0)
    lines.feed(b"row\n", 1.0)
    lines.feed(b"a log again\n", 10.0)
    lines.feed(b"\x1b[?1049h\n", 10.0)
    lines.feed(b"editor\n", 100.0)
    lines.feed(b"\x1b[?1049l\n", 200.0)
    lines.feed(b"after\n", 300.0)
    assert [line.output for line in lines.take()] == ["before", "a log again", "after"]


def test_a_flood_is_counted() -> None:
    lines = TerminalLines()
    for _ in range(10):
        lines.feed(b"y\n" * 1000, 0.0)
    told = [line.output for line in lines.take()]
    assert told[:MOST] == ["y"] * MOST
    assert told[MOST:] == [f"[{10_000 - MOST:,} lines came too fast for the log: see the terminal]"]
    lines.feed(b"z\n", 0.0)
    assert [line.output for line in lines.take()] == ["z"]
    lines.feed(b"x" * 1_000_000, 0.0)
    assert lines.take() == []


async def test_a_programs_output_is_in_its_agents_log_before_its_end(hub: Peer, tmp_path: Path) -> None:
    command = "echo one; printf 'two\\n'; printf '\\033[2J\\033[Hscreen\\n'; exit 3"
    values = [
        {"name": name, "value": value}
        for name, value in (("command", command), ("app", "a"), ("directory", str(tmp_path)))
    ]
    body = {"name": "talks", "rich_parameter_values": values}
    workspace = (await hub.send("POST", "/users/me/workspaces", body, 201))["id"]

    async def log() -> tuple[list[str], dict[str, Any]]:
        found = await hub.get(f"/workspaces/{workspace}")
        [agent] = found["latest_build"]["resources"][0]["agents"] if found["latest_build"]["resources"] else [None]
        if agent is None:
            return [], {}
        lines = await hub.get(f"/workspaceagents/{agent['id']}/logs")
        return [line["output"] for line in lines], {one["display_name"]: one["id"] for one in agent["log_sources"]}

    async with asyncio.timeout(20):
        while not (texts := (await log())[0]) or "exited with code 3" not in texts[-1]:
            await asyncio.sleep(0.01)
    assert texts[:2] == ["one", "two"]
    assert not any("screen" in text for text in texts)
    assert "terminal" in (await log())[1]
