"""Lines of stdin to an agent's log: batching, back-pressure, what is lost and how it is said."""

from __future__ import annotations

import json
import os
import select
import subprocess
import sys
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from coder_tui.cli import logs
from coder_tui.cli.logs import BATCH_BYTES, BATCH_LINES, PATIENCE, Pusher, batches
from coder_tui.cli.main import main
from coder_tui.errors import ApiError, CredentialsError, UnreachableError
from coder_tui.hub.daemon import HubAddress
from coder_tui.report.reporter import Reporter
from coder_tui.report.states import LEVELS, LINE_LIMIT
from coder_tui.wire.logs import LogLevel

TOKEN = "6f1f3c52-6a1f-4f1a-9f43-0d6f0f9f6f10"


@dataclass
class Seen:
    """What the server was sent, and what it answers: one status after the other, then 200."""

    paths: list[str] = field(default_factory=list)
    lines: list[tuple[str, str, str]] = field(default_factory=list)  # level, output, source
    batches: list[int] = field(default_factory=list)
    sources: list[str] = field(default_factory=list)
    statuses: list[int] = field(default_factory=list)
    gate: threading.Event | None = None


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    seen: Seen

    def _any(self) -> None:
        seen = self.seen
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        if seen.gate:
            seen.gate.wait(10)
        seen.paths.append(self.path)
        status = seen.statuses.pop(0) if seen.statuses else 200
        if status == 200 and "logs" in body:
            seen.batches.append(len(body["logs"]))
            seen.lines += [(line["level"], line["output"], body.get("log_source_id", "")) for line in body["logs"]]
        elif status == 200:
            seen.sources.append(body["display_name"])
        answer = b"null" if status == 200 else b'{"message":"Logs limit exceeded"}'
        self.send_response(status)
        self.send_header("Content-Length", str(len(answer)))
        self.end_headers()
        self.wfile.write(answer)

    do_PATCH = do_POST = _any

    def log_message(self, format: str, *args: object) -> None:
        """Quiet."""


@pytest.fixture
def seen() -> Iterator[tuple[Seen, str]]:
    """A deployment's two routes on a real socket."""
    got = Seen()
    handler = type("Handler", (_Handler,), {"seen": got})
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
    yield got, f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()


def run(url: str, *arguments: str, stdin: bytes) -> subprocess.CompletedProcess[bytes]:
    """The real program with a real pipe."""
    return subprocess.run(
        [sys.executable, "-m", "coder_tui", "logs", "push", *arguments],
        check=False,
        input=stdin,
        capture_output=True,
        timeout=30,
        env={**os.environ, "CODER_AGENT_URL": url, "CODER_AGENT_TOKEN": TOKEN},
    )


def pusher(url: str, source: str = "", *, slept: list[float] | None = None) -> Pusher:
    """One whose sleeps take no time."""
    now = [0.0]

    def sleep(seconds: float) -> None:
        now[0] += seconds
        (slept if slept is not None else []).append(seconds)

    return Pusher(Reporter(url, TOKEN), source, "info", clock=lambda: now[0], sleep=sleep)


def test_lines_arrive_in_order_under_their_source(seen: tuple[Seen, str]) -> None:
    got, url = seen
    count = 2 * BATCH_LINES + 7
    text = b"".join(b"line %d\r\n" % number for number in range(count)) + "no end, no UTF-8: \xff ü".encode("latin-1")
    done = run(url, "--source", "build", "--level", "warn", stdin=text)
    assert (done.returncode, done.stdout, done.stderr) == (0, b"", b"")
    assert got.sources == ["build"]
    assert [output for _, output, _ in got.lines] == [
        *(f"line {number}" for number in range(count)),
        "no end, no UTF-8: \ufffd \ufffd",
    ]
    assert {(level, bool(source)) for level, _, source in got.lines} == {("warn", True)}
    assert max(got.batches) <= BATCH_LINES
    assert len(got.batches) <= 5


def test_nothing_is_sent_for_nothing(seen: tuple[Seen, str]) -> None:
    got, url = seen
    assert run(url, "--source", "build", stdin=b"").returncode == 0
    assert not got.paths


def test_a_full_log_is_said_once_and_the_writer_is_not_harmed(seen: tuple[Seen, str]) -> None:
    got, url = seen
    got.statuses = [200, *[413] * 50]
    lines = b"".join(b"%d\n" % number for number in range(5 * BATCH_LINES))
    done = run(url, stdin=lines)
    assert done.returncode == ApiError.exit_code
    assert done.stderr.decode().startswith("coder-tui: the agent's log is full, ")
    assert f"{5 * BATCH_LINES - sum(got.batches):,} lines were not stored" in done.stderr.decode()
    assert done.stderr.count(b"\n") == 1
    assert len(got.paths) == 2  # after the refusal nothing is tried


def test_what_waits_is_sent_before_the_input_ends() -> None:
    reading, writing = os.pipe()
    found: list[list[str]] = []
    arrived = threading.Event()

    def read() -> None:
        for batch in batches(reading):
            found.append(batch)
            arrived.set()

    thread = threading.Thread(target=read, daemon=True)
    thread.start()
    os.write(writing, b"now\nhalf")
    assert arrived.wait(10)
    assert found == [["now"]]
    os.write(writing, b" a line\n")
    os.close(writing)
    thread.join(10)
    assert found == [["now"], ["half a line"]]
    os.close(reading)


def test_a_slow_deployment_holds_the_writer_back(seen: tuple[Seen, str]) -> None:
    """While a batch is under way nothing is read: a writer can be no further ahead than pipe and batch are big."""
    got, url = seen
    got.gate = threading.Event()
    program = subprocess.Popen(
        [sys.executable, "-m", "coder_tui", "logs", "push"],
        stdin=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env={**os.environ, "CODER_AGENT_URL": url, "CODER_AGENT_TOKEN": TOKEN},
    )
    assert program.stdin
    pipe = program.stdin.fileno()
    os.set_blocking(pipe, False)
    line, written = b"x" * 1000 + b"\n", 0
    while written < 20 * BATCH_BYTES and select.select([], [pipe], [], 0.3)[1]:
        written += os.write(pipe, line)
    assert written < 20 * BATCH_BYTES
    got.gate.set()
    os.set_blocking(pipe, True)
    _, errors = program.communicate(timeout=20)
    assert (program.returncode, errors) == (0, b"")
    assert sum(len(output) + 1 for _, output, _ in got.lines) >= written


def test_a_deployment_that_is_away_for_a_while_costs_nothing(seen: tuple[Seen, str]) -> None:
    got, url = seen
    away, slept = Reporter("http://127.0.0.1:1", TOKEN), list[float]()
    one = pusher(url, slept=slept)
    back = one._reporter

    def sleep(seconds: float) -> None:
        slept.append(seconds)
        if len(slept) == 3:
            one._reporter = back

    one._reporter, one._sleep = away, sleep
    one.send(["a", "b"])
    one.conclude()
    assert [output for _, output, _ in got.lines] == ["a", "b"]
    assert slept == [0.5, 1.0, 2.0]


def test_a_deployment_that_stays_away_is_said_at_the_end() -> None:
    slept: list[float] = []
    one = pusher("http://127.0.0.1:1", slept=slept)
    one.send(["a", "b"])
    assert sum(slept) <= PATIENCE
    tried = len(slept)
    one.send(["c"])  # patience is over: one try each
    assert len(slept) == tried
    with pytest.raises(UnreachableError, match=r"^3 lines were not delivered: cannot reach http://127.0.0.1:1: "):
        one.conclude()


def test_patience_comes_back_with_the_deployment(seen: tuple[Seen, str]) -> None:
    got, url = seen
    one = pusher(url)
    there = one._reporter
    one._reporter = Reporter("http://127.0.0.1:1", TOKEN)
    one.send(["lost"])
    one._reporter = there
    one.send(["kept"])
    assert one._patience == PATIENCE
    with pytest.raises(UnreachableError, match=r"^1 line was not delivered"):
        one.conclude()
    assert [output for _, output, _ in got.lines] == ["kept"]


def test_a_refused_token_is_said_at_the_end(seen: tuple[Seen, str]) -> None:
    got, url = seen
    got.statuses = [401]
    done = run(url, stdin=b"a\nb\n")
    assert done.returncode == CredentialsError.exit_code
    assert b"2 lines were not delivered" in done.stderr
    assert TOKEN.encode() not in done.stderr


def test_outside_a_workspace(directories: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["logs", "push"]) == CredentialsError.exit_code
    assert "CODER_AGENT_URL is not set" in capsys.readouterr().err
    assert main(["logs"]) == 2
    assert main(["logs", "push", "--level", "loud"]) == 2


def test_levels_are_those_of_the_wire() -> None:
    assert set(LEVELS) == set(LogLevel)


@settings(max_examples=60, deadline=None)
@given(
    st.lists(st.text(st.characters(exclude_characters="\n\r", exclude_categories=["Cs"]), max_size=40), max_size=20),
    st.integers(1, 7),
    st.booleans(),
)
def test_whole_lines_whatever_the_pieces(lines: list[str], size: int, ended: bool) -> None:
    data = "\n".join(lines).encode() + (b"\n" if ended else b"")
    splitter = logs._Splitter()
    found: list[str] = []
    for start in range(0, len(data), size):
        found += splitter.feed(data[start : start + size])
    found += splitter.feed(b"")
    wanted = data.decode().split("\n")
    assert found == (wanted[:-1] if wanted[-1] == "" else wanted)


def test_long_lines_are_split_and_endless_ones_bounded() -> None:
    splitter = logs._Splitter()
    assert [len(one) for one in splitter.feed(b"x" * (2 * LINE_LIMIT + 5) + b"\n")] == [LINE_LIMIT, LINE_LIMIT, 5]
    pieces = [one for _ in range(5) for one in splitter.feed(b"y" * BATCH_BYTES)]
    assert len(splitter._rest) <= BATCH_BYTES
    assert sum(map(len, pieces)) >= 3 * BATCH_BYTES


def test_into_a_real_agents_log(
    hub: HubAddress, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    done = tmp_path / "done"
    os.mkfifo(done)
    push = f"{sys.executable} -m coder_tui logs push --source build"
    command = f"echo hello | {push}; echo $? > {done}; sleep 600"
    name = f"push-{os.getpid()}"
    assert main(["new", name, "--directory", str(tmp_path), "--", command]) == 0
    assert done.read_text() == "0\n"
