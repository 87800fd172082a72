"""How the screen was arranged, kept over restarts: one small JSON file in the state directory, never the user's config.

It is written atomically, readable by its owner only. A damaged one is moved aside; one that a newer version wrote is
left as it is, and nothing is kept then. Two cockpits may share it: the last word counts.
"""

from __future__ import annotations

import contextlib
import json
from dataclasses import asdict, dataclass, fields
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from coder_tui.paths import ensure_private, write_private

FILE = "ui.json"
VERSION = 1
_LARGEST = 64 * 1024  # bytes: ours has a few hundred


@dataclass(frozen=True, slots=True)
class UiState:
    """What is kept. Words that mean nothing to who reads them are that reader's to ignore."""

    group: str = ""  # of the Agents pane
    sort: str = ""
    columns: tuple[str, ...] = ("message",)
    filter: str = ""  # in the filter language
    right_page: str = ""  # what the medium layout's right side shows
    top_page: str = ""  # what the upper right of the wide layout shows
    zoomed: str = ""  # id of the pane that has the window
    wider: int = 0  # cells by which the left column is wider than it would be
    whose: str = ""  # statuses in the timeline: of the app, or of its agent
    looked_at: str = ""  # when the digest was looked at last, RFC 3339


class UiFile:
    """The file. `warning` is a sentence for the person when it could not be used."""

    def __init__(self, state_dir: Path) -> None:
        self.path = state_dir / FILE
        self.warning = ""
        self._newer = False

    def load(self) -> UiState:
        """What was kept, or the defaults. Never raises."""
        try:
            with self.path.open("rb") as file:
                text = file.read(_LARGEST + 1)
        except FileNotFoundError:
            return UiState()
        except OSError as error:
            self.warning = f"cannot read {self.path}: {error.strerror}. The screen starts as new."
            return UiState()
        try:
            values = json.loads(text) if len(text) <= _LARGEST else None
        except (ValueError, RecursionError):
            values = None
        version = values.get("version") if isinstance(values, dict) else None
        if not isinstance(values, dict) or not isinstance(version, int) or version < 1:
            self._put_aside()
            return UiState()
        if version > VERSION:
            self._newer = True
            self.warning = f"A newer coder-tui wrote {self.path}: it is left alone, and this screen is not remembered."
            return UiState()
        return _state(values)

    def save(self, state: UiState) -> None:
        """Write it, with a sync to disk: not on the screen's loop. Raises StorageError."""
        if not self._newer:
            ensure_private(self.path.parent)
            write_private(self.path, json.dumps({"version": VERSION, **asdict(state)}, indent=1) + "\n")

    def _put_aside(self) -> None:
        aside = self.path.with_name(f"{FILE}.corrupt-{datetime.now(UTC):%Y%m%dT%H%M%S}")
        with contextlib.suppress(OSError):  # then the next save replaces it
            self.path.rename(aside)
        self.warning = f"{self.path} was damaged: it was moved to {aside.name}, and the screen starts as new."


def _state(values: dict[str, Any]) -> UiState:
    """Whatever has the type that it should have."""
    kept: dict[str, Any] = {}
    for field in fields(UiState):
        value, default = values.get(field.name), getattr(UiState(), field.name)
        if isinstance(default, tuple) and isinstance(value, list):
            value = tuple(word for word in value if isinstance(word, str))
        if type(value) is type(default):
            kept[field.name] = value
    return UiState(**kept)
