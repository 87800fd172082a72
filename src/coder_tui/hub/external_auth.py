"""Tokens for other services: from a command of the owner's, or stored by him; and who of the agents waits for one.

A token is never logged and never kept longer than `_FRESH` seconds in memory.
"""

from __future__ import annotations

import asyncio
import fnmatch
import os
import re
import signal
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

from coder_tui.hub.config import ExternalAuthTable, is_host
from coder_tui.hub.process import child_environment
from coder_tui.text import one_line
from coder_tui.wire.auth import ExternalAuth

FOLDER = "external-auth"
"""Where stored tokens are, in the data directory: `<id>.token`, 0600."""

_TIMEOUT = 15.0  # seconds a command may take
_FRESH = 1.0  # seconds: agents that wait together share one look
_MAX_OUTPUT = 64 << 10
_MAX_URL = 2048
_TOKEN = re.compile(r"[!-~]{1,8192}")
_OAUTH2 = {"gitlab": "oauth2", "bitbucket-cloud": "x-token-auth", "bitbucket-server": "x-token-auth"}
# what looks like a secret: a long word with digits in it, or the credentials of a URL
_SECRET = re.compile(r"(?<=://)[^/\s@]+@|(?=[A-Za-z_.-]*[0-9])[A-Za-z0-9_.=+-]{20,}")


@dataclass(frozen=True, slots=True)
class Found:
    """What a look brought: a token, or why there is none (safe to show)."""

    token: str = field(default="", repr=False)
    why: str = ""


class Provider:
    """One `[[external_auth]]` of the hub's configuration."""

    def __init__(self, table: ExternalAuthTable, data_dir: Path) -> None:
        self.id, self.type, self.url = table.id, table.type or table.id, table.url or ""
        self._match, self._command = table.match, table.command
        self._file = token_path(data_dir, table.id)
        self._lock = asyncio.Lock()
        self._last = (float("-inf"), Found())

    def matches(self, url: str) -> bool:
        """Whether a clone URL is this provider's."""
        if not self._match:
            return False
        if is_host(self._match):
            return fnmatch.fnmatchcase(host_of(url), self._match.lower())
        return re.search(self._match, url[:_MAX_URL]) is not None

    async def look(self) -> Found:
        """Is there a token? At most once a second for all who ask."""
        async with self._lock:
            at, found = self._last
            if time.monotonic() - at >= _FRESH:
                found = await (self._ask(self._command) if self._command else asyncio.to_thread(self._read))
                self._last = (time.monotonic(), found)
                asyncio.get_running_loop().call_later(_FRESH, self._forget)
            return found

    def _forget(self) -> None:
        at, _ = self._last
        if time.monotonic() - at >= _FRESH:
            self._last = (float("-inf"), Found())

    def linked(self, token: str) -> ExternalAuth:
        """The answer with a token, in the form Git wants it (contract `03-agents`)."""
        username = _OAUTH2.get(self.type)
        pair = (username, token) if username else (token, "")
        return ExternalAuth(access_token=token, type=self.type, username=pair[0], password=pair[1])

    def _read(self) -> Found:
        try:
            token = self._file.read_text(encoding="ascii").strip()
        except FileNotFoundError:
            return Found(why=f"store a token with coder-tui hub link {self.id}")
        except (OSError, UnicodeDecodeError) as error:
            return Found(why=f"the stored token cannot be read: {getattr(error, 'strerror', None) or 'not text'}")
        return Found(token) if is_token(token) else Found(why="what is stored is no token")

    async def _ask(self, command: Sequence[str]) -> Found:
        name = os.path.basename(command[0])
        try:
            process = await asyncio.create_subprocess_exec(
                *command,
                stdin=asyncio.subprocess.DEVNULL,
                stdout=asyncio.subprocess.PIPE,
                stderr=asyncio.subprocess.PIPE,
                env=child_environment({}),
                start_new_session=True,
            )
        except (OSError, ValueError) as error:
            return Found(why=f"cannot run {name}: {(getattr(error, 'strerror', None) or str(error)).lower()}")
        try:
            async with asyncio.timeout(_TIMEOUT):
                output, errors = await asyncio.gather(_bounded(process.stdout), _bounded(process.stderr))
                code = await process.wait()
        except TimeoutError:
            return Found(why=f"{name} gave no answer in {_TIMEOUT:g} seconds")
        finally:
            with suppress(ProcessLookupError, PermissionError):
                os.killpg(process.pid, signal.SIGKILL)
            await process.wait()
        token = output.decode("ascii", "replace").strip()
        if code == 0 and is_token(token):
            return Found(token)
        if code == 0:
            return Found(why=f"{name} printed no token")
        said = safe_words(errors.decode("utf-8", "replace"), but=token)
        return Found(
            why=f"{name} failed ({f'exit {code}' if code > 0 else f'signal {-code}'})" + (f": {said}" * bool(said))
        )


def token_path(data_dir: Path, provider_id: str) -> Path:
    """Where the token that a person stored for a provider is."""
    return data_dir / FOLDER / f"{provider_id}.token"


def is_token(text: str) -> bool:
    """One printable word."""
    return _TOKEN.fullmatch(text) is not None


def safe_words(text: str, *, but: str = "") -> str:
    """What a command said on stderr, short, on one line, and without anything that looks like a secret."""
    text = one_line(text)[:_MAX_URL]
    if len(but) >= 4:
        text = text.replace(but, "[redacted]")
    return _SECRET.sub("[redacted]", text)[:300]


def host_of(url: str) -> str:
    """The host of a clone URL: `https://host/...`, `ssh://user@host:22/...`, `user@host:path`, or `host/path`."""
    url = url.strip()[:_MAX_URL]
    if "://" in url:
        try:
            return urlsplit(url).hostname or ""
        except ValueError:
            return ""
    return url.partition("/")[0].rpartition("@")[2].partition(":")[0].lower()


def providers(tables: Sequence[ExternalAuthTable], data_dir: Path) -> list[Provider]:
    """In the order of the file."""
    return [Provider(table, data_dir) for table in tables]


async def _bounded(stream: asyncio.StreamReader | None) -> bytes:
    """All of a pipe, of which only the beginning is kept."""
    kept = b""
    while stream is not None and (chunk := await stream.read(4096)):
        kept += chunk[: _MAX_OUTPUT - len(kept)]
    return kept
