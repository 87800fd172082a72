"""What became of a row, in one word, for scripts that wait: what `wait --for` compares."""

from __future__ import annotations

from enum import StrEnum

from coder_tui.fleet.attention import ENDED, GONE, last_word
from coder_tui.fleet.snapshot import Level, Row


class Outcome(StrEnum):
    """`asks`, `failed` and `lost` are the attention levels, acknowledged or not; `complete` and `idle` what the app
    said; `working` is said, quiet or not; `unknown` is everything else, also an app that never reported."""

    ASKS = "asks"
    FAILED = "failed"
    LOST = "lost"
    COMPLETE = "complete"
    IDLE = "idle"
    WORKING = "working"
    UNKNOWN = "unknown"


_LEVELS = {Level.ASKS: Outcome.ASKS, Level.FAILED: Outcome.FAILED, Level.LOST: Outcome.LOST}


def outcome(row: Row | None) -> Outcome:
    """The outcome of a row; one that is no longer there, or whose agent or workspace is gone, is lost."""
    if row is None:
        return Outcome.LOST
    if row.alert is not None and row.alert.level in _LEVELS:
        return _LEVELS[row.alert.level]
    said = last_word(row.workspace, row.agent, row.app)
    if said is not None and said.word is not None and said.word.state == "complete":
        return Outcome.COMPLETE
    if row.workspace.build_status in ENDED or (row.agent is not None and row.agent.status in GONE):
        return Outcome.LOST
    if said is None:
        return Outcome.UNKNOWN
    return {"idle": Outcome.IDLE, "working": Outcome.WORKING}.get(said.latest.state, Outcome.UNKNOWN)
