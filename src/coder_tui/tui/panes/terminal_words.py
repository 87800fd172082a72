"""What the Terminal pane says in its border and over its screen."""

from __future__ import annotations

from typing import NamedTuple

from rich.cells import cell_len, set_cell_size
from textual.content import Content

from coder_tui.text import one_line
from coder_tui.tui import actions
from coder_tui.tui.panes.terminal_session import Session, State
from coder_tui.tui.panes.terminal_tabs import Tabs

_PREVIEW = 40  # columns of a text to be copied
_LEAST = 20  # columns a name is given, however narrow the pane is


class Where(NamedTuple):
    """Where one looks: the target of the hyperlink there, whether back, what was found, how many lines back."""

    link: str = ""
    looking_back: bool = False
    found: str = ""
    lines_back: int = 0


def fingerprint(session: Session | None) -> tuple[object, ...]:
    """What of a session is said: equal ones read the same."""
    if session is None:
        return ()
    core, state = session.core, (session.state, session.why, session.seconds_left())
    return (session.target, session.title, state, session.copied, session.recorder, core.columns, core.rows)


def title(session: Session | None, tabs: Tabs, width: int, *, leaving: bool) -> Content:
    """The tabs, where there are several, what the program calls itself, and how to get out: that never is cut."""
    if session is None:
        return Content("Terminal")
    leave = actions.BY_ID["terminal.leave"].key_text
    out = f" ({leave} {'again sends it' if leaving else 'leaves'})"
    place, labels = tabs.place(session.target), tabs.labels()
    room = max(_LEAST, width - 8) - len("Terminal: ") - len(out)
    if len(labels) < 2 or place is None:
        parts = [session.target.title, session.title]
        name = " · ".join(part for part in dict.fromkeys(parts) if part)
        return Content(f"Terminal: {_cut(name, room)}{out}")
    if sum(cell_len(label) + 2 for label in labels) > room:
        labels, place = [f"{labels[place]} of {len(labels)}"], 0
    room -= sum(cell_len(label) + 2 for label in labels)
    shown = [Content.styled(f" {one} ", "reverse" if index == place else "") for index, one in enumerate(labels)]
    rest = f" · {_cut(session.title or session.target.title, room - 3)}" if room > 8 else ""
    return Content("Terminal: ").append(Content("").join(shown)).append(rest).append(out)


def subtitle(session: Session | None, where: Where, width: int) -> str:
    """Where a link leads, where one looks, and the size."""
    if session is None:
        return ""
    facts = []
    if where.link:
        facts.append(_cut(one_line(where.link), max(_LEAST, width - 30)))
    if where.looking_back:
        facts.append("looking back")
    if where.found:
        facts.append(where.found)
    if session.recorder:
        facts.append("recording")
    if where.lines_back:
        facts.append(f"{where.lines_back} lines back")
    return " · ".join([*facts, f"{session.core.columns}x{session.core.rows}"])


def notice(session: Session | None) -> str:
    """What one should know before typing on: empty while all is well."""
    if session is None:
        key = actions.BY_ID["app.terminal"].key_text
        return f"No terminal is attached. Press {key} on an agent to attach one."
    why = f": {session.why.rstrip('.')}" if session.why else ""
    if session.state is State.CONNECTING:
        return f"Connecting to {session.target.title} ..."
    if session.state is State.LOST:
        left = session.seconds_left()
        when = f"Trying again in {left} s" if left else "Trying again now"
        return f"Connection lost{why}. {when}; enter tries at once."
    if session.state is State.ENDED:
        if session.crashed:
            return f"The terminal emulator broke{why}. Enter starts a fresh one."
        if session.failed:
            return f"Cannot attach{why}. Enter tries again."
        return f"The session ended{why}. Enter starts a new shell."
    if session.copied:
        what = f"{len(session.copied)} characters: {_cut(one_line(session.copied), _PREVIEW)}"
        return f"The program wants to copy {what}. y lets this terminal copy, n never."
    return ""


def _cut(text: str, width: int) -> str:
    return text if cell_len(text) <= width else set_cell_size(text, max(1, width) - 1) + "…"
