"""The pure-Python core, for machines without a wheel of the native one: bittty behind the same interface."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from bittty import Board, MemoryConnection
from bittty.terminals import Terminal
from bittty.terminals.scrollback import MemoryScrollback

from coder_tui.terminal.core import (
    MAX_COPY_BYTES,
    MAX_MATCHES,
    PLAIN,
    RGB,
    UNCHANGED,
    Colors,
    Cursor,
    CursorShape,
    Match,
    Modes,
    MouseEncoding,
    MouseTracking,
    Point,
    Run,
    Scroll,
    clamp,
    safe,
)
from coder_tui.terminal.fallbackrows import runs
from coder_tui.text import one_line

_TRACKING = {
    "x10": MouseTracking.PRESS,
    "normal": MouseTracking.CLICK,
    "button": MouseTracking.DRAG,
    "any": MouseTracking.MOTION,
}
_LOWER = {code: code + 32 for code in range(ord("A"), ord("Z") + 1)}
_ENCODING = {"utf8": MouseEncoding.UTF8, "sgr": MouseEncoding.SGR, "urxvt": MouseEncoding.URXVT}


class BitttyCore:
    """One bittty board, its memory of scrolled lines, and the runs shown."""

    def __init__(self, columns: int, rows: int, scrollback_lines: int) -> None:
        self.columns, self.rows = clamp(columns, rows)
        self._scrollback_lines = scrollback_lines
        self._theme: tuple[RGB, RGB] | None = None
        self._open()

    def _open(self) -> None:
        self._board: Any = Board(width=self.columns, height=self.rows)
        self._host: Any = MemoryConnection()
        self._board.host.attach(self._host)
        self._terminal: Any = Terminal(self._board, MemoryScrollback(self._scrollback_lines * self.columns))
        self._terminal.attach()
        self._board.title.title = ""
        self._usual_palette: list[RGB] = list(self._board.palette.colors)
        # As most terminals, and the native core, start: the wheel sends arrows, combining characters combine.
        self._board.modes.alternate_scroll_mode = True
        self._board.modes.set_mode(2027, private=True)
        # A program must not read the clipboard, nor have its own title typed at the shell.
        self._copied = ""
        self._board.registry["OSC_CLIPBOARD"] = lambda operation: self._copy(*operation.args)
        self._board.title.reported = lambda label: ""
        self._shown: list[list[Run]] = [[Run(" " * self.columns, PLAIN, self.columns)]] * self.rows
        self._cursor = Cursor(0, 0, True, CursorShape.BLOCK)
        self._fed = True
        if self._theme:
            self.set_colors(*self._theme)
        self._colors, self._generation = UNCHANGED, self._board.palette.generation

    def _copy(self, _selection: str, payload: str) -> None:
        if len(payload) <= MAX_COPY_BYTES * 4 // 3:
            try:
                self._copied = base64.b64decode(payload, validate=True).decode("utf-8", "replace")
            except (binascii.Error, ValueError):
                return  # a query (`?`), or nothing at all

    def feed(self, data: bytes) -> None:
        """Interpret program output. A sequence that makes bittty raise is skipped with the rest of its chunk."""
        self._fed = True
        try:
            self._board.feed_host_data(data)
        except Exception:
            # Hostile output must not end the pane: the parser starts again from the ground state.
            self._board.parser.reset()

    def resize(self, columns: int, rows: int) -> None:
        """Change the size."""
        columns, rows = clamp(columns, rows)
        if (columns, rows) == (self.columns, self.rows):
            return
        self.columns, self.rows = columns, rows
        self._board.resize_from_frontend(columns, rows)
        self._shown = [[Run(" " * columns, PLAIN, columns)]] * rows
        self._terminal.scroll_to_bottom()
        self._fed = True

    def reset(self) -> None:
        """A new board."""
        self._open()

    def take_dirty(self) -> Sequence[int]:
        """Read what changed into `row`."""
        offset = self._terminal.view_offset()
        self._read_cursor(offset)
        if self._generation != self._board.palette.generation:
            self._read_colors()
        damaged: Iterable[int] = self._terminal.damaged_rows()
        if offset:
            if not self._fed:
                return ()
            damaged = range(self.rows)
        self._fed = False
        rows = [y for y in damaged if y < self.rows]
        if rows:
            cells = self._terminal.view_rows()
            for y in rows:
                self._shown[y] = runs(cells[y], self.columns)
        return rows

    def _read_cursor(self, offset: int) -> None:
        at = self._board.display.cursor
        shape = CursorShape(self._board.cursor.shape)
        if at is None or at[1] + offset >= self.rows:
            self._cursor = Cursor(0, 0, False, shape)
        else:
            self._cursor = Cursor(min(at[0], self.columns - 1), at[1] + offset, True, shape)

    def _read_colors(self) -> None:
        palette, usual = self._board.palette, self._board.model.palette
        self._generation = palette.generation
        before = self._theme or (usual.foreground, usual.background)
        changed = {
            index: color
            for index, (color, default) in enumerate(zip(palette.colors, self._usual_palette, strict=True))
            if color != default
        }
        colors = Colors(
            None if palette.foreground in (before[0], usual.foreground) else palette.foreground,
            None if palette.background in (before[1], usual.background) else palette.background,
            None if palette.cursor == usual.cursor else palette.cursor,
            changed,
        )
        self._colors = colors if any(colors) else UNCHANGED

    @property
    def colors(self) -> Colors:
        """What the program changed of the colours."""
        return self._colors

    def _lines(self, first: int, last: int) -> Iterator[tuple[int, list[str]]]:
        """Rows `first` to `last` (included), each as one string per column, empty after a wide character."""
        history = self._terminal.scrollback.width(self.columns)
        length = len(history)
        for y in range(max(0, first), min(last, length + self.rows - 1) + 1):
            cells = history[y] if y < length else self._terminal.port.page.line(y - length).cells
            chars = [char or ("" if x else " ") for x, (_, char) in enumerate(cells[: self.columns])]
            yield y, chars + [" "] * (self.columns - len(chars))

    def find(self, needle: str) -> Sequence[Match]:
        """Where `needle` stands, oldest first; not across rows."""
        matches: list[Match] = []
        wanted = needle.translate(_LOWER)
        for y, chars in self._lines(0, self.scrollback.length + self.rows) if wanted else ():
            columns = [x for x, char in enumerate(chars) for _ in char]
            line = "".join(chars).translate(_LOWER)
            at = line.find(wanted)
            while at >= 0:
                matches.append(Match((y, columns[at]), (y, columns[at + len(wanted) - 1])))
                at = line.find(wanted, at + len(wanted))
        return matches[-MAX_MATCHES:]

    def text(self, start: Point, end: Point) -> str:
        """The text between two cells."""
        (top, left), (bottom, right) = start, end
        lines = []
        for y, chars in self._lines(top, bottom):
            part = chars[left if y == top else 0 : right if y == bottom else self.columns]
            lines.append(safe("".join(part)).rstrip())
        return "\n".join(lines).rstrip("\n") if right else "\n".join(lines[:-1])

    def take_copied(self) -> str:
        """What the program asked to copy."""
        copied, self._copied = self._copied, ""
        return copied

    def row(self, y: int) -> Sequence[Run]:
        """The runs of row `y`."""
        return self._shown[y]

    @property
    def cursor(self) -> Cursor:
        """The cursor, as of the last `take_dirty`."""
        return self._cursor

    def scroll(self, rows: int) -> None:
        """Move the view."""
        self._terminal.scroll_view(rows)
        self._fed = True

    def scroll_to_bottom(self) -> None:
        """Show the live screen."""
        self._terminal.scroll_to_bottom()

    @property
    def scrollback(self) -> Scroll:
        """How much history there is, and where the view is in it."""
        return Scroll(len(self._terminal.scrollback.width(self.columns)), self._terminal.view_offset())

    @property
    def modes(self) -> Modes:
        """The modes now."""
        modes, mouse = self._board.modes, self._board.mouse
        return Modes(
            alternate_screen=self._board.blitter.in_alt_screen,
            application_cursor=modes.cursor_application_mode,
            application_keypad=modes.application_keypad,
            bracketed_paste=modes.bracketed_paste,
            focus_events=modes.focus_reporting,
            synchronized=modes.synchronized_output,
            alternate_scroll=modes.alternate_scroll_mode,
            reverse_screen=modes.reverse_screen,
            kitty=self._board.keyboard.kitty_flags,
            mouse=_TRACKING.get(mouse.protocol.value, MouseTracking.NONE),
            mouse_encoding=_ENCODING.get(mouse.encoding.value, MouseEncoding.LEGACY),
        )

    def take_replies(self) -> bytes:
        """What the terminal answered since the last call."""
        parts = self._host.data
        self._host.data = []
        return b"".join(part if isinstance(part, bytes) else str(part).encode() for part in parts)

    def set_colors(self, foreground: RGB, background: RGB) -> None:
        """What OSC 10 and 11 queries answer."""
        self._theme = foreground, background
        self._board.palette.foreground, self._board.palette.background = foreground, background

    @property
    def title(self) -> str:
        """The window title, cleaned."""
        return one_line(str(self._board.title.title))

    @property
    def cwd(self) -> str:
        """The working directory as the program told it, cleaned."""
        return one_line(str(self._board.console.cwd or ""))
