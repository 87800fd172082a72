"""Where a replay begins: never inside a sequence or a character, and with the modes that were on before it."""

from __future__ import annotations

import re
import time
import uuid
from itertools import pairwise

import psutil
from hypothesis import given, settings
from hypothesis import strategies as st

from coder_tui.hub.replay import RING, Replay
from coder_tui.terminal.core import create_core, screen_text
from coder_tui.wire.pty import encode_request
from tests.hub.support import Peer, eventually, read_until, the_agent, type_line


def test_all_of_a_short_output() -> None:
    replay = Replay()
    for piece in (b"\x80\x80 as it came", b"\x1b[1", b"m"):
        replay.add(piece)
    assert replay.read() == b"\x80\x80 as it came\x1b[1m"


@settings(max_examples=60, deadline=None)
@given(
    st.sampled_from([b"\x1b[38;2;100;200;50mx", "漢🙂é".encode(), b"\x1b]0;some title\x07y", b"\x1bP1;2q#0!9~\x1b\\z"]),
    st.integers(0, 40),
    st.integers(1, 9000),
)
def test_it_begins_at_a_boundary(unit: bytes, shift: int, piece: int) -> None:
    stream = b"." * shift + unit * ((RING + 20_000) // len(unit))
    replay = Replay()
    for start in range(0, len(stream), piece):
        replay.add(stream[start : start + piece])
    read = replay.read()
    assert stream.endswith(read)
    assert RING - len(unit) <= len(read) <= RING
    text = read.decode()
    whole = text[len(text) % len(unit.decode()) :]
    assert whole == unit.decode() * (len(whole) // len(unit.decode()))
    assert unit.decode().endswith(text[: len(text) % len(unit.decode())])
    assert text[0] in (unit.decode()[0], *unit.decode()[-3:]), "not inside a sequence"


def test_modes_from_before_its_beginning_are_entered() -> None:
    replay = Replay()
    replay.add(b"shell$ vim\r\n\x1b[?1049h\x1b[>1u\x1b[?1;2004h\x1b[?1002h\x1b[?1006h\x1b[?25l")
    frame = b"\x1b[H" + b"".join(b"\x1b[%dH\x1b[Kline %d" % (row, row) for row in range(1, 20))
    for _ in range(RING // len(frame) + 2):
        replay.add(frame)
    replay.add(b"\x1b[?25h\x1b[5;5H")
    core = create_core(40, 20)
    core.feed(replay.read())
    core.take_dirty()
    assert core.modes.alternate_screen
    assert core.modes.bracketed_paste
    assert core.modes.application_cursor
    assert core.modes.mouse == 1002
    assert core.modes.mouse_encoding == 1006
    assert core.cursor.visible
    assert "shell$" not in screen_text(core)
    core.feed(b"\x1b[?1049l")
    assert screen_text(core) == ""
    # a client that was too slow may still be in modes that were left meanwhile
    left = create_core(40, 20)
    left.feed(b"\x1b[?1003h\x1b[?2004l" + replay.read(fresh=False))
    assert left.modes == create_modes(replay.read())


def create_modes(data: bytes) -> object:
    core = create_core(40, 20)
    core.feed(data)
    return core.modes


def test_following_modes_costs_little() -> None:
    """The scan is a small part of a millisecond for what is read in one turn of the loop (1.1 ms at 60 MB/s)."""
    line = b"\x1b[32m%06d\x1b[0m some text of a log? with <tags> and = signs\r\n"
    turn = b"".join(line % number for number in range(1100))[: 64 << 10]
    replay, spent = Replay(), []
    for _ in range(30):
        started = time.perf_counter()
        replay.add(turn)
        spent.append(time.perf_counter() - started)
    assert min(spent) < 0.0003


async def test_reattaching_to_a_full_screen_program(hub: Peer) -> None:
    program = (
        "import sys,time\n"
        "sys.stdout.write('\\x1b[?1049h\\x1b[?2004h\\x1b[?25l')\n"
        "for n in range(3000): sys.stdout.write('\\x1b[H\\x1b[2J\\x1b[38;5;%dmframe %d \\u6f22' % (n % 256, n))\n"
        "sys.stdout.write('dr' + 'awn'); sys.stdout.flush(); input()"
    )
    workspace = await hub.workspace(command=f'exec python3 -c "{program}"')
    agent = the_agent(workspace)
    async with hub.terminal(agent["id"], agent["apps"][0]["id"]) as first:
        await read_until(first, b"drawn")
    async with hub.terminal(agent["id"], agent["apps"][0]["id"]) as again:
        replay = await read_until(again, b"drawn")
    assert replay.startswith(b"\x1b[?1049h\x1b[?2004h\x1b[?25l")
    replay.decode()
    core = create_core(80, 24)
    core.feed(replay)
    assert screen_text(core) == "frame 2999 漢drawn"
    assert core.modes.bracketed_paste


FLOOD = """python3 -c "import os
block = b'%s' % (b'x' * 65535 + b'\\n')
for n in range({count}): os.write(1, block)
print('flood-' + 'over')
\""""


async def test_a_client_that_never_reads_costs_no_memory_and_no_time(hub: Peer) -> None:
    workspace = await hub.workspace()
    agent, mine, count = the_agent(workspace)["id"], str(uuid.uuid4()), 800
    process = psutil.Process()
    async with hub.terminal(agent, mine, max_queue=1) as never:
        await type_line(never, "stty -opost -echo; echo qui''et")
        await read_until(never, b"quiet\n")
        [session] = hub.core.sessions._sessions.values()
        async with hub.terminal(agent, str(uuid.uuid4())) as other:
            await type_line(other, "echo he''re")
            await read_until(other, b"here")
            before, total = process.memory_info().rss, session._total
            await type_line(never, FLOOD.format(count=count))
            await eventually(lambda: session._total - total > count << 16)
            grown = process.memory_info().rss - before
            await type_line(other, "echo still-he''re")
            await read_until(other, b"still-here")
    assert grown < 24 << 20, f"{grown >> 20} MiB more for {count >> 4} MiB of output that nobody read"


async def test_the_last_resize_wins_for_all(hub: Peer) -> None:
    workspace = await hub.workspace()
    agent, mine = the_agent(workspace)["id"], str(uuid.uuid4())
    async with hub.terminal(agent, mine) as one, hub.terminal(agent, mine) as two:
        sizes = [(101, 31), (81, 21), (121, 41)]
        for (first, second), socket in zip(pairwise([*sizes, sizes[0]]), (one, two, one), strict=True):
            await socket.send(encode_request(width=first[0], height=first[1]))
            await socket.send(encode_request(width=second[0], height=second[1]))
            await type_line(socket, "stty size | tr ' ' x")
            wanted = f"{second[1]}x{second[0]}".encode()
            assert re.search(rb"\d+x\d+", await read_until(two if socket is one else one, wanted))
