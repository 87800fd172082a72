"""What a screen looks like after a sequence: one table, both cores."""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest
from tests.terminal.vt_cases import KNOWN, REFLOW, REPLIES, TABLE

from coder_tui.terminal.core import (
    MAX_COPY_BYTES,
    UNCHANGED,
    Colors,
    CursorShape,
    MouseEncoding,
    MouseTracking,
    Run,
    Style,
    TerminalCore,
    Underline,
    clamp,
    core_name,
    create_core,
    safe,
    screen_text,
)
from coder_tui.terminal.fallback import BitttyCore
from coder_tui.terminal.ghostty import GhosttyCore

Make = Callable[[int, int, int], TerminalCore]
CORES: dict[str, Make] = {"ghostty": GhosttyCore, "bittty": BitttyCore}


@pytest.fixture(params=list(CORES))
def name(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def make(name: str) -> Make:
    return CORES[name]


def runs(core: TerminalCore, y: int = 0) -> list[Run]:
    core.take_dirty()
    return list(core.row(y))


@pytest.mark.parametrize("case", list(TABLE))
def test_screen(name: str, make: Make, case: str) -> None:
    output, expected = TABLE[case]
    core = make(10, 4, 100)
    core.feed(output)
    same = screen_text(core) == expected
    if (name, case) in KNOWN:
        assert not same, f"{case} agrees now: take it out of KNOWN"
    else:
        assert screen_text(core) == expected
    assert all(sum(run.width for run in core.row(y)) == 10 for y in range(4))


@pytest.mark.parametrize("case", list(REFLOW))
def test_reflow(name: str, make: Make, case: str) -> None:
    output, size, screen, cursor = REFLOW[case]
    core = make(10, 4, 100)
    core.feed(output)
    core.resize(*size)
    assert ((screen_text(core), core.cursor[:2]) == (screen, cursor)) is ((name, case) not in KNOWN)


@pytest.mark.parametrize("case", list(REPLIES))
def test_reply(name: str, make: Make, case: str) -> None:
    query, answer = REPLIES[case]
    core = make(10, 4, 100)
    core.set_colors((1, 2, 3), (4, 5, 6))
    core.feed(query)
    same = re.fullmatch(answer, core.take_replies()) is not None
    assert same is ((name, case) not in KNOWN)


@pytest.mark.parametrize(
    ("sgr", "style"),
    [
        ("1", Style(bold=True)),
        ("2", Style(dim=True)),
        ("3", Style(italic=True)),
        ("4", Style(underline=Underline.SINGLE)),
        ("4:2", Style(underline=Underline.DOUBLE)),
        ("4:3", Style(underline=Underline.CURLY)),
        ("4:4", Style(underline=Underline.DOTTED)),
        ("4:5", Style(underline=Underline.DASHED)),
        ("4;58:5:9", Style(underline=Underline.SINGLE, underline_color=9)),
        ("21", Style(underline=Underline.DOUBLE)),
        ("5", Style(blink=True)),
        ("7", Style(reverse=True)),
        ("8", Style(invisible=True)),
        ("9", Style(strike=True)),
        ("31", Style(fg=1)),
        ("97", Style(fg=15)),
        ("44", Style(bg=4)),
        ("103", Style(bg=11)),
        ("38;5;200", Style(fg=200)),
        ("48;5;20", Style(bg=20)),
        ("38;2;1;2;3", Style(fg=(1, 2, 3))),
        ("38:2::1:2:3", Style(fg=(1, 2, 3))),
        ("48;2;255;0;9", Style(bg=(255, 0, 9))),
        ("1;31;22", Style(fg=1)),
        ("31;39", Style()),
        ("1;3;4;7;0", Style()),
    ],
)
def test_style(make: Make, sgr: str, style: Style) -> None:
    core = make(10, 2, 0)
    core.feed(f"\x1b[{sgr}mx".encode())
    assert runs(core)[0].style == style


def test_erased_cells_keep_the_background(make: Make) -> None:
    core = make(6, 2, 0)
    core.feed(b"\x1b[48;5;20mab\x1b[K\x1b[0m\r\n\x1b[48;2;9;8;7m\x1b[K")
    assert {run.style.bg for run in runs(core)} == {20}
    assert "".join(run.text for run in core.row(0)) == "ab    "
    assert runs(core, 1) == [Run(" " * 6, Style(bg=(9, 8, 7)), 6)]


def test_widths_come_from_the_grid(make: Make) -> None:
    core = make(10, 2, 0)
    core.feed("a中文e\u0301b".encode())
    found = [(run.text, run.width) for run in runs(core)]
    assert ("中文", 4) in found
    assert sum(width for _, width in found) == 10
    combined = next(run for run in core.row(0) if "e\u0301" in run.text)
    assert combined.cluster
    assert combined.width == 1


def test_hyperlinks(make: Make) -> None:
    core = make(20, 2, 0)
    core.feed(b"\x1b]8;;http://one/\x1b\\on\x1b]8;;http://two/\x1b\\tw\x1b]8;;\x1b\\no")
    links = [(run.text.rstrip(), run.style.link) for run in runs(core)]
    assert links == [("on", "http://one/"), ("tw", "http://two/"), ("no", "")]


def test_runs_are_as_long_as_their_style(make: Make) -> None:
    core = make(12, 2, 0)
    core.feed(b"\x1b[42m\x1b[Kab\x1b[5Gc\r\n")
    assert runs(core) == [Run("ab  c       ", Style(bg=2), 12)]
    core.feed("\x1b[?2027h\x1b[0m\x1b]8;;http://x/\x1b\\🇩🇪xy\x1b]8;;\x1b\\".encode())
    found = [(run.text.rstrip(), run.cluster) for run in runs(core, 1) if run.style.link]
    assert found == [("🇩🇪", True), ("xy", False)]


def test_dirty_rows_only(make: Make) -> None:
    core = make(10, 5, 0)
    core.feed(b"one\r\ntwo\r\nthree")
    core.take_dirty()
    assert list(core.take_dirty()) == []
    core.feed(b"\x1b[2;1HTWO")
    assert 1 in (dirty := list(core.take_dirty()))
    assert not {0, 3, 4} & set(dirty)


def test_a_combining_mark_after_a_frame_is_a_change(make: Make) -> None:
    core = make(10, 5, 0)
    core.feed(b"\r\ne")
    core.take_dirty()
    core.feed("\u0301".encode())
    assert 1 in core.take_dirty()
    assert core.row(1)[0].text == "e\u0301"


def test_replies(make: Make) -> None:
    core = make(80, 24, 0)
    core.feed(b"\x1b[5n\x1b[3;4H\x1b[6n")
    assert core.take_replies() == b"\x1b[0n\x1b[3;4R"
    assert core.take_replies() == b""
    core.feed(b"\x1b[c")
    assert core.take_replies().startswith(b"\x1b[?")
    core.feed(b"\x1b[?2004$p")
    assert core.take_replies() == b"\x1b[?2004;2$y"


def test_colour_queries_answer_the_theme(make: Make) -> None:
    core = make(80, 24, 0)
    core.set_colors((0xD5, 0xDB, 0xEA), (0x0E, 0x11, 0x18))
    core.reset()
    core.feed(b"\x1b]11;?\x1b\\")
    assert b"rgb:0e0e/1111/1818" in core.take_replies()


def test_clipboard_reads_are_never_answered(make: Make) -> None:
    core = make(80, 24, 0)
    core.feed(b"\x1b]52;c;c2VjcmV0\x07\x1b]52;c;?\x07\x1b]52;p;?\x1b\\")
    assert core.take_replies() == b""


def test_titles_are_never_reported_back(make: Make) -> None:
    core = make(80, 24, 0)
    core.feed(b"\x1b]2;rm -rf /\x07\x1b[21t")
    assert b"rm -rf" not in core.take_replies()


@pytest.mark.parametrize("what", ["c", "", "p"])
def test_copies_are_handed_over_and_reads_are_not_answered(make: Make, what: str) -> None:
    core = make(80, 24, 0)
    core.feed(f"\x1b]52;{what};aGVsbG8g5Lit\x07".encode())
    assert core.take_copied() == "hello 中"
    assert core.take_copied() == ""
    core.feed(f"\x1b]52;{what};?\x07\x1b]52;{what};!!!\x1b\\".encode())
    assert core.take_copied() == ""
    assert core.take_replies() == b""
    core.feed(b"\x1b]52;c;" + b"QUFB" * (MAX_COPY_BYTES // 3 + 2) + b"\x07")
    assert core.take_copied() == "", "too long to judge"
    core.feed(b"\x1b]52;c;aGVsbG8=\x07")
    core.reset()
    assert core.take_copied() == ""


def test_kitty_keyboard_flags(make: Make) -> None:
    core = make(80, 24, 0)
    assert core.modes.kitty == 0
    core.feed(b"\x1b[>1u\x1b[>13u\x1b[?u")
    assert core.modes.kitty == 13
    assert core.take_replies() == b"\x1b[?13u"
    core.feed(b"\x1b[=2;2u")
    assert core.modes.kitty == 15
    core.feed(b"\x1b[=4;3u")
    assert core.modes.kitty == 11
    core.feed(b"\x1b[<u")
    assert core.modes.kitty == 1
    core.feed(b"\x1b[?1049h")
    assert core.modes.kitty == 0, "each screen has its own"
    core.feed(b"\x1b[?1049l")
    assert core.modes.kitty == 1
    core.feed(b"\x1b[<9u")
    assert core.modes.kitty == 0


def test_reverse_screen(make: Make) -> None:
    core = make(80, 24, 0)
    core.feed(b"\x1b[?5h")
    assert core.modes.reverse_screen
    core.feed(b"\x1b[?5l")
    assert not core.modes.reverse_screen


def test_colours_the_program_changed(make: Make) -> None:
    core = make(80, 24, 0)
    core.set_colors((200, 200, 200), (10, 10, 10))
    core.take_dirty()
    assert core.colors is UNCHANGED
    core.feed(b"\x1b]4;1;rgb:01/02/03\x07\x1b]11;#102030\x07\x1b]12;#ff0000\x07")
    core.take_dirty()
    assert core.colors == Colors(None, (0x10, 0x20, 0x30), (255, 0, 0), {1: (1, 2, 3)})
    seen = core.colors
    core.feed(b"x")
    core.take_dirty()
    assert core.colors is seen
    core.feed(b"\x1b]104\x07\x1b]111\x07\x1b]112\x07")
    core.take_dirty()
    assert core.colors is UNCHANGED


def test_find_and_text(make: Make) -> None:
    core = make(12, 4, 100)
    core.feed("Needle one\r\n\r\n日本 neeDLE\r\n".encode() + b"x\r\n" * 20 + b"last")
    matches = core.find("needle")
    assert matches == [((0, 0), (0, 5)), ((2, 5), (2, 10))]
    (row, column), (last_row, last_column) = matches[1]
    assert core.text((row, column), (last_row, last_column + 1)) == "neeDLE"
    assert core.text((0, 0), (3, 0)) == "Needle one\n\n日本 neeDLE"
    assert core.text((0, 7), (2, 4)) == "one\n\n日本"
    assert core.text((3, 0), (3, 0)) == ""
    length = core.scrollback.length
    assert core.find("last") == [((length + 3, 0), (length + 3, 3))]
    assert core.find("") == []
    assert core.find("nowhere") == []
    assert core.scrollback.offset == 0, "the view stays where it is"
    assert core.text((0, 0), (10_000, 0)).count("x") in (0, 20), "past the end: nothing, or up to it"


def test_a_copied_line_is_whole_though_it_was_wrapped() -> None:
    core = GhosttyCore(10, 4, 100)
    core.feed(b"a line that wraps\r\nnext")
    assert core.text((0, 0), (3, 0)) == "a line that wraps\nnext"
    assert core.find("that")[0].start == (0, 7)


def test_modes(make: Make) -> None:
    core = make(80, 24, 0)
    assert core.modes.mouse is MouseTracking.NONE
    assert core.modes.alternate_scroll
    core.feed(b"\x1b[?1h\x1b=\x1b[?2004h\x1b[?1004h\x1b[?1002h\x1b[?1006h\x1b[?1049h\x1b[?2026h")
    modes = core.modes
    assert modes.application_cursor
    assert modes.application_keypad
    assert modes.bracketed_paste
    assert modes.focus_events
    assert modes.alternate_screen
    assert modes.synchronized
    assert (modes.mouse, modes.mouse_encoding) == (MouseTracking.DRAG, MouseEncoding.SGR)
    core.feed(b"\x1b[?1l\x1b>\x1b[?2004l\x1b[?1002l\x1b[?1003h\x1b[?1049l\x1b[?2026l")
    modes = core.modes
    assert not modes.application_cursor
    assert not modes.application_keypad
    assert not modes.bracketed_paste
    assert not modes.alternate_screen
    assert not modes.synchronized
    assert modes.mouse is MouseTracking.MOTION


def test_cursor(make: Make) -> None:
    core = make(80, 24, 0)
    core.feed(b"\x1b[3;4H\x1b[6 q")
    core.take_dirty()
    assert core.cursor == (3, 2, True, CursorShape.BAR)
    core.feed(b"\x1b[4 q\x1b[?25l")
    core.take_dirty()
    assert (core.cursor.visible, core.cursor.shape) == (False, CursorShape.UNDERLINE)


def test_title_and_cwd_are_cleaned(make: Make) -> None:
    core = make(80, 24, 0)
    core.feed("\x1b]2;evil\u202e \u200btitle\x1b\\\x1b]7;file:///home/kira\x1b\\".encode())
    assert core.title == "evil title"
    assert core.cwd == "file:///home/kira"


def test_scrollback(make: Make) -> None:
    core = make(10, 4, 100)
    core.feed(b"\r\n".join(b"line %d" % number for number in range(50)))
    assert core.scrollback == (46, 0)
    core.scroll(-10)
    assert core.scrollback.offset == 10
    assert screen_text(core) == "line 36\nline 37\nline 38\nline 39"
    core.feed(b"\r\nnew")
    assert screen_text(core).splitlines()[0] == "line 36", "the view stays while output arrives"
    assert not core.cursor.visible
    core.scroll(-1000)
    assert screen_text(core).splitlines()[0] == "line 0"
    core.scroll_to_bottom()
    assert screen_text(core).splitlines()[-1] == "new"
    assert core.scrollback.offset == 0


def test_scrollback_is_bounded(make: Make) -> None:
    core = make(80, 10, 100)
    core.feed(b"x\r\n" * 12_000)
    # Kept are at least the lines asked for; how many more depends on the pages and cells they take.
    assert 100 <= core.scrollback.length <= 5_000


def test_reset_leaves_nothing(make: Make) -> None:
    core = make(10, 4, 100)
    core.feed(b"1\r\n2\r\n3\r\n4\r\n5\x1b[?1049h\x1b[?1002h\x1b[31m\x1b]2;t\x07\x1b[6n\x1b[")
    core.reset()
    core.feed(b"mx")
    assert screen_text(core) == "mx", "the half-read sequence is gone"
    assert core.scrollback.length == 0
    assert core.modes.mouse is MouseTracking.NONE
    assert core.title == ""
    assert core.take_replies() == b""
    assert runs(core)[0].style == Style()


def test_resize_keeps_text(make: Make) -> None:
    core = make(20, 4, 100)
    core.feed(b"hello world")
    core.resize(30, 6)
    assert (core.columns, core.rows) == (30, 6)
    assert screen_text(core) == "hello world"
    core.resize(20, 4)
    assert screen_text(core) == "hello world"


def test_a_program_cannot_change_the_width(make: Make) -> None:
    core = make(20, 4, 10)
    core.feed(b"\x1b[?40h\x1b[?3hwide\x1b[?3l\x1b[Hnarrow")
    assert core.columns == 20
    assert screen_text(core).splitlines()[0] == "narrow"
    assert all(sum(run.width for run in core.row(y)) == 20 for y in range(4))


def test_looking_back_survives_a_resize_and_another_width(make: Make) -> None:
    core = make(20, 4, 100)
    core.feed(b"\r\n".join(b"line %d" % number for number in range(50)))
    core.scroll(-10)
    core.resize(30, 4)
    assert core.scrollback.offset in {0, 10}  # the fallback goes live
    core.feed(b"\x1b[?40;3h")
    assert core.columns == 30
    core.feed(b"\x1b[?1049h")
    core.resize(25, 5)
    core.feed(b"\x1b[?1049l")
    core.scroll_to_bottom()
    assert core.scrollback.offset == 0


@pytest.mark.parametrize("columns", [0, 1, 2, 3, 500])
@pytest.mark.parametrize("rows", [0, 1, 2, 200])
def test_any_size(make: Make, columns: int, rows: int) -> None:
    core = make(columns, rows, 10)
    core.feed("a中b\r\n\x1b[5;5Hx\x1b[2J\x1b#8".encode())
    core.resize(rows, columns)
    core.feed("a中b\r\n\x1b[5;5Hx\x1b[2J\x1b#8".encode())
    assert (core.columns, core.rows) == clamp(rows, columns)
    core.take_dirty()
    assert all(sum(run.width for run in core.row(y)) == core.columns for y in range(core.rows))


def test_hostile_cells_are_safe(make: Make) -> None:
    core = make(40, 4, 10)
    core.feed("a\u202eb\u200fc\x7fd\u2066e\U000e0041f".encode() + b"\xc2\x9b31mg\xc2\x90h")
    for y, row in enumerate(screen_text(core).splitlines()):
        assert row.isprintable() or not row, (y, row)


def test_safe_is_one_for_one() -> None:
    text = "a\x00\x1b\x7f\x9b\u202e\u200bé中"
    assert len(safe(text)) == len(text)
    assert safe("plain é中") == "plain é中"


def test_the_native_core_is_chosen_where_it_loads() -> None:
    assert core_name() == "ghostty"
    assert isinstance(create_core(80, 24), GhosttyCore)


def test_the_fallback_is_chosen_where_it_does_not(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail() -> None:
        raise OSError("no wheel")

    monkeypatch.setattr("coder_tui.terminal.ghostty.load", fail)
    core_name.cache_clear()
    try:
        assert core_name() == "bittty"
        core = create_core(10, 2)
        core.feed(b"still works")
        assert screen_text(core) == "still work\ns"
    finally:
        core_name.cache_clear()
