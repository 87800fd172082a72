"""The player of recordings on the real terminal."""

from __future__ import annotations

from coder_tui.cli.screen import Program, drive
from coder_tui.cli.signals import EndSignals
from coder_tui.terminal.cast import Playback
from coder_tui.tui.player import PlayerApp


class Player(Program, PlayerApp):
    """The player as a program."""


async def play(playback: Playback, signals: EndSignals, *, theme: str) -> None:
    """Show a recording until it is left or a signal arrives. Raises ConfigError (theme), and whatever bug ended it."""
    await drive(Player(playback, theme=theme or None), signals)
