"""API keys of the hub's one user, beside the token in his file: sessions and named tokens.

Keys live in SQLite and, because every request needs them, in memory; of a secret only its SHA-256 is kept. A key in
use is extended, at most once an hour so that reading costs no write (contract `01-auth`, as Coder does it).
"""

from __future__ import annotations

import hashlib
import hmac
import sqlite3
from contextlib import suppress
from dataclasses import dataclass, replace

from starlette.requests import Request

from coder_tui.errors import StorageError
from coder_tui.hub.clock import Clock, to_time
from coder_tui.hub.identity import HEADER, SIGNED_OUT, cookie_token, is_key, new_key, presented_token
from coder_tui.hub.problems import Refused, not_found
from coder_tui.hub.storage import Storage
from coder_tui.wire.base import format_time
from coder_tui.wire.keys import APIKey

TOKEN, PASSWORD = "token", "password"  # login types
HOUR, DAY, WEEK = 3600, 86_400, 604_800  # seconds
MAX_LIFETIME = 36_525 * DAY
"""Seconds; also Coder's default limit."""

_SECOND = 1_000_000  # microseconds
_ID = 10  # characters of a key before its hyphen


@dataclass(frozen=True, slots=True)
class Key:
    """A stored key. Times are microseconds since the epoch."""

    id: str
    hash: bytes
    login_type: str
    name: str
    created_at: int
    updated_at: int
    last_used: int
    expires_at: int
    lifetime_seconds: int

    def wire(self, user_id: str) -> APIKey:
        """As the API shows it."""
        return APIKey(
            id=self.id,
            user_id=user_id,
            last_used=to_time(self.last_used),
            expires_at=to_time(self.expires_at),
            created_at=to_time(self.created_at),
            updated_at=to_time(self.updated_at),
            login_type=self.login_type,
            token_name=self.name,
            lifetime_seconds=self.lifetime_seconds,
        )


class Keys:
    """All keys. `file_token` is the one in the user's file: it never expires and cannot be deleted here."""

    def __init__(self, storage: Storage, clock: Clock, file_token: str, created_at: int) -> None:
        self._storage, self._clock = storage, clock
        self._keys: dict[str, Key] = {}
        lifetime = MAX_LIFETIME
        self._own = Key(
            id=file_token[:_ID],
            hash=_hash(file_token),
            login_type=TOKEN,
            name="hub.token",
            created_at=created_at,
            updated_at=created_at,
            last_used=created_at,
            expires_at=created_at + lifetime * _SECOND,
            lifetime_seconds=lifetime,
        )

    async def load(self) -> None:
        """Read what is stored, without the sessions that ended long ago. Raises StorageError."""
        long_ago = self._clock() - WEEK * _SECOND

        def work(db: sqlite3.Connection) -> list[sqlite3.Row]:
            db.execute("DELETE FROM api_keys WHERE login_type != ? AND expires_at < ?", (TOKEN, long_ago))
            return db.execute("SELECT * FROM api_keys").fetchall()

        rows = await self._storage.write(work)
        self._keys = {row["id"]: Key(**dict(row)) for row in rows}

    async def authenticate(self, request: Request) -> Key:
        """Whose key this request presents. Raises Refused (401; 400 for a cookie without its CSRF header)."""
        given = presented_token(request)
        if not given:
            raise Refused(401, SIGNED_OUT, 'Cookie "coder_session_token" or query parameter must be provided.')
        if not is_key(given):
            raise Refused(401, SIGNED_OUT, "Invalid API key format.")
        key = self._own if given[:_ID] == self._own.id else self._keys.get(given[:_ID])
        if key is None:
            raise Refused(401, SIGNED_OUT, "API key is invalid.")
        if not hmac.compare_digest(_hash(given), key.hash):
            raise Refused(401, SIGNED_OUT, "API key secret is invalid.")
        now = self._clock()
        if key is not self._own and key.expires_at <= now:
            raise Refused(401, SIGNED_OUT, f'API key expired at "{format_time(to_time(key.expires_at))}".')
        # a browser sends the cookie by itself, a forged page cannot send the header
        unsafe = request.method not in {"GET", "HEAD", "OPTIONS"}
        if unsafe and cookie_token(request) and request.headers.get(HEADER) != given:
            raise Refused(400, "Something is wrong with your CSRF token. Please refresh the page.")
        return await self._used(key, now)

    async def _used(self, key: Key, now: int) -> Key:
        """Note that the key is in use, and extend it."""
        if key is self._own:
            return key
        last_used, expires_at = key.last_used, key.expires_at
        if now - last_used > HOUR * _SECOND:
            last_used = now
        whole = now + key.lifetime_seconds * _SECOND
        if whole - expires_at >= HOUR * _SECOND:
            expires_at = whole
        if (last_used, expires_at) == (key.last_used, key.expires_at):
            return key
        used = replace(key, last_used=last_used, expires_at=expires_at, updated_at=now)
        self._keys[key.id] = used
        with suppress(StorageError):  # a full disk is no reason to refuse who only reads
            await self._storage.write(
                lambda db: db.execute(
                    "UPDATE api_keys SET last_used = ?, expires_at = ?, updated_at = ? WHERE id = ?",
                    (last_used, expires_at, now, key.id),
                )
            )
        return used

    def is_own(self, key_id: str) -> bool:
        """Whether that is the token in the user's file."""
        return key_id == self._own.id

    async def create(self, login_type: str, name: str, lifetime_seconds: int) -> str:
        """A new key, once it is stored; its only appearance in clear. Raises Refused (409) for a name in use."""
        text, now = new_key(), self._clock()
        key = Key(
            id=text[:_ID],
            hash=_hash(text),
            login_type=login_type,
            name=name,
            created_at=now,
            updated_at=now,
            last_used=now,
            expires_at=now + lifetime_seconds * _SECOND,
            lifetime_seconds=lifetime_seconds,
        )

        def work(db: sqlite3.Connection) -> None:
            if (
                login_type == TOKEN
                and db.execute("SELECT 1 FROM api_keys WHERE name = ? AND login_type = ?", (name, TOKEN)).fetchone()
            ):
                raise _taken(name)
            db.execute(
                "INSERT INTO api_keys (id, hash, login_type, name, created_at, updated_at, last_used, expires_at,"
                " lifetime_seconds) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
                (key.id, key.hash, login_type, name, now, now, now, key.expires_at, lifetime_seconds),
            )

        if name == self._own.name:
            raise _taken(name)
        await self._storage.write(work)
        self._keys[key.id] = key
        return text

    def tokens(self, *, expired: bool) -> list[Key]:
        """Named tokens, oldest first; with `expired` those too that are of no use any more."""
        now = self._clock()
        found = [key for key in self._keys.values() if key.login_type == TOKEN and (expired or key.expires_at > now)]
        return sorted([self._own, *found], key=lambda key: (key.created_at, key.id))

    def get(self, key_id: str) -> Key:
        """By id. Raises Refused (404)."""
        key = self._own if self.is_own(key_id) else self._keys.get(key_id)
        if key is None:
            raise not_found()
        return key

    def named(self, name: str) -> Key:
        """A token by its name. Raises Refused (404)."""
        for key in (self._own, *self._keys.values()):
            if key.login_type == TOKEN and key.name == name:
                return key
        raise not_found()

    async def delete(self, key_id: str) -> None:
        """From now on it opens nothing. Raises Refused: 404, 403 for the user's file."""
        self._check_other(key_id)
        self._keys.pop(key_id, None)
        await self._storage.write(lambda db: db.execute("DELETE FROM api_keys WHERE id = ?", (key_id,)))

    async def expire(self, key_id: str) -> None:
        """End its life now, unless it ended before. Raises Refused: 404, 403 for the user's file."""
        key, now = self._check_other(key_id), self._clock()
        if key.expires_at <= now:
            return
        self._keys[key_id] = replace(key, expires_at=now, updated_at=now)
        await self._storage.write(
            lambda db: db.execute("UPDATE api_keys SET expires_at = ?, updated_at = ? WHERE id = ?", (now, now, key_id))
        )

    def _check_other(self, key_id: str) -> Key:
        key = self.get(key_id)
        if key is self._own:
            raise Refused(403, OWN_STAYS)
        return key


OWN_STAYS = "The hub's own token cannot be deleted: stop the hub and delete the file hub.token to get a new one."


def _hash(key: str) -> bytes:
    return hashlib.sha256(key[_ID + 1 :].encode()).digest()


def _taken(name: str) -> Refused:
    return Refused(
        409,
        f'A token with name "{name}" already exists.',
        fields={"name": "This value is already in use and should be unique."},
    )
