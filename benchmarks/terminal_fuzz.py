"""Random and mutated output into the shipped terminal core, in processes of their own, for as many bytes as asked.

    python benchmarks/terminal_fuzz.py --megabytes 500 --seed 1

A figure without a peer: the ratio is the share of processes that crashed, raised, hung or took too much memory. Each
process takes one seed, which is printed when it fails; `--child SEED` runs that one alone.
"""

from __future__ import annotations

import argparse
import gzip
import json
import random
import resource
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from _bench import emit
from coder_tui.terminal.core import TerminalCore, create_core, safe

CHILD_MEGABYTES = 5.0
CHILD_SECONDS = 300.0
MEMORY_MB = 400
"""What one core may take, history of ten thousand lines included, on top of the interpreter."""
_POOL, _BLOCK = 3000, 400  # pieces a seed draws from, pieces between two resizes
_KINDS = 15
_RECORDINGS = Path(__file__).parent.parent / "tests" / "terminal" / "oracle"
_TEXTS = ("中文", "👩‍💻", "e\u0301", "🇩🇪", "☀️", "\u200d", "a\u0300\u0301\u0302", "\u202e", "ﷺ", "\x9b31m", "😀" * 9)
_MODES = (1, 3, 4, 5, 6, 7, 12, 20, 25, 40, 45, 47, 66, 69, 95, 1000, 1002, 1003, 1006, 1007, 1047, 1048, 1049, 2004)
_MODES += (2026, 2027, 2031, 2048)
_MOVES = (
    "\x1bM",
    "\x1bD",
    "\x1bc",
    "\x1b7",
    "\x1b8",
    "\x1b#8",
    "\x1b[4h",
    "\x1b[4l",
    "\x1b[1;5r",
    "\x1b[r",
    "\x1b[3;9s",
    "\x1b[3J",
)
_OSC = (0, 2, 4, 7, 8, 9, 10, 11, 12, 21, 22, 52, 66, 104, 110, 112, 133, 777, 1337, 5522, 7501)


def piece(rng: random.Random, kind: int) -> bytes:
    """One sequence, text or noise, of one of the `_KINDS`."""
    if kind == 0:
        return rng.randbytes(rng.randint(1, 40))
    if kind == 1:
        return rng.choice(_TEXTS).encode() * rng.randint(1, 5)
    if kind == 2:
        return "".join(chr(rng.choice((rng.randrange(0x20, 0xD800), rng.randrange(0xE000, 0x11_0000)))) for _ in "123")[
            : rng.randint(1, 3)
        ].encode()
    if kind == 3:
        return bytes(rng.choices(range(32, 127), k=rng.randint(1, 200)))
    if kind == 4:
        return rng.choice((b"\r\n", b"\n", b"\r", b"\t", b"\b", b"\x0e", b"\x0f", b"\x18", b"\x1a", b"\x1b", b"\x07"))
    if kind == 5:
        return b"\x1b" + rng.choice((b"", b"#", b"(", b")", b"%", b" ")) + bytes([rng.randrange(0x30, 0x7F)])
    if kind == 6:
        return f"\x1b[?{rng.choice(_MODES)}{rng.choice('hlsr')}".encode()
    if kind == 7:
        end = rng.choice((b"\x07", b"\x1b\\", b"\x9c", b""))
        return b"\x1b]%d;" % rng.choice(_OSC) + _payload(rng) + end
    if kind == 8:
        return rng.choice((b"\x1bP", b"\x1b_", b"\x1b^", b"\x1bX")) + _payload(rng) + rng.choice((b"\x1b\\", b""))
    if kind == 9:
        colors = ";".join(str(rng.randrange(256)) for _ in "rgb")
        return f"\x1b[{rng.choice((38, 48, 58))};2;{colors}m".encode() + bytes(rng.choices(range(32, 127), k=5))
    if kind == 10:  # hyperlinks, of many targets: the library by itself does not live through those
        target = b"http://h/" + b"x" * rng.choice((3, 20, 200, 1500)) + b"%d" % rng.randrange(10 ** rng.choice((1, 6)))
        name = rng.choice((b"", b"id=%d" % rng.randrange(1000)))
        text = rng.choice((b"word ", "中".encode(), "👩‍💻".encode())) * rng.randint(0, 60)
        return b"\x1b]8;" + name + b";" + target + b"\x1b\\" + text + rng.choice((b"", b"\x1b]8;;\x1b\\"))
    if kind == 11:  # clusters
        return rng.choice(("a", "中", "😀")).encode() + b"".join(
            chr(0x300 + rng.randrange(60)).encode() for _ in range(rng.choice((1, 5, 300)))
        )
    if kind == 12:  # what moves cells
        count = rng.choice(("", 2, 9, 99))
        place = f"\x1b[{rng.randint(1, 60)};{rng.randint(1, 200)}H"
        return rng.choice((place, f"\x1b[{count}{rng.choice('@LMPSTXbIKJ')}", *_MOVES)).encode()
    private, middle = rng.choice(("", "", "", "?", ">", "=", "<")), rng.choice(("", "", "", " ", "!", '"', "$", "'"))
    numbers = rng.choice(";;;:").join(str(_number(rng)) for _ in range(rng.randint(0, 6)))
    return f"\x1b[{private}{numbers}{middle}{chr(rng.randrange(0x40, 0x7F))}".encode()


def _number(rng: random.Random) -> int | str:
    return rng.choice((rng.randint(0, 9), rng.randint(0, 300), rng.choice((65535, 65536, 2**31, 2**64, "", "-1"))))


def _payload(rng: random.Random) -> bytes:
    texts = (
        b"?",
        b"1;rgb:11/22/33",
        b";http://host/",
        b"id=1;http://x/y",
        b"c;aGk=",
        b"q1$r",
        b"+q544e",
        b"Gf=24,s=1,v=1;",
    )
    return rng.choice((*texts, rng.randbytes(rng.randint(1, 60)), b"x" * rng.randint(1, 5000)))


def recordings() -> list[bytes]:
    """What real programs wrote."""
    return [gzip.decompress(path.read_bytes()) for path in sorted(_RECORDINGS.glob("*.raw.gz"))]


def blocks(rng: random.Random) -> Iterator[bytes]:
    """Stretches of output without end: sequences, recordings, and either with bytes changed, lost and repeated."""
    kinds = rng.sample(range(_KINDS), rng.randint(3, _KINDS))  # some things only happen where others do not
    pool, recorded = [piece(rng, rng.choice(kinds)) for _ in range(_POOL)], recordings()
    while True:
        block = bytearray(b"".join(rng.choices(pool, k=_BLOCK)))
        if recorded and rng.random() < 0.3:
            source = rng.choice(recorded)
            start = rng.randrange(len(source))
            block = bytearray(source[start : start + rng.randint(1, 30_000)])
        if rng.random() < 0.5:
            for _ in range(rng.randint(1, 60)):
                at = rng.randrange(len(block) + 1)
                change = rng.randrange(3)
                if change == 0:
                    block[at : at + 1] = rng.randbytes(1)
                elif change == 1:
                    del block[at : at + rng.randint(1, 30)]
                else:
                    block[at:at] = block[at : at + rng.randint(1, 300)]
        yield bytes(block) or b"\0"


def look(core: TerminalCore) -> None:
    """Read what changed, as the pane does, and check it."""
    for y in core.take_dirty():
        row = core.row(y)
        assert sum(run.width for run in row) == core.columns, (y, row)
        assert all(run.width > 0 and safe(run.text) == run.text for run in row), (y, row)
    cursor = core.cursor
    assert 0 <= cursor.x < core.columns, cursor
    assert 0 <= cursor.y < core.rows, cursor
    for told in (core.title, core.cwd):
        assert safe(told) == told
    assert core.scrollback.length >= core.scrollback.offset
    assert core.modes


def child(seed: int, megabytes: float) -> None:
    """One process: feed it all, look at it often. Raises what is wrong."""
    rng = random.Random(seed)
    core = create_core(80, 24)
    steps: tuple[Callable[[], object], ...] = (
        lambda: look(core),
        core.take_replies,
        core.scroll_to_bottom,
        lambda: core.scroll(rng.randint(-300, 100)),
        lambda: core.resize(int(2 ** rng.uniform(0, 9)), int(2 ** rng.uniform(0, 8))),
    )
    fed, base, most = 0, _memory(), 0
    for block in blocks(rng):
        at = 0
        while at < len(block):
            size = int(2 ** rng.uniform(0, 16))
            core.feed(block[at : at + size])
            at += size
            rng.choice(steps)()
        fed += len(block)
        most = max(most, _memory() - base)
        assert most < MEMORY_MB, f"{most} MB"
        if rng.random() < 0.002:
            core.reset()
        if fed >= megabytes * 1e6:
            break
    look(core)
    print(json.dumps({"bytes": fed, "memory_mb": most}))


def _memory() -> int:
    used = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return used >> (20 if sys.platform == "darwin" else 10)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--megabytes", type=float, default=10)
    parser.add_argument("--seed", type=int, default=1, help="of the first process")
    parser.add_argument("--child", type=int, help="run this seed here, and nothing else")
    asked = parser.parse_args()
    if asked.child is not None:
        child(asked.child, CHILD_MEGABYTES)
        return
    failed: dict[int, str] = {}
    fed, most, seed, start = 0, 0, asked.seed, time.perf_counter()
    while fed < asked.megabytes * 1e6:
        try:
            argv = [sys.executable, __file__, "--child", str(seed)]
            done = subprocess.run(argv, capture_output=True, text=True, timeout=CHILD_SECONDS, check=True)
            result = json.loads(done.stdout)
            most = max(most, result["memory_mb"])
        except subprocess.CalledProcessError as error:
            failed[seed] = f"exit {error.returncode}: {error.stderr.strip().splitlines()[-1:]}"
        except subprocess.TimeoutExpired:
            failed[seed] = "hung"
        if seed in failed:
            print(f"seed {seed}: {failed[seed]}", file=sys.stderr, flush=True)
        fed += int(CHILD_MEGABYTES * 1e6)
        seed += 1
    seeds = seed - asked.seed
    emit(
        "terminal_fuzz",
        len(failed) / seeds,
        "0 failed",
        "none",
        megabytes=round(fed / 1e6),
        seeds=[asked.seed, seed - 1],
        failed=failed,
        memory_mb=most,
        seconds=round(time.perf_counter() - start),
    )
    sys.exit(bool(failed))


if __name__ == "__main__":
    main()
