"""`coder-tui doctor`: what is installed, where things are, what answers. No secret is ever printed."""

from __future__ import annotations

import asyncio
import os
import platform
import shutil
import sys
from argparse import Namespace
from collections.abc import Iterator
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from coder_tui import __version__, paths
from coder_tui.cli.deployments import chosen, configuration, of_hub
from coder_tui.client.credentials import Credentials
from coder_tui.errors import CoderTuiError
from coder_tui.hub import daemon
from coder_tui.notify.outlook import outlook
from coder_tui.text import one_line

PACKAGES = (
    *("textual", "httpx", "websockets", "pydantic", "protobuf", "starlette", "uvicorn", "psutil"),
    *("pyghostty", "bittty", "google-re2", "stringzilla"),
)


class Report:
    """Lines of `subject  finding`; the exit code is that of the first fault."""

    def __init__(self) -> None:
        self.code = 0

    def say(self, subject: str, finding: str) -> None:
        """One line on stdout."""
        print(f"{subject:<13} {one_line(finding)}", flush=True)

    def fault(self, subject: str, error: CoderTuiError) -> None:
        """A line that says what is wrong."""
        self.say(subject, f"FAULT {error}")
        self.code = self.code or error.exit_code


def run(arguments: Namespace) -> int:
    """Print everything that can be found out; 0 when nothing is wrong."""
    report = Report()
    report.say("coder-tui", f"{__version__}, Python {platform.python_version()}, {platform.platform(terse=True)}")
    report.say("packages", ", ".join(_packages()))
    report.say("terminal", ", ".join(_terminal()))
    _core(report)
    for kind, path in (
        ("data", paths.data_dir()),
        ("state", paths.state_dir()),
        ("config", paths.config_dir()),
        ("cache", paths.cache_dir()),
    ):
        _directory(report, kind, path)
    hub = daemon.discover(paths.data_dir())
    report.say("hub", f"{hub.url}, process {hub.pid}" if hub else "not running (it starts on demand)")
    credentials: list[Credentials] = []
    try:
        config = configuration(arguments)
        report.say("config file", f"{config.path}" + ("" if config.path.exists() else " (none: defaults)"))
        for channel, finding in outlook(config.notify, os.environ, sys.platform, shutil.which):
            report.say("notify" if channel == "when" else f"  {channel}", finding)
        credentials = chosen(arguments, config)
        if not credentials:
            report.say("credentials", "none found: plain coder-tui opens the local hub")
        if hub and all(one.url != hub.url for one in credentials):
            credentials.append(of_hub(hub))
    except CoderTuiError as error:
        report.fault("credentials", error)
    if credentials:
        asyncio.run(_reach(report, credentials))
    return report.code


def _packages() -> Iterator[str]:
    for name in PACKAGES:
        try:
            yield f"{name} {version(name)}"
        except PackageNotFoundError:
            yield f"no {name}"


def _terminal() -> Iterator[str]:
    if sys.stdout.isatty():
        size = shutil.get_terminal_size()
        yield f"{size.columns}x{size.lines}"
    else:
        yield "stdout is not a terminal"
    for name in ("TERM", "COLORTERM", "TERM_PROGRAM", "NO_COLOR", "LANG"):
        if value := os.environ.get(name):
            yield f"{name}={value}"
    for name in ("TMUX", "STY", "SSH_CONNECTION"):
        if os.environ.get(name):
            yield f"inside {'ssh' if name.startswith('SSH') else 'tmux' if name == 'TMUX' else 'screen'}"


def _core(report: Report) -> None:
    from coder_tui.terminal.core import core_name

    native = core_name() == "ghostty"
    report.say("terminal core", "ghostty (native)" if native else "bittty (pure Python, slow: no native wheel here)")


def _directory(report: Report, kind: str, path: Path) -> None:
    """Is it there, and may we write? Nothing is created."""
    if not path.exists():
        report.say(kind, f"{path} (not there yet)")
        return
    try:
        paths.ensure_private(path)
        report.say(kind, str(path))
    except CoderTuiError as error:
        report.fault(kind, error)


async def _reach(report: Report, credentials: list[Credentials]) -> None:
    """Ask every deployment at the same time who it is and who we are; told in order."""
    from coder_tui.client.rest import RestClient

    async def ask(one: Credentials) -> str:
        async with await asyncio.to_thread(RestClient, one, timeout=10.0) as client:
            info = await client.build_info()
            user = await client.me()
            return f"{one.url} {info.version}, {user.username}, {client.latency_ms or 0:.0f} ms; from {one.source}"

    answers = await asyncio.gather(*(ask(one) for one in credentials), return_exceptions=True)
    for one, answer in zip(credentials, answers, strict=True):
        if isinstance(answer, str):
            report.say(one.name, answer)
        elif isinstance(answer, CoderTuiError):
            report.fault(one.name, answer)
        else:
            raise answer
