"""Mutated frames into both roles of the tailnet RPC: nothing but the protocol error, and no growth without bound.

    python benchmarks/rpc_fuzz.py --frames 1000000 --seed 1

A figure without a peer: the ratio is the share of sessions that raised anything else or held more than they may. A
session lives until it is broken or a few hundred frames old; its seed is printed when it fails.
"""

from __future__ import annotations

import argparse
import random
import resource
import sys
import time
import traceback
import tracemalloc

from _bench import emit
from coder_tui.errors import ProtocolError
from coder_tui.wire.tailnet import agentsocket_pb2, tailnet_pb2
from coder_tui.wire.tailnet.callee import Callee
from coder_tui.wire.tailnet.caller import Caller
from coder_tui.wire.tailnet.drpc import MAX_PACKET, Kind, Packet, encode
from coder_tui.wire.tailnet.messages import read
from coder_tui.wire.tailnet.rpc import Called, Reply, Request
from coder_tui.wire.tailnet.updates import Following
from coder_tui.wire.tailnet.yamux import BACKLOG, WINDOW
from coder_tui.wire.tailnet.yamux_frames import Flag, Type, frame

FRAMES = 400  # at most, for one session
HELD_MB = 8
"""What one session may hold: a packet, its unread data, and what was not taken; far below every stream's window."""
_MESSAGES = (
    tailnet_pb2.WorkspaceUpdate,
    tailnet_pb2.DERPMap,
    tailnet_pb2.CoordinateRequest,
    tailnet_pb2.CoordinateResponse,
    tailnet_pb2.TelemetryRequest,
    agentsocket_pb2.UpdateAppStatusRequest,
)
_LENGTHS = (0, 1, 11, 12, 13, 255, WINDOW - 1, WINDOW, WINDOW + 1, 1 << 31, (1 << 32) - 1)
_IDS = (0, 1, 2, 3, 5, 255, 256, (1 << 32) - 1, (1 << 63) + 1, (1 << 64) - 1, 1 << 64)


def update(rng: random.Random) -> bytes:
    """A message of workspaces, well-formed."""
    message = tailnet_pb2.WorkspaceUpdate()
    for _ in range(rng.randrange(4)):
        row = rng.choice((message.upserted_workspaces, message.deleted_workspaces)).add()
        row.id, row.name = rng.randbytes(16), rng.randbytes(4).hex()
    return message.SerializeToString()


def packet(rng: random.Random) -> bytes:
    """One dRPC packet: right, wrong in its numbers, or cut."""
    kind = rng.choice(list(Kind))
    data = {Kind.INVOKE: b"/a.B/C", Kind.ERROR: bytes(8) + b"no"}.get(kind, update(rng))
    if rng.random() < 0.02:
        data = bytes(rng.choice((70_000, 200_000)))
    wire = encode(Packet(kind, data, rng.choice(_IDS) if rng.random() < 0.1 else 1, rng.randint(1, 6)))
    return mutated(rng, wire) if rng.random() < 0.4 else wire


def mutated(rng: random.Random, wire: bytes) -> bytes:
    """The bytes with a few of them changed, missing, repeated or strange."""
    raw = bytearray(wire)
    for _ in range(rng.randint(1, 3)):
        at = rng.randrange(len(raw) + 1)
        match rng.randrange(5):
            case 0 if at < len(raw):
                raw[at] ^= 1 << rng.randrange(8)
            case 1:
                del raw[at : at + rng.randint(1, 20)]
            case 2:
                raw[at:at] = raw[at : at + 20]
            case 3:
                raw[at:at] = rng.randbytes(rng.randint(1, 12))
            case _:
                raw[at : at + 4] = rng.choice(_LENGTHS).to_bytes(4, "big")
    return bytes(raw)


def frames(rng: random.Random, wild: float, *, to_server: bool, fresh: int) -> list[bytes]:
    """A few yamux frames of one stream. `wild`: how likely they break the session rather than a call of it."""
    stream = rng.choice((1, 3, 5, 7, fresh - 2, fresh - 4 if fresh > 4 else 1))
    if rng.random() < 0.2 * wild:
        stream = rng.choice((2, rng.randrange(1 << 32), *_IDS[:8]))
    made: list[bytes] = []
    if to_server and rng.random() < 0.3:
        stream = stream if rng.random() < 0.1 * wild else fresh
        made.append(frame(Type.WINDOW_UPDATE, Flag.SYN, stream & 0xFFFFFFFF, 0))
    stream &= 0xFFFFFFFF
    for _ in range(rng.randint(1, 4)):
        match rng.randrange(10):
            case 0:
                made.append(frame(Type.PING, rng.choice((Flag.SYN, Flag.ACK, Flag.NONE)), 0, rng.randrange(1 << 32)))
            case 1:
                flags = Flag(rng.randrange(16)) if rng.random() < wild else rng.choice((Flag.NONE, Flag.FIN, Flag.RST))
                word = rng.choice(_LENGTHS if rng.random() < wild else _LENGTHS[:8])
                made.append(frame(Type.WINDOW_UPDATE, flags, stream, word))
            case 2 if rng.random() < 0.2:
                made.append(frame(Type.GO_AWAY, Flag.NONE, 0, rng.choice((0, 1, 2, 9)) if rng.random() < wild else 0))
            case _:
                body = packet(rng)
                flags = Flag(rng.randrange(16)) if rng.random() < 0.1 * wild else Flag.NONE
                length = rng.choice(_LENGTHS) if rng.random() < 0.03 * wild else len(body)
                made.append(frame(Type.DATA, flags, stream, length, body))
    if rng.random() < 0.05 * wild:
        rng.shuffle(made)
    return [mutated(rng, one) if rng.random() < 0.03 * wild else one for one in made]


def session(seed: int) -> tuple[int, bool]:
    """Feed one session of either role: how many frames it took, and whether it was broken."""
    rng = random.Random(seed)
    to_server = rng.random() < 0.5
    peer: Caller | Callee = Callee(0.0) if to_server else Caller(0.0)
    if isinstance(peer, Caller):
        for unary in (False, True, False, True):
            peer.call("/a.B/C", b"", unary=unary)
    reads = rng.random() < 0.7  # else nobody takes what is sent, nor says that a message is done with
    wild = rng.choice((0.0, 0.02, 0.2, 1.0))
    count, now, fresh = 0, 0.0, 1
    following = Following()
    try:
        while count < FRAMES:
            made = frames(rng, wild, to_server=to_server, fresh=fresh)
            fresh += 2
            count += len(made)
            wire = b"".join(made)
            size = rng.choice((1 << 20, 1 << 20, 64, 7))
            for start in range(0, len(wire), size) if len(wire) < 4000 else (0,):
                part = wire[start : start + size] if len(wire) < 4000 else wire
                for event in peer.receive(part, now):
                    match event:
                        case Reply(call, data) | Request(call, data):
                            if reads:
                                peer.took(call, data)
                            try:
                                following.apply(read(tailnet_pb2.WorkspaceUpdate, data))
                                read(rng.choice(_MESSAGES), data)
                            except ProtocolError:
                                following = Following()
                        case Called(call):
                            peer.message(call, bytes(rng.choice((0, 10, 1000, 300_000 if reads else 10))))
                            if isinstance(peer, Callee) and rng.random() < 0.3:
                                rng.choice((lambda: peer.end(call), lambda: peer.fail(call, 0, "no")))()
            now += rng.random() * wild
            peer.tick(now)
            if reads:
                peer.take()
            if peer.calls > BACKLOG + 4:
                raise AssertionError(f"{peer.calls} calls are open")
    except ProtocolError:
        return count, True
    return count, False


def held(seed: int) -> float:
    """The most that one session took, in MB."""
    tracemalloc.start()
    tracemalloc.reset_peak()
    before = tracemalloc.get_traced_memory()[0]
    session(seed)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    return (peak - before) / 1e6


def main() -> None:
    """Run them all."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--frames", type=int, default=100_000)
    parser.add_argument("--seed", type=int, default=1)
    args = parser.parse_args()
    total = sessions = broken = failures = 0
    seed, most = args.seed, 0.0
    began = time.perf_counter()
    started_kb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    while total < args.frames:
        try:
            if seed % 25 == 0:
                most = max(most, held(seed))
                if most > HELD_MB:
                    raise AssertionError(f"a session held {most:.1f} MB")
            frames_taken, was_broken = session(seed)
            total += frames_taken
            broken += was_broken
        except Exception:
            failures += 1
            print(f"seed {seed}:", file=sys.stderr)
            traceback.print_exc()
            if failures > 20:
                break
        sessions += 1
        seed += 1
    grown_kb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - started_kb
    emit(
        "rpc_fuzz",
        failures / max(1, sessions),
        "0: nothing but the protocol error",
        "none",
        frames=total,
        sessions=sessions,
        broken_by_us=broken,
        seconds=round(time.perf_counter() - began, 1),
        most_held_by_a_session_mb=round(most, 2),
        process_grew_mb=round(grown_kb / 1024, 1),
        packet_limit_mb=MAX_PACKET >> 20,
    )
    sys.exit(failures > 0)


if __name__ == "__main__":
    main()
