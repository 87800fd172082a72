"""Names to addresses without ever holding anybody up: a resolver that hangs costs a sleeping thread, and no more.

The event loop's own `getaddrinfo` takes threads of a pool that others need too, and that is waited for at exit.
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
import threading
from collections.abc import Callable
from ipaddress import ip_address
from typing import Any

MAX_PENDING = 32
"""Names looked up at the same time."""

Lookup = Callable[..., list[Any]]


class Resolver:
    """Looks each name up once at a time; who asks meanwhile gets the same answer."""

    def __init__(self, lookup: Lookup = socket.getaddrinfo) -> None:
        self._lookup = lookup
        self._pending: dict[str, asyncio.Future[list[str] | str]] = {}

    async def addresses(self, host: str, seconds: float) -> list[str]:
        """IPv4 and IPv6 addresses of `host`, preferred ones first, within `seconds`. Raises OSError saying why not."""
        with contextlib.suppress(ValueError):
            return [str(ip_address(host))]
        if (future := self._pending.get(host)) is None:
            if len(self._pending) >= MAX_PENDING:
                raise OSError("too many names are being looked up")
            future = self._pending[host] = asyncio.get_running_loop().create_future()
            threading.Thread(
                target=self._look, args=(host, future, asyncio.get_running_loop()), name="resolver", daemon=True
            ).start()
        try:
            async with asyncio.timeout(seconds):
                found = await asyncio.shield(future)
        except TimeoutError:
            raise OSError("its name was not resolved in time") from None
        if isinstance(found, str):
            raise OSError(found)
        return found

    def _look(self, host: str, future: asyncio.Future[list[str] | str], loop: asyncio.AbstractEventLoop) -> None:
        found: list[str] | str
        try:
            infos = self._lookup(host, None, type=socket.SOCK_DGRAM)
            found = list(dict.fromkeys(str(info[4][0]) for info in infos)) or "its name has no address"
        except OSError as error:
            unknown = isinstance(error, socket.gaierror) and error.errno == socket.EAI_NONAME
            found = "its name does not resolve" + ("" if unknown else f", {error.strerror or error}")
        except ValueError:  # labels too long, zero bytes
            found = "its name is no name of a host"
        with contextlib.suppress(RuntimeError):  # the loop is closed: nobody waits any more
            loop.call_soon_threadsafe(self._tell, host, future, found)

    def _tell(self, host: str, future: asyncio.Future[list[str] | str], found: list[str] | str) -> None:
        del self._pending[host]
        if not future.done():
            future.set_result(found)
