from __future__ import annotations

import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from coder_tui.notify.terminals import Outer, notification, outer
from coder_tui.report.osc import Scanner
from coder_tui.report.signals import Notice


@pytest.mark.parametrize(
    ("environ", "name", "form", "inside"),
    [
        ({"TERM": "xterm-256color", "TERM_PROGRAM": "iTerm.app"}, "iterm.app", "osc9", ""),
        ({"TERM": "xterm-kitty"}, "kitty", "osc99", ""),
        ({"TERM": "xterm-ghostty", "TERM_PROGRAM": "ghostty"}, "ghostty", "osc777", ""),
        ({"TERM": "xterm-256color", "TERM_PROGRAM": "WezTerm"}, "wezterm", "osc777", ""),
        ({"TERM": "foot-extra"}, "foot", "osc777", ""),
        ({"TERM": "footer"}, "", "none", ""),
        ({"TERM": "xterm-256color", "LC_TERMINAL": "iTerm2", "SSH_CONNECTION": "x"}, "iterm.app", "osc9", ""),
        ({"TERM": "xterm-256color"}, "", "none", ""),
        ({"TERM": "xterm-256color", "TERM_PROGRAM": "Apple_Terminal"}, "", "none", ""),
        ({"TERM": "tmux-256color", "TERM_PROGRAM": "tmux", "TMUX": "/t,1,0"}, "", "none", "tmux"),
        ({"TERM": "tmux", "TERM_PROGRAM": "tmux", "TMUX": "/t", "KITTY_WINDOW_ID": "1"}, "kitty", "osc99", "tmux"),
        ({"TERM": "xterm", "TERM_PROGRAM": "vscode", "KITTY_WINDOW_ID": "1"}, "", "none", ""),
        ({"TERM": "screen", "STY": "1.x", "WEZTERM_PANE": "1"}, "wezterm", "none", "screen"),
        ({}, "", "none", ""),
    ],
)
def test_the_terminal_is_known_by_its_environment(environ: dict[str, str], name: str, form: str, inside: str) -> None:
    assert outer(environ) == Outer(name, form, inside)


def test_a_setting_says_the_form() -> None:
    assert outer({"TERM": "xterm"}, "osc777").form == "osc777"
    assert outer({"TERM": "xterm-kitty"}, "none").form == "none"


@settings(max_examples=60, deadline=None)
@given(st.text(), st.text(), st.sampled_from(["osc9", "osc99", "osc777"]), st.sampled_from(["", "tmux"]))
def test_text_of_strangers_never_ends_the_sequence(title: str, body: str, form: str, inside: str) -> None:
    """A program that reads the sequences finds one notification and nothing else, whatever the text is."""
    written = notification(Outer("x", form, inside), "A " + title, body, 7)
    signals = Scanner().feed(written.encode())
    assert len(signals) == 1, signals
    assert isinstance(signals[0], Notice)
    inner = written.removeprefix("\x1bPtmux;").removesuffix("\x1b\\") if inside else written
    assert not re.search(r"[\x00-\x06\x08-\x1a\x1c-\x1f\x7f-\x9f]", inner)


def test_the_forms() -> None:
    assert notification(Outer("", "osc9"), "4;3", "", 1) == "\x1b]9;coder-tui: 4;3\x1b\\"
    assert notification(Outer("", "osc9"), "a", "b", 1) == "\x1b]9;coder-tui: a: b\x1b\\"
    assert notification(Outer("", "osc777"), "a;b", "c;d", 1) == "\x1b]777;notify;a,b;c;d\x1b\\"
    assert notification(Outer("", "osc99"), "a", "b", 3) == (
        "\x1b]99;i=coder-tui-3:d=0:p=title:e=1;YQ==\x1b\\\x1b]99;i=coder-tui-3:d=1:p=body:e=1:a=focus;Yg==\x1b\\"
    )
    wrapped = notification(Outer("", "osc9", "tmux"), "a", "", 1)
    assert wrapped == "\x1bPtmux;\x1b\x1b]9;coder-tui: a\x1b\x1b\\\x1b\\"
    assert notification(Outer("", "none"), "a", "b", 1) == ""
