"""Shapes for states: a state is told by shape and word, never by colour alone.

All shapes are one cell wide in every terminal we know. `CODER_TUI_ASCII=1`, or a locale that is not UTF-8, gives plain
ASCII.
"""

from __future__ import annotations

import locale
import os
from dataclasses import dataclass, fields


@dataclass(frozen=True, slots=True)
class Glyphs:
    """One shape per meaning."""

    asks: str = "▲"
    failed: str = "✗"
    lost: str = "◌"
    done: str = "✓"
    quiet: str = "◔"
    due: str = "◷"
    working: str = "●"
    idle: str = "○"
    unknown: str = "·"
    workspace: str = "▾"
    stopped: str = "▪"
    link: str = "↗"
    lock: str = "⊘"
    crumb: str = "›"
    dot: str = "·"
    ellipsis: str = "…"
    thumb: str = "▐"
    cursor: str = "▌"
    warn: str = "▲"
    up: str = "↑"
    down: str = "↓"
    check: str = "✓"
    secret: str = "•"
    mark: str = "◆"

    @property
    def heights(self) -> str:
        """Eight bars, from the ground up."""
        return "_.:-=+*#" if self.ellipsis == "~" else "▁▂▃▄▅▆▇█"

    def of(self, name: str) -> str:
        """The shape of a level or state word; a dot for words from the future."""
        return str(getattr(self, name, self.unknown)) if name in _NAMES else self.unknown


_NAMES = {field.name for field in fields(Glyphs)}

UNICODE = Glyphs()
ASCII = Glyphs(
    asks="!",
    failed="x",
    lost="~",
    done="v",
    quiet="?",
    due="@",
    working="*",
    idle="o",
    unknown=".",
    workspace=">",
    stopped="-",
    link="^",
    lock="#",
    crumb=">",
    dot="-",
    ellipsis="~",
    thumb="|",
    cursor=">",
    warn="!",
    up="^",
    down="v",
    check="v",
    secret="*",
    mark="+",
)


def ascii_only() -> bool:
    """Whether the user or the locale wants plain ASCII."""
    flag = os.environ.get("CODER_TUI_ASCII", "")
    if flag:
        return flag not in ("0", "false", "no")
    return "utf" not in locale.getpreferredencoding(False).lower()


def glyphs() -> Glyphs:
    """The shapes for this process's environment."""
    return ASCII if ascii_only() else UNICODE
