"""AgentAPI's view of an agent as evidence: its events in, what they come to out. Sans-I/O.

Source: AgentAPI 0.12.1, `GET /events`: `message_update`, `status_change`, `agent_error`. On connection all messages
come first, then the status; the newest message is sent again, whole, each time it grows.
"""

from __future__ import annotations

import ipaddress
import json
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from coder_tui.errors import UsageError

STATES = {"running": "working", "stable": "idle"}
"""Its status (the screen changes; it stands still and input is taken) -> ours."""
_KEPT = 2000  # characters of a message


@dataclass(frozen=True, slots=True)
class Seen:
    """What it comes to."""

    state: str
    message: str


class Conversation:
    """One connection's events."""

    def __init__(self) -> None:
        self._status = ""
        self._asked = self._said = ""  # newest message of the person, of the agent
        self._newest = -1  # id of the newest message of the person

    def event(self, name: str, data: bytes) -> Seen | None:
        """What changed; None for what says nothing of the state. What cannot be read is skipped."""
        try:
            found = json.loads(data)
        except (ValueError, RecursionError):
            return None
        if not isinstance(found, dict):
            return None
        match name:
            case "message_update":
                return self._message(found)
            case "status_change":
                self._status = _text(found, "status")
                return self._seen()
            case "agent_error" if found.get("level") == "error":
                return Seen("failure", _text(found, "message"))
            case _:
                return None

    def _message(self, found: dict[str, Any]) -> Seen | None:
        number, text = found.get("id"), _text(found, "message")
        if not isinstance(number, int):
            return None
        if found.get("role") == "user":
            if number <= self._newest:
                return None
            self._newest, self._asked, self._said = number, text, ""
            # before the first status it is history
            return Seen("working", text) if self._status else None
        self._said = text
        return None

    def _seen(self) -> Seen | None:
        state = STATES.get(self._status)
        if state is None:
            return None
        return Seen(state, self._asked if state == "working" else self._said)


def base_url(text: str, *, anywhere: bool = False) -> str:
    """The URL to put `/status` and the rest behind. Raises UsageError: not http(s), or not on this machine.

    `anywhere`: other machines are meant too. AgentAPI asks nobody who they are, and what is sent there is typed.
    """
    try:
        parts = urlsplit(text.strip() if text.isascii() and text.isprintable() else "")
        host, _ = parts.hostname or "", parts.port
    except ValueError:
        parts, host = urlsplit(""), ""
    if parts.scheme not in {"http", "https"} or not host or parts.query or parts.fragment or "@" in parts.netloc:
        raise UsageError("the address of AgentAPI is not an http or https URL", fix="as in http://127.0.0.1:3284")
    if not anywhere and not _is_loopback(host):
        raise UsageError(
            f"AgentAPI at {host} is not on this machine",
            why="it asks nobody who they are",
            fix="say --agentapi-anywhere if it is meant",
        )
    return f"{parts.scheme}://{parts.netloc}{parts.path.rstrip('/')}"


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _text(found: dict[str, Any], name: str) -> str:
    value = found.get(name)
    return value.strip()[:_KEPT] if isinstance(value, str) else ""
