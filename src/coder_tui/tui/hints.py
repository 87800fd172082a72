"""What the footer offers where the focus is: made from the action table."""

from __future__ import annotations

from coder_tui.tui import reasons
from coder_tui.tui.actions import ACTIONS, BY_ID, Action, scopes
from coder_tui.tui.widgets.footer import Hint

_AFTER_LEAVE = ("app.look-back", "app.new-terminal", "app.next-terminal")


def hints(scope: str, now: reasons.Situation) -> list[Hint]:
    """Hints for a scope of the action table, `terminal` or `input`, most useful first.

    Extending is offered when there is need; its key works before that too.
    """
    if scope == "terminal":
        leave = BY_ID["terminal.leave"]
        return [
            Hint(leave.key_text, leave.label, "screen.leave_terminal", keep=True),
            *(Hint(f"{leave.key_text} {BY_ID[name].key_text}", BY_ID[name].label) for name in _AFTER_LEAVE),
            Hint("", "every other key goes to the program"),
        ]
    if scope == "search":
        return [Hint("enter", "search", keep=True), Hint("esc", "cancel", keep=True)]
    if scope == "moment":
        return [Hint("enter", "go there", keep=True), Hint("esc", "not now", keep=True)]
    if scope == "input":
        return [Hint("enter", "keep the filter", keep=True), Hint("esc", "clear", keep=True)]
    near = scopes(scope)
    nearest: dict[str, Action] = {}  # a pane's own meaning of a key hides the common one
    for action in sorted((one for one in ACTIONS if one.scope in near), key=lambda one: near.index(one.scope)):
        nearest.setdefault(action.keys, action)
    due = now.row is not None and now.row.due
    wanted = [one for one in nearest.values() if one.footer and (due or one.id != "app.extend")]
    return [_hint_of(action, reasons.reason(action, now)) for action in wanted]


def _hint_of(action: Action, reason: str) -> Hint:
    run = f"screen.{action.name}" if action.scope == "app" else ""
    return Hint(action.key_text.split()[0], action.label, run, enabled=not reason, keep=action.id == "app.help")
