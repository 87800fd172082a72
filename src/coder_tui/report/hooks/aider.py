"""aider's notification command: no input at all, its one meaning is that it waits for the next prompt."""

from __future__ import annotations

from coder_tui.report.hooks import Event, Said


def meaning(event: Event) -> Said | None:
    """Ready for input."""
    return Said("idle", "ready for input")
