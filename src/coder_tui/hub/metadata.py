"""Agent metadata of the hub: what psutil tells about an agent's programs and their machine, while somebody watches.

Keys and names are those of the metadata in Coder's own templates.
"""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime

import psutil

from coder_tui.hub.events import Topics, agent_metadata_topic
from coder_tui.hub.process import session_pids
from coder_tui.wire.agents import (
    WorkspaceAgentMetadata,
    WorkspaceAgentMetadataDescription,
    WorkspaceAgentMetadataResult,
)
from coder_tui.wire.base import ZERO_TIME

INTERVAL = 2
"""Seconds between two samples, as described to clients."""
SAMPLE_SECONDS = float(INTERVAL)
TIMEOUT = 3
"""Seconds a sample may take before it is stale."""

ITEMS: Mapping[str, str] = {
    "0_cpu_usage": "CPU Usage",
    "1_ram_usage": "RAM Usage",
    "2_home_disk": "Disk",
    "3_cpu_usage_host": "CPU Usage (Host)",
    "4_mem_usage_host": "Memory Usage (Host)",
    "5_load_host": "Load Average (Host)",
}
"""Key to display name, in the order of display."""


@dataclass(frozen=True, slots=True)
class Reading:
    """Counters at one moment: CPU seconds by process, and the machine's (busy, all), which mean something in pairs."""

    at: float
    cpu: Mapping[tuple[int, float], float]
    host: tuple[float, float]


@dataclass(frozen=True, slots=True)
class Sample:
    """What was measured at `at`; a key without value was not measured yet, or failed for the reason in `errors`."""

    at: datetime
    values: Mapping[str, str]
    errors: Mapping[str, str] = field(default_factory=dict)

    def items(self, now: datetime) -> list[WorkspaceAgentMetadata]:
        """As the wire has them; `age` is counted to `now`."""
        age = max(0, int((now - self.at).total_seconds()))
        return [
            WorkspaceAgentMetadata(
                result=WorkspaceAgentMetadataResult(
                    collected_at=self.at if key in self.values or key in self.errors else ZERO_TIME,
                    age=age if key in self.values or key in self.errors else 0,
                    value=self.values.get(key, ""),
                    error=self.errors.get(key, ""),
                ),
                description=WorkspaceAgentMetadataDescription(
                    display_name=name, key=key, interval=INTERVAL, timeout=TIMEOUT
                ),
            )
            for key, name in ITEMS.items()
        ]


def measure(leaders: Sequence[int], directory: str, before: Reading | None) -> tuple[Sample, Reading]:
    """Look at the terminal sessions led by `leaders` and at the machine. Blocks for some milliseconds."""
    cpu: dict[tuple[int, float], float] = {}
    memory = 0
    for pid in set().union(*(session_pids(leader) for leader in leaders)):
        try:
            process = psutil.Process(pid)
            with process.oneshot():
                times = process.cpu_times()
                memory += process.memory_info().rss
                cpu[pid, process.create_time()] = times.user + times.system
        except psutil.Error:
            continue  # it ended, or is not ours to look at
    reading = Reading(time.monotonic(), cpu, _host_cpu())
    values, errors = {"1_ram_usage": _bytes(memory)}, {}
    if before is not None and reading.at > before.at:
        # a process we have not seen before began in between: all it used counts
        spent = sum(used - before.cpu.get(key, 0.0) for key, used in cpu.items())
        values["0_cpu_usage"] = f"{max(0.0, spent) / (reading.at - before.at):.2f} cores"
        busy, whole = (now - then for now, then in zip(reading.host, before.host, strict=True))
        values["3_cpu_usage_host"] = f"{busy / whole:.0%} of {os.cpu_count() or 1} cores" if whole > 0 else "0%"
    try:
        disk = psutil.disk_usage(directory)
        values["2_home_disk"] = f"{_bytes(disk.used)}/{_bytes(disk.total)} ({disk.percent:.0f}%)"
    except OSError as error:
        errors["2_home_disk"] = f"{directory}: {error.strerror or error}"[:200]
    host = psutil.virtual_memory()
    values["4_mem_usage_host"] = f"{_bytes(host.total - host.available)}/{_bytes(host.total)} ({host.percent:.0f}%)"
    values["5_load_host"] = "{:.2f} {:.2f} {:.2f}".format(*os.getloadavg())
    return Sample(datetime.now(UTC), values, errors), reading


def _host_cpu() -> tuple[float, float]:
    times = psutil.cpu_times()
    # guest time is part of user time already
    whole = sum(times) - getattr(times, "guest", 0.0) - getattr(times, "guest_nice", 0.0)
    return whole - times.idle - getattr(times, "iowait", 0.0), whole


def _bytes(count: float) -> str:
    for unit in ("B", "KiB", "MiB", "GiB"):
        if count < 1024:
            return f"{count:.0f} {unit}" if unit in {"B", "KiB"} else f"{count:.1f} {unit}"
        count /= 1024
    return f"{count:.1f} TiB"


class Gauge:
    """The newest sample of one agent; `ready` once there is one."""

    def __init__(self) -> None:
        self.ready = asyncio.Event()
        self.sample = Sample(ZERO_TIME, {})
        self.watchers = 0
        self.task: asyncio.Task[None] | None = None


class Gauges:
    """Samples the agents that somebody watches, each once for all its watchers; the others cost nothing."""

    def __init__(self, topics: Topics, leaders: Callable[[str], Sequence[int]]) -> None:
        self._topics, self._leaders = topics, leaders
        self._gauges: dict[str, Gauge] = {}

    @property
    def watched(self) -> int:
        """How many agents are sampled now."""
        return len(self._gauges)

    @contextmanager
    def watch(self, agent_id: str, directory: str) -> Iterator[Gauge]:
        """Have the agent sampled for the life of the context."""
        gauge = self._gauges.get(agent_id)
        if gauge is None:
            gauge = self._gauges[agent_id] = Gauge()
            gauge.task = asyncio.create_task(self._run(agent_id, directory, gauge), name=f"metadata:{agent_id}")
        gauge.watchers += 1
        try:
            yield gauge
        finally:
            gauge.watchers -= 1
            if not gauge.watchers and gauge.task:
                gauge.task.cancel()
                del self._gauges[agent_id]

    async def _run(self, agent_id: str, directory: str, gauge: Gauge) -> None:
        reading: Reading | None = None
        while True:
            try:
                sample, reading = await asyncio.to_thread(measure, self._leaders(agent_id), directory, reading)
            except (psutil.Error, OSError) as error:
                sample, reading = Sample(datetime.now(UTC), {}, dict.fromkeys(ITEMS, str(error)[:200])), None
            changed = sample.values != gauge.sample.values or sample.errors != gauge.sample.errors
            gauge.sample = sample
            gauge.ready.set()
            if changed:
                self._topics.publish(agent_metadata_topic(agent_id))
            await asyncio.sleep(SAMPLE_SECONDS)
