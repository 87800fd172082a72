"""Why an action does nothing right now: a disabled key is shown with its reason, not hidden."""

from __future__ import annotations

from dataclasses import dataclass
from urllib.parse import urlsplit

from coder_tui.fleet.attention import GONE
from coder_tui.fleet.snapshot import CHATS, Row
from coder_tui.tui.actions import Action

# What we ever hand to the system's opener, and only when a person asks (design: keys, `o`).
LINK_SCHEMES = frozenset({"http", "https", "vscode", "cursor"})


@dataclass(frozen=True, slots=True)
class Situation:
    """What decides whether an action can do something."""

    row: Row | None = None
    alerts: int = 0  # open alerts that are shown
    needing: bool = False  # somebody needs a person, shown or not
    read_only: bool = False
    tiny: bool = False
    marked: int = 0  # rows that are marked
    marked_open: int = 0  # of them, those with an open alert
    past: bool = False  # a replay is on show
    history: bool = False  # what is seen is kept, and can be looked at
    hub: bool = True  # a hub of this machine is on show
    terminals: int = 0  # tabs of the terminal on show; 0: none is attached


_PRESENT = frozenset({
    "acknowledge", "acknowledge_all", "snooze", "mute", "undo", "terminal", "shell", "new_terminal", "reply"
})  # fmt: skip
"""What cannot be done to the past, beside what is dangerous."""


def link_problem(uri: str) -> str:
    """Why `uri` is not opened; empty when it may be."""
    if not uri:
        return "The newest status has no link"
    try:
        parts = urlsplit(uri)
    except ValueError:
        return "The newest status has a link that is no URL"
    if parts.scheme.lower() not in LINK_SCHEMES:
        return f"A {parts.scheme or 'bare'} link is never opened: only http, https, vscode and cursor links are"
    if not parts.netloc:
        return "The link names no host"
    return ""


def reason(action: Action, now: Situation) -> str:
    """Why `action` can do nothing now, as one sentence without a full stop; empty when it can."""
    row = now.row
    if now.tiny and action.id != "app.quit":
        return "The window is too small"
    if action.dangerous and now.read_only:
        return "Read-only: start without --read-only to change workspaces"
    if now.past and (action.dangerous or action.name in _PRESENT):
        return "This is the past: esc returns to now"
    match action.name:
        case "digest" | "replay":
            return "" if now.history else "No history is kept here"
        case "acknowledge" | "snooze" if now.marked:
            return "" if now.marked_open else "No marked row has an open alert"
        case "next_needing":
            return "" if now.needing else "Nobody needs you"
        case "acknowledge_all":
            return "" if now.alerts else "No alert is shown"
        case "mute":
            return "" if row is not None or now.marked else "No agent is selected"
        case "acknowledge" | "snooze":
            if row is None or row.alert is None or not row.alert.open:
                return "This row has no open alert"
        case "look_back" | "close_terminal" | "record":
            return "" if now.terminals else "No terminal is attached"
        case "next_terminal" | "previous_terminal":
            return "" if now.terminals > 1 else "There is no other terminal of this agent"
        case "terminal" | "shell" | "new_terminal" | "logs":
            if row is None:
                return "No agent is selected"
            if row.workspace.id == CHATS:
                return "A chat has no terminal and no log: o opens it in the browser"
            if row.agent is None:
                return f"The workspace is {row.workspace.build_status or 'not running'}: w starts it"
            if action.name != "logs" and row.agent.status in GONE:
                return f"The agent is {row.agent.status}"
        case "reply":
            if row is None:
                return "No agent is selected"
            if row.workspace.id == CHATS:
                return ""
            if row.agent is None:
                return f"The workspace is {row.workspace.build_status or 'not running'}: w starts it"
            if row.agent.status in GONE:
                return f"The agent is {row.agent.status}"
            return "" if row.app is not None else "This agent has no app to answer: s opens a shell"
        case "new_agent":
            return "" if now.hub else "The hub of this machine is not on show: start with --deployment local"
        case "extend":
            if row is None:
                return "No agent is selected"
            if row.agent is None or row.workspace.build_status != "running":
                return f"The workspace is {row.workspace.build_status or 'not running'}"
            return "" if row.workspace.deadline else "It has no deadline: it runs until somebody stops it"
        case "open_link":
            if row is None:
                return "No agent is selected"
            return link_problem(row.status.uri if row.status else "")
        case "workspace" if row is not None and row.workspace.id == CHATS:
            return "A chat has no workspace of its own"
        case "explain" | "copy" | "workspace":
            return "" if row is not None else "No agent is selected"
    return ""
