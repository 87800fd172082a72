"""Short-lived tickets for one terminal, for clients that cannot send a header (contract `04-pty`)."""

from __future__ import annotations

import base64
import hashlib
import hmac
import secrets

from coder_tui.hub.clock import Clock

PARAMETER = "coder_signed_app_token_23db1dde"
"""Query parameter that carries the ticket."""
LIFETIME = 60
"""Seconds from the issue to the last moment at which a terminal may be opened."""


class Tickets:
    """Issues and checks them. The key lives as long as the hub does."""

    def __init__(self, clock: Clock) -> None:
        self._clock, self._key = clock, secrets.token_bytes(32)

    def issue(self, agent_id: str) -> str:
        """A ticket for the terminals of that agent."""
        expires = str(self._clock() // 1_000_000 + LIFETIME)
        return f"{expires}.{self._mac(expires, agent_id)}"

    def accept(self, ticket: str, agent_id: str) -> bool:
        """Whether it is ours, for that agent (a UUID in any spelling), and still good."""
        expires, _, mac = ticket.partition(".")
        if not (expires.isascii() and expires.isdigit() and len(expires) < 20):
            return False
        genuine = hmac.compare_digest(mac.encode(), self._mac(expires, agent_id.lower()).encode())
        return genuine and int(expires) >= self._clock() // 1_000_000

    def _mac(self, expires: str, agent_id: str) -> str:
        digest = hmac.digest(self._key, f"pty {agent_id} {expires}".encode(), hashlib.sha256)
        return base64.urlsafe_b64encode(digest).decode().rstrip("=")
