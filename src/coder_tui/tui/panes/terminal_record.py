"""Recording what a terminal shows, from the cockpit: into a file of the state directory."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import datetime
from pathlib import Path

from coder_tui.errors import StorageError
from coder_tui.paths import ensure_private, state_dir
from coder_tui.text import one_line
from coder_tui.tui.panes.terminal_session import Session

_NAME_LENGTH = 60


def directory() -> Path:
    """Where recordings are kept."""
    return state_dir() / "recordings"


def toggle(session: Session, notify: Callable[..., None]) -> None:
    """Start a recording, or stop the one that runs, and say so in Textual's `notify`."""
    try:
        if recorder := session.stop_recording():
            said = f"Recorded: coder-tui play {recorder.path}"
        else:
            path = _new_path(session.target.title)
            session.record(path)
            said = f"Recording what this terminal shows to {path}"
    except StorageError as error:
        notify(str(error), severity="error", markup=False, timeout=8)
    else:
        notify(said, markup=False, timeout=8)


def _new_path(title: str) -> Path:
    name = re.sub(r"[^\w.]+", "-", one_line(title)).strip("-.")[:_NAME_LENGTH]
    return ensure_private(directory()) / f"{name}-{datetime.now().astimezone():%Y%m%d-%H%M%S}.cast"


def mind(session: Session, notify: Callable[..., None]) -> None:
    """Stop a recording that could not go on, and say why."""
    if session.recorder is not None and session.recorder.error is not None:
        notify(str(session.recorder.error), severity="error", markup=False, timeout=8)
        session.stop_recording()
