"""What the little agents share: a voice in the terminal, reports, logs, and pauses a person can read in."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from urllib.parse import quote

from coder_tui.errors import ApiError, CoderTuiError
from coder_tui.report.reporter import Reporter

PACE = "CODER_TUI_DEMO_PACE"
"""Environment variable: factor on every pause (1 is for people, tests want 0.05)."""

COLOURS = {"plain": "", "dim": "2", "bold": "1", "red": "31", "green": "32", "yellow": "33", "blue": "34", "cyan": "36"}


class Kit:
    """One agent's means. A report that cannot be sent is said in the terminal, and the work goes on."""

    def __init__(self, name: str) -> None:
        self.name = name
        self._reporter = Reporter.from_env()
        self._sources: dict[str, str] = {}
        self._logging = True
        self._pace = float(os.environ.get(PACE) or 1.0)

    def say(self, text: str = "", colour: str = "plain", *, end: str = "\n") -> None:
        """Print in the terminal, in one of COLOURS."""
        code = "" if os.environ.get("NO_COLOR") else COLOURS[colour]
        print(f"\x1b[{code}m{text}\x1b[0m" if code else text, end=end, flush=True)

    def report(self, state: str, message: str, link: str = "", *, needs: str = "") -> None:
        """Report, and show in the terminal that it was reported."""
        with self._told():
            if not self._reporter.status(state, message, link, needs=needs):
                return
        mark, colour = {
            "working": ("*", "cyan"),
            "complete": ("+", "green"),
            "failure": ("x", "red"),
        }.get(state, ("?", "yellow"))
        self.say(f"{mark} {state}: {message}", colour)

    def log(self, lines: Iterable[str], level: str = "info", *, source: str = "") -> None:
        """Append to the agent's log under the source named `source` (default: the agent), until its quota is full."""
        if not self._logging:
            return
        name = source or self.name
        with self._told():
            try:
                if name not in self._sources:
                    self._sources[name] = self._reporter.log_source(name)
                self._reporter.logs(lines, level, self._sources[name])
            except ApiError as error:
                self._logging = error.status != 413
                raise

    def pause(self, seconds: float) -> None:
        """Sleep `seconds` times the pace: for people to read, never to wait for something."""
        time.sleep(seconds * self._pace)

    @contextlib.contextmanager
    def _told(self) -> Iterator[None]:
        try:
            yield
        except CoderTuiError as error:
            self.say(f"! {error}", "red")


def link(path: Path) -> str:
    """Opens `path` in an editor: a page on the web would not be true, and file: links are not opened by the cockpit."""
    return "vscode://file" + quote(str(path))


def run(command: Sequence[str], *, cwd: Path | None = None) -> subprocess.CompletedProcess[str]:
    """Run `command` to its end, output and errors together. git sees no settings of the user's."""
    environ = {name: value for name, value in os.environ.items() if not name.startswith("GIT_")}
    return subprocess.run(
        command,
        cwd=cwd,
        env={**environ, "GIT_CONFIG_GLOBAL": os.devnull, "GIT_CONFIG_NOSYSTEM": "1"},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        encoding="utf-8",
        errors="replace",
        check=False,
    )


def main(name: str, work: Callable[[Kit], None]) -> int:
    """Run the agent until its terminal hangs up, it is told to end, or its input ends."""
    for number in (signal.SIGHUP, signal.SIGTERM, signal.SIGINT):
        signal.signal(number, signal.SIG_DFL)  # whoever started the demo may have had them ignored (nohup)
    try:
        work(Kit(name))
    except CoderTuiError as error:
        print(f"{name}: {error}", file=sys.stderr)
        return error.exit_code
    except EOFError:
        pass
    return 0
