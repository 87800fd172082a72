"""What may be reported, apart from the wire types: no import at all, for the command line's hot path."""

STATES = ("working", "idle", "complete", "failure")
"""States every newer deployment knows (`idle` since v2.24). The same as `wire.statuses.AppState`."""

MESSAGE_LIMIT = 160
"""Bytes of UTF-8 in a message: more is refused by deployments since v2.22."""

LEVELS = ("trace", "debug", "info", "warn", "error")
"""Levels of a log line. The same as `wire.logs.LogLevel`."""

LINE_LIMIT = 1024
"""Characters of a log line: deployments cut what is longer."""
