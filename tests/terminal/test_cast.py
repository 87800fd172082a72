"""asciicast: what is written can be read, whatever the program wrote and however it was cut."""

from __future__ import annotations

import json
import os
import resource
import signal
import stat
import subprocess
import sys
from io import BytesIO
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from coder_tui.errors import StorageError
from coder_tui.terminal.cast import MAX_CELLS, Encoder, Event, Header, Playback, read, without_pauses
from coder_tui.terminal.core import create_core, screen_text
from coder_tui.terminal.recorder import Recorder

HEADER = b'{"version": 2, "width": 80, "height": 24}\n'

steps = st.lists(
    st.tuples(st.floats(0, 100), st.sampled_from("oir"), st.binary(max_size=30) | st.text(max_size=10).map(str.encode)),
    max_size=20,
)


@settings(max_examples=100, deadline=None)
@given(steps, st.text(max_size=20), st.integers(1, MAX_CELLS))
def test_what_was_written_can_be_read(taken: list[tuple[float, str, bytes]], title: str, columns: int) -> None:
    header = Header(columns, 24, 1_700_000_000, title, env={"TERM": "xterm"})
    encoder = Encoder(header, 50.0)
    lines, clock, said = [encoder.header()], 50.0, {"o": b"", "i": b""}
    for pause, code, data in taken:
        clock += pause
        if code == "r":
            lines.append(encoder.resize(clock, columns, len(data) + 1))
        else:
            lines.append(encoder.output(clock, data) if code == "o" else encoder.input(clock, data))
            said[code] += data
    raw = b"".join(lines)
    assert raw.count(b"\n") == sum(map(bool, lines)), "one line each, whatever is in them"
    found, events = read(BytesIO(raw), "x")
    got = list(events)
    assert found == Header(columns, 24, 1_700_000_000, title.encode("utf-8", "replace").decode(), env={"TERM": "xterm"})
    assert all(earlier.at <= later.at for earlier, later in pairwise(got))
    for code, data in said.items():
        text = "".join(event.data for event in got if event.code == code)
        whole = data.decode("utf-8", "replace")
        assert whole.startswith(text)
        assert len(whole) - len(text) <= 3, "but for the beginning of a last character"
    assert [event.size for event in got if event.code == "r"] == [
        (columns, len(data) + 1) for _, code, data in taken if code == "r"
    ]


def test_a_character_cut_in_two_is_one() -> None:
    encoder = Encoder(Header(80, 24), 0)
    assert encoder.output(1, "🙂".encode()[:2]) == b""
    assert json.loads(encoder.output(2.5, "🙂".encode()[2:])) == [2.5, "o", "🙂"]
    assert json.loads(encoder.output(2, b"\xff")) == [2.5, "o", "\ufffd"], "time never runs backwards"


@settings(max_examples=100, deadline=None)
@given(st.lists(st.binary(max_size=60) | st.sampled_from([HEADER, b'[1,"o","x"]\n', b'[1e999,"o",""]\n', b"[[[[\n"])))
def test_anything_else_is_refused_in_one_sentence(lines: list[bytes]) -> None:
    said = ""
    try:
        _, events = read(lines, "FILE")
        assert all(event.at >= 0 for event in events)
    except StorageError as error:
        said = str(error)
    assert not said or "FILE is no recording: line " in said


@pytest.mark.parametrize(
    "line",
    [b"", b"{}", b"[]", b'{"version": 1, "width": 80, "height": 24}', b'{"version": 2, "width": 0, "height": 24}'],
)
def test_no_header(line: bytes) -> None:
    with pytest.raises(StorageError, match="line 1: no asciicast header"):
        read([line], "FILE")


def test_a_cut_last_line_is_the_end() -> None:
    _, events = read([HEADER, b'[1, "o", "one"]\n', b'[2, "o", "tw'], "x")
    assert list(events) == [Event(1, "o", "one")]
    _, events = read([HEADER, b'[2, "o", "tw\n', b'[3, "o", "x"]\n'], "x")
    with pytest.raises(StorageError, match="line 2: no asciicast event"):
        list(events)


def test_version_3() -> None:
    lines = [
        b'{"version": 3, "term": {"cols": 100, "rows": 50, "type": "xterm"}, "timestamp": 5, "title": "t"}\n',
        b"# a comment\n",
        b'[0.5, "o", "a"]\n',
        b'[1.5, "m", "marker"]\n',
        b'[1, "r", "90x40"]\n',
        b'[0.25, "x", "0"]\n',
    ]
    header, events = read(lines, "x")
    assert (header.columns, header.rows, header.title, header.timestamp) == (100, 50, "t", 5)
    got = list(events)
    assert got == [Event(0.5, "o", "a"), Event(3.0, "r", "90x40")]
    assert got[1].size == (90, 40)


def test_sizes_are_bounded() -> None:
    header, events = read([b'{"version": 2, "width": 9999999, "height": 24}\n', b'[0, "r", "99999x9"]\n'], "x")
    assert header.columns == MAX_CELLS
    assert [event.size for event in events] == [(MAX_CELLS, 9)]
    assert Event(0, "r", "evil").size == (0, 0)


def test_pauses_can_be_cut() -> None:
    events = [Event(0.5, "o", "a"), Event(100, "o", "b"), Event(100.25, "o", "c")]
    assert [event.at for event in without_pauses(events, 2)] == [0.5, 2.5, 2.75]
    assert list(without_pauses(events, 0)) == events


@settings(max_examples=50, deadline=None)
@given(st.lists(st.floats(0, 5), min_size=1, max_size=20), st.lists(st.floats(-5, 60), max_size=8))
def test_seeking_shows_what_playing_would(pauses: list[float], seeks: list[float]) -> None:
    at, events = 0.0, []
    for number, pause in enumerate(pauses):
        at += pause
        events.append(Event(at, "o", f"{number} "))
    shown: list[str] = []
    playback = Playback(Header(80, 24), events, speed=2)
    for to in seeks:
        shown += [event.data for event in playback.seek(to, shown.clear)]
        assert shown == [event.data for event in events if event.at <= min(max(to, 0), playback.length)]
    while (wait := playback.wait()) is not None:
        shown += [event.data for event in playback.advance(wait + 1e-6)]
    assert shown == [event.data for event in events]
    assert playback.ended
    playback.paused = True
    assert list(playback.advance(100)) == []


def test_a_recording(tmp_path: Path) -> None:
    path = tmp_path / "a.cast"
    recorder = Recorder(path, 80, 24, title="ana/api", with_input=True)
    recorder.output(b"$ ")
    recorder.input(b"ls\r")
    recorder.resize(100, 30)
    recorder.resize(100, 30)
    recorder.restart()
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    header, events = read(path.read_bytes().splitlines(keepends=True), "x")  # before it is closed
    assert (header.columns, header.rows, header.title) == (80, 24, "ana/api")
    assert [event[1:] for event in events] == [("o", "$ "), ("i", "ls\r"), ("r", "100x30"), ("o", "\x1bc")]
    recorder.close()
    recorder.output(b"late")
    with pytest.raises(StorageError, match="exists"):
        Recorder(path, 80, 24)
    secret = Recorder(tmp_path / "b.cast", 80, 24)
    secret.input(b"password")
    secret.close()
    assert b"password" not in (tmp_path / "b.cast").read_bytes()


def test_where_nothing_can_be_written(tmp_path: Path) -> None:
    with pytest.raises(StorageError, match="No such file or directory"):
        Recorder(tmp_path / "missing" / "a.cast", 80, 24)


def test_a_full_disk_ends_the_recording_whole(tmp_path: Path) -> None:
    path = tmp_path / "a.cast"
    recorder = Recorder(path, 80, 24)
    recorder.output(b"before")
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    handler = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    try:
        resource.setrlimit(resource.RLIMIT_FSIZE, (path.stat().st_size + 100, hard))
        recorder.output(b"x" * 1000)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
        signal.signal(signal.SIGXFSZ, handler)
    assert recorder.error is not None
    assert str(recorder.error) == f"the recording {path} ended early: File too large"
    recorder.output(b"after")
    assert path.read_bytes().endswith(b'"before"]\n')


def test_what_was_recorded_survives_a_kill(tmp_path: Path) -> None:
    code = (
        "import os,signal,sys; from pathlib import Path; from coder_tui.terminal.recorder import Recorder\n"
        "r = Recorder(Path(sys.argv[1]), 80, 24); r.output(b'all of it'); os.kill(os.getpid(), signal.SIGKILL)"
    )
    done = subprocess.run([sys.executable, "-c", code, str(tmp_path / "a.cast")], timeout=30, check=False)
    assert done.returncode == -signal.SIGKILL
    _, events = read((tmp_path / "a.cast").read_bytes().splitlines(keepends=True), "x")
    assert [event.data for event in events] == ["all of it"]


def test_output_at_full_speed_is_recorded_in_time(tmp_path: Path) -> None:
    recorder = Recorder(tmp_path / "a.cast", 80, 24)
    piece = b"\x1b[32mgreen\x1b[0m text\r\n" * 2000
    for _ in range(40):
        recorder.output(piece)
    recorder.close()
    core = create_core(80, 24)
    with (tmp_path / "a.cast").open("rb") as file:
        _, events = read(file, "x")
        for event in events:
            core.feed(event.data.encode())
    assert screen_text(core).startswith("green text")
    assert os.path.getsize(tmp_path / "a.cast") > 40 * len(piece)
