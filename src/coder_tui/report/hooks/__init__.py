"""What the hooks of agents say, one file for each agent. Standard library only: a hook must cost its agent nothing."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from importlib import import_module
from typing import Any, NamedTuple

AGENTS = ("claude", "codex", "gemini", "opencode", "aider")
ANSWER = "answer"
"""Second word of the hook that waits for a person's decision."""
INPUT_LIMIT = 4 << 20
"""Bytes of an event that are read; a longer one is no event of ours."""

Event = Mapping[str, Any]


class Said(NamedTuple):
    """What an event comes to. `asks`: a person must act; then `state` is idle."""

    state: str
    message: str = ""
    asks: bool = False


def read(agent: str, data: bytes, argv: Sequence[str]) -> Said | None:
    """What an event of `agent` says; None for what says nothing. Never raises.

    `data` is stdin, `argv` what follows the agent's name on our command line.
    """
    if agent not in AGENTS:
        return None
    try:
        event = parse(data if data.strip() else (argv[-1].encode("utf-8", "replace") if argv else b""))
        meaning: Callable[[Event], Said | None] = import_module(f"coder_tui.report.hooks.{agent}").meaning
        return meaning(event)
    except Exception:  # an event of a newer agent is no reason to disturb it
        return None


def parse(data: bytes) -> dict[str, Any]:
    """A JSON object; empty for anything else."""
    if not data.strip() or len(data) > INPUT_LIMIT:
        return {}
    try:
        value = json.loads(data)
    except (ValueError, RecursionError):
        return {}
    return value if isinstance(value, dict) else {}


def text(event: Event, *names: str) -> str:
    """The first of these members that is a text with something in it."""
    for name in names:
        value = event.get(name)
        if isinstance(value, str) and value.strip():
            return value[:2000]
    return ""


def tool(event: Event) -> str:
    """`Tool: what it is about` of an event that names a tool."""
    name, given = text(event, "tool_name"), event.get("tool_input")
    about = ""
    if isinstance(given, dict):
        about = text(given, "description", "command", "file_path", "path", "pattern", "url", "query", "prompt")
    return f"{name}: {about}" if about else name


def subject(event: Event) -> str:
    """What would be done: the tool and what it is given, not the model's own description, which proves nothing."""
    name, given = text(event, "tool_name"), event.get("tool_input")
    if not isinstance(given, dict) or not given:
        return name
    main = text(given, "command", "file_path", "notebook_path", "url")
    return f"{name}: {main or json.dumps(given, ensure_ascii=False)}" if name else ""


def question(event: Event) -> str:
    """The first question an agent asks with a tool for that."""
    given = event.get("tool_input")
    asked = given.get("questions") if isinstance(given, dict) else None
    first = asked[0] if isinstance(asked, list) and asked else None
    return text(first, "question") if isinstance(first, dict) else ""
