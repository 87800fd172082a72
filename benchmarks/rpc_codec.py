"""Workspace updates through yamux, dRPC and protobuf, both ways, against the plain protobuf runtime in the same run.

The figure's ratio is MB/s for updates of ten workspaces with an agent each; `detail` has other sizes too, each once
in bursts (64 KiB or more of messages between two turns of the event loop) and once message by message. Besides: 10,000
updates of one workspace into the store, as the feed takes them in, and the memory of one session at rest, both ends
in one process and a hub's share of it.
"""

from __future__ import annotations

import asyncio
import gc
import time
import tracemalloc
import uuid
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import partial

import psutil
from websockets.asyncio.client import connect

from _bench import emit, hub, median
from coder_tui.fleet.events import FleetListed, WorkspaceChanged
from coder_tui.fleet.snapshot import Agent, Workspace
from coder_tui.fleet.store import Store
from coder_tui.wire.tailnet import messages
from coder_tui.wire.tailnet import tailnet_pb2 as pb
from coder_tui.wire.tailnet.callee import Callee
from coder_tui.wire.tailnet.caller import Caller
from coder_tui.wire.tailnet.messages import uuid_bytes
from coder_tui.wire.tailnet.rpc import Reply
from coder_tui.wire.tailnet.updates import Following, read_update

ROUNDS = 5
SIZES = (1, 10, 100, 1000)
MAIN = 10
BYTES = 4_000_000  # of messages, for each measurement
BURST = 64 << 10
UPDATES = 10_000
SESSIONS = 100


def update(workspaces: int) -> pb.WorkspaceUpdate:
    """So many running workspaces, each with an agent."""
    found = pb.WorkspaceUpdate()
    for number in range(workspaces):
        row = found.upserted_workspaces.add(
            id=uuid.uuid4().bytes, name=f"work-{number:05}", status=pb.Workspace.RUNNING
        )
        found.upserted_agents.add(id=uuid.uuid4().bytes, name="main", workspace_id=row.id)
    return found


def alone(message: pb.WorkspaceUpdate, count: int) -> None:
    """The runtime: to bytes and back."""
    for _ in range(count):
        pb.WorkspaceUpdate.FromString(message.SerializeToString())


def ours(message: pb.WorkspaceUpdate, count: int, burst: int) -> None:
    """The same through a session, from end to end."""
    caller, callee = Caller(0.0), Callee(0.0)
    call = caller.call(messages.WORKSPACE_UPDATES, b"")
    callee.receive(caller.take(), 0.0)
    sent = received = 0
    while received < count:
        for _ in range(min(burst, count - sent)):
            callee.message(call, message.SerializeToString())
            sent += 1
        while received < sent:
            for event in caller.receive(callee.take(), 0.0):
                if type(event) is Reply:
                    pb.WorkspaceUpdate.FromString(event.data)
                    caller.took(call, event.data)
                    received += 1
            if credit := caller.take():
                callee.receive(credit, 0.0)


def timed(work: Callable[[], None]) -> float:
    """Seconds it takes."""
    gc.collect()
    began = time.perf_counter()
    work()
    return time.perf_counter() - began


def into_the_store() -> float:
    """Seconds for 10,000 updates of one workspace each: read, compared, told, and the store's list patched."""
    ids = [str(uuid.UUID(int=number + 1)) for number in range(UPDATES)]
    now = datetime.now(UTC)
    rows = {
        key: Workspace(
            "acme",
            key,
            f"work-{number}",
            "kira",
            "running",
            "start",
            agents=(Agent(key, "main", "connected", "ready"),),
        )
        for number, key in enumerate(ids)
    }
    store = Store(timedelta(minutes=10), timedelta(minutes=30))
    store.apply(FleetListed("acme", tuple(rows.values()), now))
    following = Following()
    first = pb.WorkspaceUpdate()
    raw = []
    for number, key in enumerate(ids):
        first.upserted_workspaces.add(id=uuid_bytes(key), name=f"work-{number}", status=pb.Workspace.RUNNING)
        one = pb.WorkspaceUpdate()
        one.upserted_workspaces.add(id=uuid_bytes(key), name=f"work-{number}", status=pb.Workspace.STOPPING)
        raw.append(one.SerializeToString())
    following.apply(first)

    def work() -> None:
        for start in range(0, UPDATES, 100):  # a screen takes what came within a tenth of a second at once
            changed = []
            for data in raw[start : start + 100]:
                told = following.apply(read_update(data))
                for key in told.changed:
                    row = rows[key] = replace(rows[key], build_status=told.picture[key].status)
                    changed.append(WorkspaceChanged(row, now))
            store.apply(*changed)

    seconds = timed(work)
    assert all(row.workspace.build_status == "stopping" for row in store.snapshot.rows)
    return seconds


def at_rest() -> float:
    """KB of both ends of a session with one open call, without its socket."""
    gc.collect()
    tracemalloc.start()
    kept = []
    for _ in range(SESSIONS):
        caller, callee = Caller(0.0), Callee(0.0)
        call = caller.call(messages.WORKSPACE_UPDATES, b"")
        callee.receive(caller.take(), 0.0)
        callee.message(call, update(1).SerializeToString())
        for event in caller.receive(callee.take(), 0.0):
            if isinstance(event, Reply):
                caller.took(call, event.data)
        kept.append((caller, callee))
    gc.collect()
    used = tracemalloc.get_traced_memory()[0]
    tracemalloc.stop()
    return used / len(kept) / 1024


async def in_a_hub() -> float:
    """KB by which a hub grows for each client that follows its workspaces: socket, tasks and session."""
    with hub() as ours_:
        url = f"{ours_.url.replace('http', 'ws', 1)}/api/v2/tailnet?version=2.3"
        headers = {"Coder-Session-Token": ours_.token, "X-Coder-Bypass-Ratelimit": "true"}
        with ours_.client() as client:
            owner = pb.WorkspaceUpdatesRequest(workspace_owner_id=uuid_bytes(client.get("/users/me").json()["id"]))
        sockets, process = [], psutil.Process(ours_.process.pid)

        async def follow() -> None:
            caller = Caller(0.0)
            caller.call(messages.WORKSPACE_UPDATES, owner.SerializeToString())
            socket = await connect(url, additional_headers=headers, compression=None)
            sockets.append(socket)
            await socket.send(caller.take())
            while not any(isinstance(event, Reply) for event in caller.receive(bytes(await socket.recv()), 0.0)):
                pass

        for _ in range(SESSIONS):  # what the hub needs once
            await follow()
        before = process.memory_info().rss
        for _ in range(SESSIONS):
            await follow()
        grown = process.memory_info().rss - before
        for socket in sockets:
            socket.transport.abort()
        return grown / SESSIONS / 1024


def main() -> None:
    """Measure one after the other, in turns."""
    detail: dict[str, float] = {}
    main_ratio = 0.0
    for size in SIZES:
        message = update(size)
        raw = len(message.SerializeToString())
        count = max(50, BYTES // raw)
        burst = max(1, BURST // raw)
        plain, bursts, singles = [], [], []
        for _ in range(ROUNDS):
            plain.append(timed(partial(alone, message, count)))
            bursts.append(timed(partial(ours, message, count, burst)))
            singles.append(timed(partial(ours, message, count, 1)))
        ratio = median(plain) / median(bursts)
        if size == MAIN:
            main_ratio = ratio
        name = f"of_{size}"
        detail |= {
            f"{name}_ratio": round(ratio, 3),
            f"{name}_ratio_one_by_one": round(median(plain) / median(singles), 3),
            f"{name}_mb_per_second": round(raw * count / median(bursts) / 1e6, 1),
            f"{name}_messages_per_second": round(count / median(bursts)),
            f"{name}_protobuf_mb_per_second": round(raw * count / median(plain) / 1e6, 1),
        }
    emit(
        "rpc_codec",
        main_ratio,
        ">= 0.3",
        "protobuf alone",
        rounds=ROUNDS,
        **detail,
        updates_10000_into_store_seconds=round(median([into_the_store() for _ in range(3)]), 3),
        idle_session_both_ends_kb=round(at_rest(), 1),
        idle_session_in_hub_kb=round(asyncio.run(in_a_hub()), 1),
    )


if __name__ == "__main__":
    main()
