from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest


class Home:
    """A user of this machine: own directories, a quiet shell, and the command line."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.work = root / "work"
        self.work.mkdir()
        (root / "home").mkdir()
        keep = {name: value for name, value in os.environ.items() if not name.startswith(("CODER", "NO_COLOR", "TMUX"))}
        self.env = keep | {
            "HOME": str(root / "home"),
            "SHELL": "/bin/sh",
            "PS1": "e2e$ ",
            "ENV": "",
            "LC_ALL": "C.UTF-8",
            **{f"CODER_TUI_{kind}_DIR": str(root / kind.lower()) for kind in ("DATA", "STATE", "CONFIG", "CACHE")},
        }

    @property
    def program(self) -> list[str]:
        """How the cockpit is started."""
        return [sys.executable, "-m", "coder_tui"]

    def run(self, *words: str, code: int = 0) -> subprocess.CompletedProcess[str]:
        """Run one verb to its end and check its exit code."""
        done = subprocess.run(
            [*self.program, *words], env=self.env, capture_output=True, text=True, timeout=40, check=False
        )
        assert done.returncode == code, f"{words}: {done.returncode}\n{done.stdout}\n{done.stderr}"
        return done


@pytest.fixture
def home(tmp_path: Path) -> Iterator[Home]:
    """A user whose hub, if one was started, is stopped again."""
    user = Home(tmp_path)
    yield user
    subprocess.run([*user.program, "hub", "stop"], env=user.env, capture_output=True, timeout=40, check=False)
