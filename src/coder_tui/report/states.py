"""What may be reported, apart from the wire types: no import at all, for the command line's hot path."""

STATES = ("working", "idle", "complete", "failure")
"""States every newer deployment knows (`idle` since v2.24). The same as `wire.statuses.AppState`."""

NEEDS = ("permission", "question", "auth", "attention")
"""What a person may be needed for; `attention` is anything else."""

MESSAGE_LIMIT = 160
"""Bytes of UTF-8 in a message: more is refused by deployments since v2.22."""


def cut(text: str, limit: int = MESSAGE_LIMIT) -> str:
    """The longest beginning of `text` that fits into `limit` bytes of UTF-8, ending at a character border."""
    return text.encode("utf-8", "replace")[:limit].decode("utf-8", "ignore")


LEVELS = ("trace", "debug", "info", "warn", "error")
"""Levels of a log line. The same as `wire.logs.LogLevel`."""

LINE_LIMIT = 1024
"""Characters of a log line: deployments cut what is longer."""

HOOK_ICON = "/emojis/1fa9d.png"
"""Icon of a status that an agent's hook reported: the wire has no other place for who says so."""
AGENTAPI_ICON = "/emojis/1f4ac.png"
"""Icon of a status that AgentAPI told."""
TERMINAL_ICON = "/icon/terminal.svg"
"""Icon of a status read off a program's terminal (OSC 7501, OSC 9;4)."""
NOTICE_ICON = "/emojis/1f514.png"
"""Icon of a status made of a bell or a notification."""
EXIT_ICON = "/emojis/1f3c1.png"
"""Icon of a status made of a program's exit code."""
