"""An app that shows 10,000 agents: `ours` (store and Agents pane) or `table` (a DataTable). RESULT MODE SECONDS.

Measures the first paint of the list, then 1,000 status changes a second: CPU, and how long the loop stood still.
"""

from __future__ import annotations

import asyncio
import gc
import json
import sys
import time
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

import psutil
from textual.app import App, ComposeResult
from textual.widget import Widget
from textual.widgets import DataTable

from coder_tui.fleet.events import DeploymentChanged, FleetListed, WorkspaceChanged
from coder_tui.fleet.snapshot import Agent, Deployment, Link, LinkState, Row, Status, Workspace
from coder_tui.fleet.snapshot import App as Program
from coder_tui.fleet.store import Store
from coder_tui.tui import themes
from coder_tui.tui.overview import differing
from coder_tui.tui.paint import Voices
from coder_tui.tui.panes.agents import AgentsPane

AGENTS, RATE, BATCH = 10_000, 1_000, 0.1
BEAT = 0.005  # seconds between two looks at how late the loop is: at one millisecond these cost half of what they saw
NOW = datetime.now(UTC)
COLUMNS = ("owner", "workspace", "agent", "app", "state", "message", "age", "build")


def workspace(number: int, event: int) -> Workspace:
    """One workspace with one agent, as it stands after its report number `event`."""
    state = ("working", "idle", "complete")[event % 3]
    status = Status(f"{number}-{event}", NOW + timedelta(seconds=event), state, f"step {event} of many")
    app = Program(f"app-{number}", "claude", "Claude", statuses=(status,))
    agent = Agent(f"agent-{number}", "main", "connected", "ready", apps=(app,))
    return Workspace("acme", f"{number:05}", f"work-{number:05}", "kira", "running", "start", agents=(agent,))


class Fleet(App[None]):
    """One list, nothing else."""

    def __init__(self, result: Path, mode: str, seconds: float) -> None:
        self.themes, _ = themes.load_themes()
        super().__init__()
        self.register_theme(self.themes[themes.DEFAULT])
        self.theme = themes.DEFAULT
        self._result, self._mode, self._seconds = result, mode, seconds
        self._store = Store(timedelta(minutes=10), timedelta(minutes=30))
        self._rows: Sequence[Row] = ()
        self._gaps: list[float] = []

    def get_theme_variable_defaults(self) -> dict[str, str]:
        """Our voices, before the theme is chosen too."""
        return dict(self.themes[themes.DEFAULT].variables)

    def compose(self) -> ComposeResult:
        """The list."""
        self.pane, self.table = AgentsPane(), DataTable[str]()
        one: Widget = self.pane if self._mode == "ours" else self.table
        yield one

    def on_mount(self) -> None:
        """Begin once the empty app is painted."""
        self.call_after_refresh(lambda: self.run_worker(self._measure(), exit_on_error=True))

    async def _painted(self) -> None:
        done = asyncio.Event()
        self.call_after_refresh(done.set)
        await done.wait()

    async def _measure(self) -> None:
        empty = psutil.Process().memory_info().rss
        spaces = tuple(workspace(number, 0) for number in range(AGENTS))
        live = Deployment("acme", link=Link(LinkState.LIVE))
        rows = self._store.apply(DeploymentChanged(live), FleetListed("acme", spaces, NOW)).rows
        size = int(RATE * BATCH)
        self._batches = [
            [workspace((batch * size + offset) * 7919 % AGENTS, batch + 1) for offset in range(size)]
            for batch in range(int(self._seconds / BATCH))
        ]
        gc.collect()
        gc.freeze()
        gc.set_threshold(50_000, 20, 50)  # as the cockpit does
        start = time.perf_counter()
        if self._mode == "ours":
            self.pane.voices = Voices(self.theme_variables)
            self.pane.now = NOW
            self.pane.show(rows, None)
        else:
            for name in COLUMNS:
                self.table.add_column(name, key=name, width=12)
            for row in rows:
                self.table.add_row(*cells(row), key=row.workspace.id)
        self._rows = rows
        await self._painted()
        paint = time.perf_counter() - start
        memory = psutil.Process().memory_info().rss
        beat = asyncio.create_task(self._beat())
        busy = time.process_time()
        began = time.perf_counter()
        changes = await self._change(began)
        lasted = time.perf_counter() - began
        busy = time.process_time() - busy
        beat.cancel()
        gaps = sorted(self._gaps)
        figures = {
            "paint_ms": paint * 1000,
            "fleet_mb": (memory - empty) / 1e6,
            "process_mb": memory / 1e6,
            "cpu_percent": 100 * busy / lasted,
            "cpu_us_per_change": 1e6 * busy / changes,
            "stall_p99_ms": gaps[int(len(gaps) * 0.99)] * 1000,
            "changes_per_second": changes / lasted,
        }
        self._result.write_text(json.dumps(figures))
        self.exit()

    async def _change(self, began: float) -> int:
        for number, spaces in enumerate(self._batches, 1):
            if self._mode == "ours":
                rows = self._store.apply(*(WorkspaceChanged(space, NOW) for space in spaces)).rows
                self.pane.show(rows, differing(self._rows, rows))
                self._rows = rows
            else:
                for space in spaces:
                    status = space.agents[0].apps[0].statuses[0]
                    self.table.update_cell(space.id, "state", status.state)
                    self.table.update_cell(space.id, "message", status.message)
            await asyncio.sleep(max(0.0, began + number * BATCH - time.perf_counter()))
        return sum(map(len, self._batches))

    async def _beat(self) -> None:
        last = time.perf_counter()
        while True:
            await asyncio.sleep(BEAT)
            now = time.perf_counter()
            self._gaps.append(max(0.0, now - last - BEAT))
            last = now


def cells(row: Row) -> list[str]:
    """Eight cells of one row."""
    status, space = row.status, row.workspace
    state, message = (status.state, status.message) if status else ("", "")
    return [space.owner, space.name, row.key.agent, row.key.app, state, message, "1m", space.build_status]


if __name__ == "__main__":
    Fleet(Path(sys.argv[1]), sys.argv[2], float(sys.argv[3])).run()
