"""The one action table: bindings, footer, help, palette, docs and read-only all come from here.

`scope` is where the key works: `app` everywhere outside a terminal, or the name of one pane or kind of pane.
`dangerous` actions change something on a deployment: read-only mode disables them visibly.
"""

from __future__ import annotations

from dataclasses import dataclass

from textual.binding import Binding


@dataclass(frozen=True, slots=True)
class Action:
    """One thing a person can do. `keys` in Textual's spelling, comma separated; `name` is Textual's action."""

    id: str
    keys: str
    label: str
    help: str
    scope: str = "app"
    footer: bool = False
    dangerous: bool = False
    shown_key: str = ""  # how people write the key, where Textual's spelling is ugly

    @property
    def name(self) -> str:
        """Textual's action name: the id after the scope, dashes as underscores."""
        return self.id.rsplit(".", 1)[-1].replace("-", "_")

    @property
    def key_text(self) -> str:
        """The key as shown to people."""
        return self.shown_key or self.keys.replace(",", " ")


ACTIONS: tuple[Action, ...] = (
    Action("app.next-needing", "space", "next", "Go to the next agent that needs you", footer=True),
    Action("app.acknowledge", "a", "ack", "Acknowledge this alert: a new event alerts anew", footer=True),
    Action("app.acknowledge-all", "A", "ack all", "Acknowledge every alert that is shown"),
    Action("app.snooze", "z", "snooze", "Snooze this alert: 15m, 1h, 4h, tomorrow, or until the next event"),
    Action("app.mute", "M", "mute", "Mute this app: none of its alerts calls you, until M again"),
    Action("app.undo", "u", "undo", "Take the last acknowledgement, snooze or mute back"),
    Action("app.terminal", "t", "terminal", "Attach a terminal to this agent", footer=True),
    Action("app.shell", "s", "shell", "Open a shell in this workspace"),
    Action("app.new-terminal", "S", "new shell", "Open one more shell on this agent, as a tab of the terminal"),
    Action("app.next-terminal", "greater_than_sign", "next tab", "Next terminal of the agent on show", shown_key=">"),
    Action(
        "app.previous-terminal",
        "less_than_sign",
        "previous tab",
        "Previous terminal of the agent on show",
        shown_key="<",
    ),
    Action("app.close-terminal", "X", "close tab", "Close the terminal on show; its program ends minutes later"),
    Action(
        "app.look-back",
        "left_square_bracket",
        "look back",
        "Look back in the terminal: scroll, search, select, copy",
        shown_key="[",
    ),
    Action("terminal.record", "V", "record", "Record the terminal on show to a file (asciicast v2), or stop that"),
    Action(
        "app.reply",
        "r",
        "reply",
        "Reply to this agent: a text, or a yes or no to a permission",
        footer=True,
        dangerous=True,
    ),
    Action(
        "app.new-agent", "n", "new agent", "Start an agent on this machine; it outlives the cockpit", dangerous=True
    ),
    Action("app.logs", "l", "logs", "Follow this agent's logs", footer=True),
    Action("app.open-link", "o", "open link", "Open the link of the newest status in the browser", footer=True),
    Action("app.explain", "e", "explain", "Why is it in this state? The evidence, its source and age"),
    Action("app.digest", "d", "digest", "What finished, failed, asked and was missed since the last look"),
    Action("app.replay", "R", "replay", "Travel in time: the fleet as it was, step by step"),
    Action("app.workspace", "w", "workspace", "Start, stop or restart this workspace", dangerous=True),
    Action("app.extend", "x", "extend", "Extend this workspace: it stops an hour later", footer=True, dangerous=True),
    Action("app.copy", "y", "copy", "Copy the message, or the name where there is none"),
    Action(
        "app.filter",
        "slash",
        "filter",
        "Filter the list: words, state:asks, age>10m, /re/",
        footer=True,
        shown_key="/",
    ),
    Action("app.palette", "colon,ctrl+p", "command", "Command palette", footer=True, shown_key=":"),
    Action(
        "app.zoom",
        "plus",
        "zoom",
        "Zoom the focused pane to the whole window, again to restore",
        shown_key="+",
    ),
    Action("app.narrower", "left_curly_bracket", "narrower", "Make the lists narrower", shown_key="{"),
    Action("app.wider", "right_curly_bracket", "wider", "Make the lists wider", shown_key="}"),
    Action("app.help", "question_mark", "help", "Keys and what they do", footer=True, shown_key="?"),
    Action("app.refresh", "ctrl+r", "refresh", "Read everything again now"),
    Action("app.back", "escape", "back", "Back: clear the filter, unzoom, return to the list", shown_key="esc"),
    Action("app.next-pane", "tab", "next pane", "Focus the next pane"),
    Action("app.previous-pane", "shift+tab", "previous pane", "Focus the previous pane"),
    Action("app.pane-1", "1", "agents", "Focus Needs you or Agents"),
    Action("app.pane-2", "2", "timeline", "Focus Timeline"),
    Action("app.pane-3", "3", "logs", "Focus Logs"),
    Action("app.pane-4", "4", "terminal", "Focus Terminal"),
    Action("app.pane-5", "5", "details", "Focus Details: everything known about this agent"),
    Action("app.pane-6", "6", "ports", "Focus Ports: who listens in this workspace"),
    Action("app.pane-7", "7", "containers", "Focus Containers"),
    Action("app.pane-8", "8", "network", "Focus Network: DERP regions and latencies"),
    Action("app.theme", "T", "theme", "Next theme"),
    Action("app.quit", "q", "quit", "Quit; terminals and agents live on"),
    Action("list.down", "j,down", "down", "Move down", scope="list", shown_key="j"),
    Action("list.up", "k,up", "up", "Move up", scope="list", shown_key="k"),
    Action("list.top", "g,home", "top", "First row", scope="list", shown_key="g"),
    Action("list.bottom", "G,end", "bottom", "Last row", scope="list", shown_key="G"),
    Action("list.page-down", "ctrl+d,pagedown", "page down", "Half a page down", scope="list", shown_key="ctrl+d"),
    Action("list.page-up", "ctrl+u,pageup", "page up", "Half a page up", scope="list", shown_key="ctrl+u"),
    Action("list.open", "enter", "open", "Open: go to its timeline or terminal, show a hidden value", scope="list"),
    Action("fleet.mark", "m", "mark", "Mark this row: a z M then act on all that are marked", scope="fleet"),
    Action("fleet.mark-all", "asterisk", "mark all", "Mark every row, or none", scope="fleet", shown_key="*"),
    Action("fleet.group", "b", "group", "Group by workspace, state, deployment, or not", scope="fleet"),
    Action("fleet.sort", "B", "sort", "Sort by name, urgency, newest or oldest change", scope="fleet"),
    Action("fleet.columns", "C", "columns", "Choose the columns of the Agents pane", scope="fleet"),
    Action("timeline.whose", "m", "whose", "Whose: of this app, or of all apps of its agent", scope="timeline"),
    Action("timeline.log", "l", "log then", "The log lines of this moment", scope="timeline", footer=True),
    Action("page.copy", "y", "copy", "Copy the value, address or name under the cursor", scope="page", footer=True),
    Action("network.measure", "m", "measure", "Measure the latencies now", scope="network", footer=True),
    Action(
        "containers.terminal", "t", "enter it", "Attach a terminal in this container", scope="containers", footer=True
    ),
    Action("logs.down", "j,down", "down", "Scroll down", scope="logs", shown_key="j"),
    Action("logs.up", "k,up", "up", "Scroll up", scope="logs", shown_key="k"),
    Action("logs.top", "g,home", "top", "First line", scope="logs", shown_key="g"),
    Action("logs.bottom", "G,end", "follow", "Last line, and follow", scope="logs", footer=True, shown_key="G"),
    Action("logs.page-down", "ctrl+d,pagedown", "page down", "Half a page down", scope="logs", shown_key="ctrl+d"),
    Action("logs.page-up", "ctrl+u,pageup", "page up", "Half a page up", scope="logs", shown_key="ctrl+u"),
    Action(
        "logs.filter",
        "slash",
        "filter",
        "Filter these logs: words, /re/, !not, level>=warn, source:name",
        scope="logs",
        footer=True,
        shown_key="/",
    ),
    Action("logs.find", "f", "find", "Find in these logs, with marks in the scroll bar", scope="logs"),
    Action("logs.next", "n", "next hit", "Next hit", scope="logs"),
    Action("logs.previous", "N", "previous hit", "Previous hit", scope="logs"),
    Action("logs.line", "enter", "line", "This line in full: JSON and logfmt taken apart", scope="logs"),
    Action("logs.next-line", "J", "next line", "Mark the next line: enter and y act on it", scope="logs"),
    Action("logs.previous-line", "K", "previous line", "Mark the previous line", scope="logs"),
    Action("logs.copy", "y", "copy", "Copy this line", scope="logs"),
    Action("logs.goto", "at", "go to time", "Go to a time: 14:02, or 10m ago", scope="logs", shown_key="@"),
    Action("logs.status", "b", "status then", "What the app said at the time of this line", scope="logs"),
    Action("logs.times", "i", "times", "Times: of day, since the first line, none", scope="logs"),
    Action(
        "logs.scope",
        "m",
        "whose",
        "Whose: this agent's, its workspace's, every agent's, the build's",
        scope="logs",
    ),
    Action("logs.save", "S", "save", "Save what passes the filter to a file", scope="logs"),
    Action("logs.pager", "v", "pager", "View what passes the filter in $PAGER", scope="logs"),
    Action("logs.wrap", "W", "wrap", "Wrap long lines, or cut them", scope="logs"),
    Action("logs.left", "left", "left", "Scroll sideways", scope="logs"),
    Action("logs.right", "right", "right", "Scroll sideways", scope="logs"),
    Action(
        "terminal.leave",
        "ctrl+right_square_bracket",
        "leave",
        "Leave the terminal (twice: send it); then [ looks back, S > < X are its tabs",
        scope="terminal",
        shown_key="ctrl+]",
    ),
    Action("copy.up", "k,up", "up", "Move up", scope="copy", shown_key="k"),
    Action("copy.down", "j,down", "down", "Move down", scope="copy", shown_key="j"),
    Action("copy.left", "h,left", "left", "Move left", scope="copy", shown_key="h"),
    Action("copy.right", "l,right", "right", "Move right", scope="copy", shown_key="l"),
    Action("copy.page-up", "ctrl+u,pageup", "page up", "Half a page up", scope="copy", shown_key="ctrl+u"),
    Action("copy.page-down", "ctrl+d,pagedown", "page down", "Half a page down", scope="copy", shown_key="ctrl+d"),
    Action("copy.top", "g,home", "oldest", "The oldest line", scope="copy", shown_key="g"),
    Action("copy.bottom", "G,end", "newest", "The newest line", scope="copy", shown_key="G"),
    Action("copy.line-start", "0", "line start", "First column", scope="copy"),
    Action("copy.line-end", "dollar_sign", "line end", "Last character of the line", scope="copy", shown_key="$"),
    Action("copy.search", "slash", "search", "Search the history, upwards", scope="copy", footer=True, shown_key="/"),
    Action("copy.next-found", "n", "next", "Next place found, upwards", scope="copy", footer=True),
    Action("copy.previous-found", "N", "previous", "Place found before, downwards", scope="copy"),
    Action("copy.mark", "v,space", "select", "Select from here, or no more", scope="copy", footer=True, shown_key="v"),
    Action(
        "copy.copy", "y,enter", "copy", "Copy what is selected, or the line", scope="copy", footer=True, shown_key="y"
    ),
    Action("copy.open-link", "o", "open link", "Open the hyperlink here (OSC 8)", scope="copy"),
    Action("copy.done", "q,escape", "done", "Back to the program", scope="copy", footer=True, shown_key="q"),
    Action(
        "replay.event-back",
        "left_square_bracket,left",
        "event",
        "To the event before",
        scope="replay",
        footer=True,
        shown_key="[",
    ),
    Action(
        "replay.event-on",
        "right_square_bracket,right",
        "event",
        "To the next event",
        scope="replay",
        footer=True,
        shown_key="]",
    ),
    Action("replay.minute-back", "comma", "-1m", "A minute back", scope="replay", footer=True, shown_key=","),
    Action("replay.minute-on", "full_stop", "+1m", "A minute on", scope="replay", footer=True, shown_key="."),
    Action("replay.ten-back", "less_than_sign", "-10m", "Ten minutes back", scope="replay", footer=True, shown_key="<"),
    Action("replay.ten-on", "greater_than_sign", "+10m", "Ten minutes on", scope="replay", footer=True, shown_key=">"),
    Action("replay.at", "at", "time", "Go to a time: 14:02, or 10m ago", scope="replay", footer=True, shown_key="@"),
    Action("player.pause", "space", "pause", "Pause, or go on", scope="player"),
    Action("player.backward", "left", "back", "Five seconds back", scope="player", shown_key="←"),
    Action("player.forward", "right", "on", "Five seconds on", scope="player", shown_key="→"),
    Action("player.start", "home", "start", "To the beginning", scope="player"),
    Action("player.quit", "q,ctrl+c", "quit", "Leave the recording", scope="player", shown_key="q"),
)

BY_ID = {action.id: action for action in ACTIONS}

_WIDER = {
    "replay": "app",
    "fleet": "list",
    "timeline": "list",
    "containers": "page",
    "network": "page",
    "page": "list",
    "list": "app",
    "logs": "app",
}


def scopes(nearest: str) -> list[str]:
    """Whose keys work where `nearest` has the focus, that first."""
    found = [nearest]
    while (wider := _WIDER.get(found[-1])) is not None:
        found.append(wider)
    return found


def bindings(scope: str) -> list[Binding]:
    """Textual bindings of one scope, rebindable by action id (`App.set_keymap`)."""
    return [
        Binding(
            action.keys,
            action.name,
            action.label,
            show=action.footer,
            id=action.id,
            key_display=action.key_text,
        )
        for action in ACTIONS
        if action.scope == scope
    ]


def key_table() -> str:
    """The README's table of keys, in Markdown: two actions a line, in the order of the table."""
    cells = [f"`{action.key_text}` | {action.help}" for action in ACTIONS if action.scope in {"app", "terminal"}]
    cells += [""] * (len(cells) % 2)
    half = len(cells) // 2
    lines = ["| key | action | key | action |", "|---|---|---|---|"]
    lines += [f"| {left} | {right or ' | '} |" for left, right in zip(cells[:half], cells[half:], strict=True)]
    return "\n".join(lines) + "\n"
