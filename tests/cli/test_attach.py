"""`coder-tui attach` in a real terminal, against a real hub: what gets through, and how it ends."""

from __future__ import annotations

import json
import os
import re
import shlex
import signal
import socket
import stat
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import httpx
import pytest
from tests.e2e.conftest import Home
from tests.e2e.term import Term

from coder_tui.cli.main import main
from coder_tui.terminal.cast import read

LEAVE = "\x1d"
# a shell whose terminal is its controlling one, so that the system tells of new sizes
CONTROLLED = (
    "import fcntl, os, sys, termios; fcntl.ioctl(0, termios.TIOCSCTTY, 0); os.execvp('sh', ['sh', '-c', sys.argv[1]])"
)
FULL_SCREEN = r"printf '\033[?1049h\033[?1002h\033[?1006h\033[?2004h\033[?25l\033[>1u\033[2;5r\033]2;other\007'"


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Home]:
    """A user with a hub, and on it the workspace `echo`, whose app shows what is typed."""
    user = Home(tmp_path_factory.mktemp("attach"))
    user.run("hub", "start")
    make(user, "echo", "stty raw -echo; printf ready.; exec cat -v")
    yield user
    subprocess.run([*user.program, "hub", "stop"], env=user.env, capture_output=True, timeout=40, check=False)


def make(place: Home, name: str, command: str) -> None:
    """A workspace that runs `command` as its app. `attach` waits for nothing, so it is waited for here."""
    values = {"directory": str(place.work), "command": command, "app": "app"}
    body = {"name": name, "rich_parameter_values": [{"name": key, "value": value} for key, value in values.items()]}
    token = (place.root / "data" / "hub.token").read_text().strip()
    with httpx.Client(base_url=f"{hub_url(place)}/api/v2", headers={"Coder-Session-Token": token}) as client:
        made = client.post("/users/me/workspaces", json=body)
        assert made.status_code == 201, made.text
        with client.stream("GET", f"/workspaces/{made.json()['id']}/watch", timeout=20) as events:
            assert any('"status":"running"' in line.replace(" ", "") for line in events.iter_lines())


def attach(place: Home, *words: str, columns: int = 100, rows: int = 12) -> Term:
    """A terminal whose shell attaches, and says afterwards how that ended and whether its terminal is as it was."""
    verb = shlex.join([*place.program, "attach", *words])
    script = (
        f"before=$(stty -g); printf 'outer shell\\n'; {verb}; code=$?; "
        '[ "$before" = "$(stty -g)" ] && echo "restored, code=$code."; read line'
    )
    return Term([sys.executable, "-ISc", CONTROLLED, script], env=place.env, columns=columns, rows=rows)


def pid_of(term: Term) -> int:
    """The process that attaches."""
    children = Path(f"/proc/{term.process.pid}/task/{term.process.pid}/children")
    if children.exists():
        return int(children.read_text().split()[0])
    found = subprocess.run(["pgrep", "-P", str(term.process.pid)], capture_output=True, text=True, check=True)
    return int(found.stdout.split()[0])


def test_keys_reach_the_program_and_ctrl_bracket_leaves(place: Home) -> None:
    with attach(place, "echo") as term:
        term.wait_for("^ready")
        term.send("typed é\x03\x1b[A")
        term.wait_for(r"typed M-CM-\)\^C\^\[\[A")
        term.send(LEAVE + LEAVE)
        term.wait_for(r"\^\[\[A\^\]")
        term.send(LEAVE)
        seen = term.wait_for("restored, code=0.")
        assert re.search(r"coder-tui: left \S+/echo.main/app, it goes on", seen)
    with attach(place, "echo/app") as again:
        again.wait_for(r"^ready\.typed")
        again.send("once more")
        again.wait_for("once more")
        again.send(LEAVE + "q")
        again.wait_for("restored, code=0.")


def test_the_size_follows(place: Home) -> None:
    with attach(
        place, "echo", "--", "trap 'stty size' WINCH; stty size; while :; do read line; done", columns=90, rows=10
    ) as term:
        term.wait_for("10 90")
        term.resize(110, 14)
        term.wait_for("14 110")
        term.send("\x03")
        assert "it goes on" not in term.wait_for("restored, code=0.")
        term.wait_for("echo.main ended")


@pytest.mark.parametrize("number", [signal.SIGHUP, signal.SIGINT])
def test_a_signal_restores_the_terminal(place: Home, number: signal.Signals) -> None:
    with attach(place, "echo", "--", f"{FULL_SCREEN}; printf 'full screen'; exec sleep 1000") as term:
        term.wait_for(lambda text: text.startswith("full screen") and "outer" not in text)
        os.kill(pid_of(term), number)
        screen = term.wait_for(f"restored, code={128 + number}.")
        assert screen.startswith("outer shell")
        check_modes(term)


def check_modes(term: Term) -> None:
    modes = term.modes
    assert not modes.alternate_screen
    assert not modes.bracketed_paste
    assert modes.mouse == 0
    raw = term.raw
    assert raw.rindex(b"\x1b[?25h") > raw.rindex(b"\x1b[?25l")
    assert raw.rindex(b"\x1b[<1u") > raw.rindex(b"\x1b[>1u")
    assert raw.rindex(b"\x1b[r") > raw.rindex(b"\x1b[2;5r")
    assert raw.count(b"\x1b[22;0t") == raw.count(b"\x1b[23;0t") == 1, "the title comes back"


def test_leaving_a_full_screen_program_with_its_keyboard(place: Home) -> None:
    with attach(place, "echo", "--", f"{FULL_SCREEN}; printf 'full screen'; exec sleep 1000") as term:
        term.wait_for("^full screen")
        term.send("\x1b[93;5u")
        term.wait_for("restored, code=0.")
        check_modes(term)


def test_a_bug_restores_the_terminal(place: Home) -> None:
    code = (
        "import sys; from coder_tui.cli.attached import Attached\n"
        "def broken(self): raise ZeroDivisionError('secret')\n"
        "Attached._ask_to_paint = broken\n"
        "from coder_tui.cli.main import main; sys.exit(main())"
    )
    make(place, "full", f"{FULL_SCREEN}; printf full; exec sleep 1000")
    script = shlex.join([sys.executable, "-c", code, "attach", "full"])
    with Term(["sh", "-c", f"{script}; echo code=$?.; read x"], env=place.env, columns=200, rows=12) as term:
        assert "this is a bug in coder-tui: ZeroDivisionError" in term.wait_for("code=1.")
        assert "secret" not in term.screen
        check_modes(term)


def test_a_full_screen_program_is_there_again(place: Home) -> None:
    paint = (
        r"""trap 'printf "\033[H\033[2Jpainted"; stty size' WINCH; printf '\033[?1049h'; kill -WINCH $$; """
        "while :; do read x; done"
    )
    make(place, "paint", paint)
    with attach(place, "paint") as term:
        term.wait_for("^painted12 100")
        term.send(LEAVE)
        term.wait_for("restored, code=0.")
        assert not term.modes.alternate_screen


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (["nothing-of-that-name"], 9, "no agent matches it"),
        (["echo", "--record", "x.cast"], 2, "--record needs a terminal"),
        (["echo", "--record-input"], 2, "--record-input needs --record FILE"),
        (["--url", "http://127.0.0.1:1", "--token-file", "token", "echo"], 5, "connection refused"),
        (["--url", "HUB", "--token-file", "token", "echo"], 4, "does not accept the session token"),
        ([], 2, "WHAT"),
    ],
)
def test_what_cannot_be_attached(
    place: Home,
    words: list[str],
    code: int,
    said: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    tmp_path: Path,
) -> None:
    for name, value in place.env.items():
        monkeypatch.setenv(name, value)
    monkeypatch.chdir(tmp_path)
    Path("token").write_text("ABCDEFGHIJ-0123456789012345678901")
    assert main(["attach", *(hub_url(place) if word == "HUB" else word for word in words)]) == code
    assert said in capsys.readouterr().err


def hub_url(place: Home) -> str:
    url: str = json.loads((place.root / "data" / "hub.json").read_text())["url"]
    return url


class Link:
    """A TCP relay that can be cut and mended: the fault to inject."""

    def __init__(self, port: int) -> None:
        self._to = port
        self._server = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._server.getsockname()[1]
        self._sockets: list[socket.socket] = []
        self.up = True
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                near, _ = self._server.accept()
                if not self.up:
                    near.close()
                    continue
                far = socket.create_connection(("127.0.0.1", self._to))
                self._sockets += [near, far]
                for pair in ((near, far), (far, near)):
                    threading.Thread(target=self._pump, args=pair, daemon=True).start()

    @staticmethod
    def _pump(source: socket.socket, target: socket.socket) -> None:
        with suppress(OSError):
            while data := source.recv(65536):
                target.sendall(data)
            target.shutdown(socket.SHUT_WR)

    def cut(self) -> None:
        self.up = False
        for one in self._sockets:
            with suppress(OSError):
                one.shutdown(socket.SHUT_RDWR)
            one.close()
        self._sockets.clear()

    def close(self) -> None:
        self.cut()
        self._server.close()


@pytest.fixture
def link(place: Home) -> Iterator[Link]:
    link = Link(int(hub_url(place).rsplit(":", 1)[1]))
    yield link
    link.close()


def through(place: Home, link: Link) -> list[str]:
    return ["--url", f"http://127.0.0.1:{link.port}", "--token-file", str(place.root / "data" / "hub.token")]


def test_a_lost_connection_is_told_and_mended(place: Home, link: Link, tmp_path: Path) -> None:
    cast = tmp_path / "lost.cast"
    with attach(place, *through(place, link), "echo", "--record", str(cast)) as term:
        term.wait_for("^ready")
        term.send("before the loss")
        term.wait_for("before the loss")
        link.cut()
        screen = term.wait_for(r"coder-tui: .*trying again.*ctrl\+\]: leave")
        assert screen.startswith("ready"), "the program's screen stays"
        term.send("dropped")
        link.up = True
        term.send("\r")
        term.wait_for(lambda text: "trying" not in text and "before the loss" in text)
        assert "dropped" not in term.screen
        assert term.screen.count("ready.") == 1
        term.send("after it")
        term.wait_for("before the lossafter it")
        link.cut()
        term.wait_for("trying again")
        term.send(LEAVE)
        assert "trying again" not in term.wait_for("restored, code=0.")
    _, events = read(cast.read_bytes().splitlines(keepends=True), "x")
    assert any(event.data == "\x1bc" for event in events), "the recording starts anew too"


def test_a_terminal_that_vanishes_ends_it(place: Home) -> None:
    master, slave = os.openpty()
    argv = [*place.program, "attach", "echo"]
    process = subprocess.Popen(
        argv, env=place.env, stdin=slave, stdout=slave, stderr=subprocess.PIPE, start_new_session=True
    )
    os.close(slave)
    seen = b""
    while b"ready" not in seen:
        seen += os.read(master, 65536)
    os.close(master)
    _, said = process.communicate(timeout=20)
    assert (process.returncode, said) == (128 + signal.SIGHUP, b"")


def test_a_terminal_that_takes_nothing_can_be_left(place: Home) -> None:
    """Nobody reads the outer terminal, so writing to it would block for ever; the key that leaves still does."""
    master, slave = os.openpty()
    argv = [*place.program, "attach", "echo", "--", "sleep 0.2; exec yes"]
    process = subprocess.Popen(
        argv, env=place.env, stdin=slave, stdout=slave, stderr=subprocess.PIPE, start_new_session=True
    )
    seen = b""
    while b"y\r\ny" not in seen:
        seen += os.read(master, 1024)
    os.write(master, LEAVE.encode())
    assert process.stderr is not None
    assert b"it goes on" in process.stderr.read()
    assert process.wait(20) == 0
    os.close(slave)
    os.close(master)


def test_recording(place: Home, tmp_path: Path) -> None:
    quiet, all_of_it = tmp_path / "a.cast", tmp_path / "b.cast"
    with attach(place, "echo", "--record", str(quiet), "--", "printf go.; exec cat -v") as term:
        term.wait_for("go")
        term.resize(80, 10)
        term.send("secret words\r")
        term.wait_for("go.secret words\nsecret words")
        term.send("\x04")
        term.wait_for("restored, code=0.")
    assert stat.S_IMODE(quiet.stat().st_mode) == 0o600
    header, found = read(quiet.read_bytes().splitlines(keepends=True), "x")
    events = list(found)
    assert (header.columns, header.rows) == (100, 12)
    assert header.title.endswith("/echo.main")
    assert [event.size for event in events if event.code == "r"] == [(80, 10)]
    assert "i" not in {event.code for event in events}
    assert "".join(event.data for event in events if event.code == "o").count("secret words\r\n") == 2
    with attach(place, "echo", "--record", str(all_of_it), "--record-input", "--", "printf go; read x") as term:
        term.wait_for("go")
        term.send("secret\r")
        term.wait_for("restored, code=0.")
    _, found = read(all_of_it.read_bytes().splitlines(keepends=True), "x")
    assert "".join(event.data for event in found if event.code == "i") == "secret\r"


def test_a_pipe_is_typed_and_printed_whole(place: Home) -> None:
    text = "".join(f"line {number} é\n" for number in range(5_000))
    argv = [*place.program, "attach", "echo", "--", "cat"]
    done = subprocess.run(argv, env=place.env, input=text.encode(), capture_output=True, timeout=60, check=False)
    assert (done.returncode, done.stderr) == (0, b"")
    assert done.stdout.decode() == text
    argv = [*place.program, "attach", "workspace:echo", "--", "tr a-z A-Z; echo $?"]
    done = subprocess.run(argv, env=place.env, input=b"no end of line", capture_output=True, timeout=60, check=False)
    assert done.stdout == b"NO END OF LINE0\n"


def test_an_app_is_only_visited_in_a_pipe(place: Home) -> None:
    make(place, "lines", "stty -echo; while read x; do echo got-$x; done")
    argv = [*place.program, "attach", "lines"]
    for word in (b"one\n", b"two\n"):
        done = subprocess.run(argv, env=place.env, input=word, capture_output=True, timeout=60, check=False)
        assert done.returncode == 0
        assert b"got-" + word.strip() in done.stdout
    assert done.stdout.startswith(b"got-one"), "it lived on, and its output is repeated"


def test_a_reader_that_goes_away_ends_a_pipe(place: Home) -> None:
    script = shlex.join([*place.program, "attach", "echo", "--", "yes"])
    done = subprocess.run(
        ["bash", "-c", f"{script} </dev/null | head -2; echo code=${{PIPESTATUS[0]}}"],
        env=place.env,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.stdout == "y\ny\ncode=141\n"
    assert done.stderr == ""


def test_a_lost_connection_ends_a_pipe(place: Home, link: Link) -> None:
    argv = [*place.program, "attach", *through(place, link), "echo", "--", "echo begun; exec sleep 1000"]
    with subprocess.Popen(argv, env=place.env, stdin=subprocess.PIPE, stdout=-1, stderr=-1, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "begun\n"
        link.cut()
        _, said = process.communicate(timeout=20)
    assert process.returncode == 5
    assert "the connection to the terminal broke" in said
