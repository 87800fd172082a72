"""Recording what a terminal shows, from the cockpit: into a file of the state directory."""

from __future__ import annotations

import re
from datetime import datetime
from pathlib import Path

from coder_tui.paths import ensure_private, state_dir
from coder_tui.text import one_line
from coder_tui.tui.panes.terminal_session import Session

_NAME_LENGTH = 60


def directory() -> Path:
    """Where recordings are kept."""
    return state_dir() / "recordings"


def toggle(session: Session, now: datetime) -> str:
    """Start a recording, or stop the one that runs: what was done, as a sentence. Raises StorageError."""
    if recorder := session.stop_recording():
        return f"Recorded: coder-tui play {recorder.path}"
    name = re.sub(r"[^\w.]+", "-", one_line(session.target.title)).strip("-.")[:_NAME_LENGTH]
    path = ensure_private(directory()) / f"{name}-{now:%Y%m%d-%H%M%S}.cast"
    session.record(path)
    return f"Recording what this terminal shows to {path}"


def ended_early(session: Session) -> str:
    """Why a recording could not go on, once; empty while all is well."""
    if session.recorder is None or session.recorder.error is None:
        return ""
    error = session.recorder.error
    session.stop_recording()
    return str(error)
