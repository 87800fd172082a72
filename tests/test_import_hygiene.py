"""Headless commands stay light: no screen, no server, and where an agent waits for us, no HTTP library either."""

from __future__ import annotations

import subprocess
import sys

import pytest

PROBE = """
import sys
from coder_tui.cli.main import main
try:
    main({argv!r})
except SystemExit:
    pass
print("LOADED", *sorted({{name.partition(".")[0] for name in sys.modules}}), file=sys.stderr)
"""


def loaded_by(argv: list[str]) -> set[str]:
    done = subprocess.run(
        [sys.executable, "-c", PROBE.format(argv=argv)], capture_output=True, text=True, timeout=30, check=True
    )
    return set(done.stderr.rpartition("LOADED")[2].split())


@pytest.mark.parametrize("argv", [["--version"], ["--help"], ["ls", "--help"], ["report", "--help"], ["hub", "--help"]])
def test_headless_commands_load_neither_screen_nor_server(argv: list[str]) -> None:
    assert not loaded_by(argv) & {"textual", "rich", "starlette", "uvicorn", "httpx", "websockets"}


def test_a_report_loads_no_http_library_at_all() -> None:
    argv = ["report", "--state", "working", "--message", "no agent environment here: it fails, lightly"]
    assert not loaded_by(argv) & {"textual", "rich", "starlette", "uvicorn", "httpx", "websockets", "pydantic"}
