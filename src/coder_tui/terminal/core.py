"""What the screen needs from a terminal emulator, and the choice of one.

A core is fed the program's raw output and answers with styled runs per row. It is not thread safe: whoever feeds
it from a thread holds one lock around every call. Everything a run holds is safe to paint: control characters,
bidi overrides and other hidden characters are already replaced.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from enum import Enum, IntEnum
from functools import cache
from types import MappingProxyType
from typing import NamedTuple, Protocol

from coder_tui.text import clean

RGB = tuple[int, int, int]
# None is the default colour, an int an index in the 256-colour palette, a tuple a direct colour.
Color = None | int | RGB

REPLACEMENT = "\ufffd"
# libghostty-vt crashes on one-row screens (measured), and no core makes sense of a one-column one.
MIN_COLUMNS = MIN_ROWS = 2


class Underline(IntEnum):
    """SGR 4:n, in the order of its sub-parameter."""

    NONE = 0
    SINGLE = 1
    DOUBLE = 2
    CURLY = 3
    DOTTED = 4
    DASHED = 5


class Style(NamedTuple):
    """How a cell looks (SGR), and the target of its hyperlink (OSC 8, as the program wrote it: never trust it)."""

    fg: Color = None
    bg: Color = None
    underline_color: Color = None
    underline: Underline = Underline.NONE
    bold: bool = False
    dim: bool = False
    italic: bool = False
    blink: bool = False
    reverse: bool = False
    invisible: bool = False
    strike: bool = False
    link: str = ""


PLAIN = Style()


class Run(NamedTuple):
    """Cells of one style. `width` counts columns, by the grid, whatever a width table says.

    The text is either one grapheme `cluster`, or single code points of `width // len(text)` columns each.
    """

    text: str
    style: Style
    width: int
    cluster: bool = False


class CursorShape(Enum):
    """DECSCUSR."""

    BLOCK = "block"
    UNDERLINE = "underline"
    BAR = "bar"


class Cursor(NamedTuple):
    """Where the cursor is in the shown screen (zero-based). Not visible when scrolled out of view."""

    x: int
    y: int
    visible: bool
    shape: CursorShape


class MouseTracking(IntEnum):
    """What the program wants to hear of the mouse: modes 9, 1000, 1002, 1003."""

    NONE = 0
    PRESS = 9
    CLICK = 1000
    DRAG = 1002
    MOTION = 1003


class MouseEncoding(IntEnum):
    """How it wants to hear it: the legacy bytes, or modes 1005, 1006, 1015."""

    LEGACY = 0
    UTF8 = 1005
    SGR = 1006
    URXVT = 1015


class Modes(NamedTuple):
    """The modes that change what the keyboard and the mouse send, and when to paint."""

    alternate_screen: bool = False
    application_cursor: bool = False
    application_keypad: bool = False
    bracketed_paste: bool = False
    focus_events: bool = False
    synchronized: bool = False  # mode 2026: a frame is being drawn, do not paint yet
    alternate_scroll: bool = False  # mode 1007: the wheel sends arrows on the alternate screen
    reverse_screen: bool = False  # DECSCNM, mode 5
    kitty: int = 0  # flags of the kitty keyboard protocol, as the program pushed or set them
    mouse: MouseTracking = MouseTracking.NONE
    mouse_encoding: MouseEncoding = MouseEncoding.LEGACY


class Scroll(NamedTuple):
    """The scrollback: `length` rows above the screen, of which the view is `offset` rows up (0: live)."""

    length: int
    offset: int


# Row and column, zero-based, row 0 being the oldest of the scrollback. Compares in reading order.
Point = tuple[int, int]


class Match(NamedTuple):
    """Where a searched text stands: its first and its last cell."""

    start: Point
    end: Point


class Colors(NamedTuple):
    """Colours the program changed (OSC 4, 10, 11, 12); None, or absent, where the theme's still hold."""

    foreground: RGB | None = None
    background: RGB | None = None
    cursor: RGB | None = None
    palette: Mapping[int, RGB] = MappingProxyType({})


UNCHANGED = Colors()
# Longer copies (OSC 52) are dropped: nobody can judge them from one line of preview, and memory stays bounded.
MAX_COPY_BYTES = 1 << 20
MAX_MATCHES = 1000  # the newest; more are no help to anybody


class TerminalCore(Protocol):
    """One emulated terminal."""

    @property
    def columns(self) -> int:
        """Width of the screen in cells, at least two."""

    @property
    def rows(self) -> int:
        """Height of the screen in cells, at least two."""

    def feed(self, data: bytes) -> None:
        """Interpret program output, which may split any sequence or character anywhere."""

    def resize(self, columns: int, rows: int) -> None:
        """Change the size; anything under two is taken as two."""

    def reset(self) -> None:
        """Start anew: blank screen, no scrollback, default modes, ground state."""

    def take_dirty(self) -> Sequence[int]:
        """The shown rows that changed since the last call, top down. Reading marks them as seen."""

    def row(self, y: int) -> Sequence[Run]:
        """Row `y` as shown when `take_dirty` was last called. Runs fill the whole width."""

    def scroll(self, rows: int) -> None:
        """Move the view by `rows` (negative: back in history), as far as there is any."""

    def scroll_to_bottom(self) -> None:
        """Show the live screen."""

    @property
    def scrollback(self) -> Scroll:
        """How much history there is, and where the view is in it."""

    @property
    def cursor(self) -> Cursor:
        """The cursor, as of the last `take_dirty`."""

    @property
    def modes(self) -> Modes:
        """The modes now."""

    @property
    def colors(self) -> Colors:
        """What the program changed of the colours, as of the last `take_dirty`. The same object while unchanged."""

    def find(self, needle: str) -> Sequence[Match]:
        """Where `needle` stands in the shown buffer's history and screen, oldest first, at most `MAX_MATCHES`.

        ASCII letters match in either case.
        """

    def text(self, start: Point, end: Point) -> str:
        """The text from cell `start` up to (not including) cell `end`, cleaned, blanks at line ends removed."""

    def take_copied(self) -> str:
        """The newest text the program asked to copy (OSC 52) since the last call; empty if none. Uncleaned."""

    def take_replies(self) -> bytes:
        """What the terminal answered to the program's queries (DA, DSR, DECRQM ...) since the last call."""

    def set_colors(self, foreground: RGB, background: RGB) -> None:
        """What OSC 10 and 11 queries answer."""

    @property
    def title(self) -> str:
        """The window title (OSC 0 and 2), cleaned to one safe line."""

    @property
    def cwd(self) -> str:
        """The working directory (OSC 7: a `file:` URL), cleaned to one safe line."""


def clamp(columns: int, rows: int) -> tuple[int, int]:
    """The size a core is given: at least 2x2 and at most what a PTY can say (uint16)."""
    return max(MIN_COLUMNS, min(columns, 0xFFFF)), max(MIN_ROWS, min(rows, 0xFFFF))


def safe(text: str) -> str:
    """`text` with every control or hidden character replaced, one for one, so that columns keep their place."""
    if (text.isascii() and text.isprintable()) or clean(text) == text:
        return text
    return "".join(char if clean(char) == char else REPLACEMENT for char in text)


def screen_text(core: TerminalCore) -> str:
    """The shown screen as text, trailing blanks removed: for tests, and for copying all of it."""
    core.take_dirty()
    lines = ("".join(run.text for run in core.row(y)).rstrip() for y in range(core.rows))
    return "\n".join(lines).rstrip("\n")


@cache
def core_name() -> str:
    """Which core this machine has: `ghostty` (native), or `bittty` (pure Python, some fifty times slower)."""
    try:
        from coder_tui.terminal import ghostty

        ghostty.load()
    except (ImportError, OSError, AttributeError, RuntimeError):
        return "bittty"
    return "ghostty"


def create_core(columns: int, rows: int, scrollback_lines: int = 10_000) -> TerminalCore:
    """The best core of this machine. Never raises for want of a native one."""
    if core_name() == "ghostty":
        from coder_tui.terminal.ghostty import GhosttyCore

        return GhosttyCore(columns, rows, scrollback_lines)
    from coder_tui.terminal.fallback import BitttyCore

    return BitttyCore(columns, rows, scrollback_lines)
