"""One UDP socket that asks many STUN servers at the same time.

One socket for all of them, because only then do their answers tell whether our NAT maps each destination to another
port. It believes nobody but whom it asked, and stops listening when it is flooded.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from time import perf_counter
from typing import Any

from coder_tui.client.netreport import Probe
from coder_tui.errors import ProtocolError
from coder_tui.wire import stun

PAUSES = (0.3, 0.6)
"""Seconds after which a request is sent again. UDP may lose it; each one is a transaction with a time of its own."""
FLOOD = 100
"""Datagrams of one server that answer nothing we asked (late answers are such), before we stop listening."""
STRAY = 1000
"""Such datagrams of anybody else."""

NO_ROUTE = "no route from here"
"""Why a server is not asked at all."""

Address = tuple[str, int]


@dataclass(frozen=True, slots=True)
class _Asked:
    address: Address
    sent: float
    answer: asyncio.Future[Probe]


class StunSocket(asyncio.DatagramProtocol):
    """An open socket of one address family, from `stun_socket`."""

    def __init__(self, family: socket.AddressFamily) -> None:
        self._family = family
        self._asked: dict[bytes, _Asked] = {}
        self._useless: dict[Address, int] = {}  # datagrams from whom we ask that answer nothing
        self._others = 0  # and from anybody else
        self.transport: asyncio.DatagramTransport | None = None
        self._flooded_by = ""

    async def ask(self, host: str, port: int, seconds: float) -> Probe:
        """Ask the server at an IP address for ours; never raises, never takes longer."""
        address = (host, port)
        answer: asyncio.Future[Probe] = asyncio.get_running_loop().create_future()
        self._useless.setdefault(address, 0)
        sent: list[bytes] = []
        try:
            if not self._has_route(address):
                return Probe(why=NO_ROUTE)
            async with asyncio.timeout(seconds):
                for pause in (*PAUSES, None):
                    sent.append(self._send(address, answer))
                    await asyncio.wait([answer], timeout=pause)
                    if answer.done():
                        break
                return await answer
        except TimeoutError:
            return Probe(why="it answers, but not STUN" if self._useless[address] else "no answer in time")
        except OSError as error:
            return Probe(why=error.strerror or str(error))
        finally:
            for transaction in sent:
                self._asked.pop(transaction, None)

    def _has_route(self, address: Address) -> bool:
        """Whether this machine knows a way (no IPv6 here, say). Nothing is sent."""
        with socket.socket(self._family, socket.SOCK_DGRAM) as probe:
            return probe.connect_ex(address) == 0

    def _send(self, address: Address, answer: asyncio.Future[Probe]) -> bytes:
        if self._flooded_by or self.transport is None:
            raise OSError(f"stopped listening: {self._flooded_by or 'somebody'} floods us")
        transaction = os.urandom(stun.TRANSACTION_BYTES)
        self._asked[transaction] = _Asked(address, perf_counter(), answer)
        self.transport.sendto(stun.request(transaction), address)
        return transaction

    # --- of asyncio ---

    def datagram_received(self, data: bytes, addr: tuple[str | Any, int]) -> None:
        """Whose answer is it, and what does it say?"""
        now, source = perf_counter(), (str(addr[0]), addr[1])
        try:
            transaction = stun.transaction_of(data)
        except ProtocolError:
            transaction = b""
        asked = self._asked.get(transaction)
        if asked is None or asked.address != source:
            self._count(source)
        elif not asked.answer.done():
            asked.answer.set_result(_read(data, transaction, (now - asked.sent) * 1000))

    def error_received(self, exc: Exception) -> None:
        """An ICMP error that names no destination: whom it concerns will not have answered in time."""

    def _count(self, source: Address) -> None:
        if source in self._useless:
            self._useless[source] += 1
        else:
            self._others += 1
        if (self._useless.get(source, 0) < FLOOD and self._others < STRAY) or self._flooded_by:
            return
        self._flooded_by = source[0]
        if self.transport is not None:
            self.transport.abort()
        for asked in self._asked.values():
            if not asked.answer.done():
                asked.answer.set_result(Probe(why=f"stopped listening: {source[0]} floods us"))


def _read(data: bytes, transaction: bytes, ms: float) -> Probe:
    try:
        return Probe(ms, mapped=stun.mapped(data, transaction))
    except stun.Refused as error:
        return Probe(why=f"it refuses: {error.why}")
    except ProtocolError:
        return Probe(why="it answers, but not STUN")


@asynccontextmanager
async def stun_socket(family: socket.AddressFamily) -> AsyncIterator[StunSocket | None]:
    """Open a socket; None where the machine has no such addresses."""
    transport: asyncio.DatagramTransport | None = None
    protocol: StunSocket | None = None
    with contextlib.suppress(OSError):
        own = socket.socket(family, socket.SOCK_DGRAM)
        own.setblocking(False)
        transport, protocol = await asyncio.get_running_loop().create_datagram_endpoint(
            lambda: StunSocket(family), sock=own
        )
        protocol.transport = transport
    try:
        yield protocol
    finally:
        if transport is not None:
            transport.abort()
