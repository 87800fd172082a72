"""Resume tokens of the tailnet RPC: opaque to clients, good for a day, of no use to another hub."""

from __future__ import annotations

import base64
import hashlib
import hmac
import secrets

from coder_tui.hub.clock import Clock

LIFETIME = 24 * 3600
"""Seconds a token is good for; clients ask for a new one after half of it."""


class ResumeTokens:
    """Issues and checks them. The key lives as long as the hub does: a hub that starts anew knows no peers."""

    def __init__(self, clock: Clock) -> None:
        self._clock, self._key = clock, secrets.token_bytes(32)

    def issue(self) -> tuple[str, int]:
        """A new token for a new peer, and when it expires, in seconds since the epoch."""
        expires_at = self._clock() // 1_000_000 + LIFETIME
        body = f"{secrets.token_hex(16)}.{expires_at}"
        return f"{body}.{self._mac(body)}", expires_at

    def accept(self, token: str) -> bool:
        """Whether it is ours, and still good."""
        body, _, mac = token.rpartition(".")
        if not hmac.compare_digest(mac.encode("utf-8", "replace"), self._mac(body).encode()):
            return False
        return int(body.rpartition(".")[2]) >= self._clock() // 1_000_000

    def _mac(self, body: str) -> str:
        digest = hmac.digest(self._key, f"resume {body}".encode("utf-8", "replace"), hashlib.sha256)
        return base64.urlsafe_b64encode(digest).decode().rstrip("=")
