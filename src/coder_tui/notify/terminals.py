"""Notifications by the outer terminal: which form it understands, and the sequences.

OSC 9 (iTerm2), OSC 777 (rxvt, foot, Ghostty, WezTerm), OSC 99 (kitty's desktop notifications). Inside tmux the
sequence is wrapped for the terminal around it, which tmux lets through with `allow-passthrough on`.
"""

from __future__ import annotations

import base64
from collections.abc import Mapping
from dataclasses import dataclass

from coder_tui.text import one_line

ST = "\x1b\\"
_LIMIT = 300  # characters of each part
_PROGRAMS = {
    "iterm.app": "osc9",
    "kitty": "osc99",
    "ghostty": "osc777",
    "wezterm": "osc777",
    "warpterminal": "osc9",
    "foot": "osc777",
}
_TERMS = {"xterm-kitty": "kitty", "xterm-ghostty": "ghostty", "foot": "foot", "wezterm": "wezterm"}
# Variables a terminal leaves in what runs inside it, which also survive tmux.
_TRACES = {
    "KITTY_WINDOW_ID": "kitty",
    "GHOSTTY_RESOURCES_DIR": "ghostty",
    "WEZTERM_PANE": "wezterm",
    "ITERM_SESSION_ID": "iterm.app",
}


@dataclass(frozen=True, slots=True)
class Outer:
    """The terminal around us: its name ("" when unknown), the form it is told in ("none": in none), and what is in
    between (`tmux`, `screen` or "")."""

    name: str
    form: str
    inside: str = ""


def outer(environ: Mapping[str, str], setting: str = "auto") -> Outer:
    """Find out by the environment; a `setting` other than `auto` says the form."""
    inside = "tmux" if environ.get("TMUX") else "screen" if environ.get("STY") else ""
    name = _name(environ)
    form = _PROGRAMS.get(name, "none") if setting == "auto" else setting
    return Outer(name, "none" if inside == "screen" else form, inside)


def _name(environ: Mapping[str, str]) -> str:
    program = environ.get("TERM_PROGRAM", "").lower()
    if program in _PROGRAMS:
        return program
    term = environ.get("TERM", "")
    for prefix, name in _TERMS.items():
        if term == prefix or term.startswith(prefix + "-"):
            return name
    if environ.get("LC_TERMINAL") == "iTerm2":
        return "iterm.app"
    found = next((name for variable, name in _TRACES.items() if environ.get(variable)), "")
    # another terminal was started from one that left a trace
    return found if not program or program == "tmux" else ""


def notification(outer: Outer, title: str, body: str, number: int) -> str:
    """What to write to the terminal; "" when it understands none. `number` tells calls apart."""
    title, body = one_line(title)[:_LIMIT], one_line(body)[:_LIMIT]
    match outer.form:
        case "osc9":
            # never one of ConEmu's commands, which are a number and a semicolon
            text = f"\x1b]9;coder-tui: {title}{': ' if body else ''}{body}{ST}"
        case "osc777":
            text = f"\x1b]777;notify;{title.replace(';', ',')};{body}{ST}"
        case "osc99":
            text = f"\x1b]99;i=coder-tui-{number}:d=0:p=title:e=1;{_base64(title)}{ST}"
            text += f"\x1b]99;i=coder-tui-{number}:d=1:p=body:e=1:a=focus;{_base64(body)}{ST}"
        case _:
            return ""
    return through_tmux(text) if outer.inside == "tmux" else text


def through_tmux(text: str) -> str:
    """For the terminal around tmux (tmux(1), allow-passthrough)."""
    return "\x1bPtmux;" + text.replace("\x1b", "\x1b\x1b") + ST


def _base64(text: str) -> str:
    return base64.b64encode(text.encode()).decode()
