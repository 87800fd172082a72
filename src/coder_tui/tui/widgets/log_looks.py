"""What the lines of a log look like: names of component classes of `LogLines`, and their rules."""

from __future__ import annotations

SOURCES = 6
"""Colours for sources: component classes `logs--source-0` and so on."""
CLASSES = {
    "logs--time",
    "logs--trace",
    "logs--debug",
    "logs--info",
    "logs--warn",
    "logs--error",
    "logs--note",
    "logs--mark",
    "logs--hit",
    "logs--current",
    "logs--bar",
    *(f"logs--source-{index}" for index in range(SOURCES)),
}
RULES = """
LogLines {
    height: 1fr;
    & > .logs--time, & > .logs--trace, & > .logs--debug, & > .logs--info, & > .logs--mark {
        color: $text-muted;
    }
    & > .logs--warn { color: $warning; }
    & > .logs--error { color: $error; text-style: bold; }
    & > .logs--note { color: $text-muted; text-style: italic; }
    & > .logs--hit { background: $warning 40%; }
    & > .logs--current { background: $primary 35%; }
    & > .logs--bar { color: $text-muted; }
    & > .logs--source-0 { color: $primary; }
    & > .logs--source-1 { color: $success; }
    & > .logs--source-2 { color: $accent; }
    & > .logs--source-3 { color: $secondary; }
    & > .logs--source-4 { color: $warning; }
    & > .logs--source-5 { color: $text-muted; }
}
"""
