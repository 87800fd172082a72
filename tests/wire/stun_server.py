"""A STUN server's side: messages as RFC 8489 writes them, and one that listens. Shares no line with our reader."""

from __future__ import annotations

import asyncio
import struct
import zlib
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from ipaddress import ip_address

COOKIE = 0x2112A442


def attribute(number: int, value: bytes) -> bytes:
    return struct.pack("!HH", number, len(value)) + value + bytes(-len(value) % 4)


def message(
    kind: int, transaction: bytes, *attributes: bytes, cookie: int = COOKIE, fingerprint_at: int | None = None
) -> bytes:
    """`fingerprint_at`: before which attribute a right FINGERPRINT stands."""
    size = sum(map(len, attributes)) + (0 if fingerprint_at is None else 8)
    text = struct.pack("!HHI", kind, size, cookie) + transaction
    for place in range(len(attributes) + 1):
        if place == fingerprint_at:
            text += struct.pack("!HHI", 0x8028, 4, zlib.crc32(text) ^ 0x5354554E)
        if place < len(attributes):
            text += attributes[place]
    return text


def answer(transaction: bytes, host: str, port: int, *, form: str = "xor", fingerprint: bool = False) -> bytes:
    """A success response. `form`: `xor` (0x0020), `old` (0x8020) or `plain` (0x0001)."""
    address = ip_address(host)
    raw = address.packed
    if form != "plain":
        mask = struct.pack("!I", COOKIE) + transaction
        raw = (int.from_bytes(raw, "big") ^ int.from_bytes(mask[: len(raw)], "big")).to_bytes(len(raw), "big")
        port ^= COOKIE >> 16
    value = struct.pack("!BBH", 0, 1 if address.version == 4 else 2, port) + raw
    number = {"xor": 0x0020, "old": 0x8020, "plain": 0x0001}[form]
    name = attribute(0x8022, b"a test's own")
    return message(0x0101, transaction, name, attribute(number, value), fingerprint_at=2 if fingerprint else None)


class StunServer(asyncio.DatagramProtocol):
    """Answers each Binding request with what `reply` makes of (transaction, host, port): datagrams, in order."""

    def __init__(self, reply: Callable[[bytes, str, int], list[bytes]]) -> None:
        self.reply = reply
        self.asked = 0
        self.transport: asyncio.DatagramTransport | None = None

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        assert self.transport is not None
        self.asked += 1
        for datagram in self.reply(data[8:20], addr[0], addr[1]):
            self.transport.sendto(datagram, addr)

    @property
    def port(self) -> int:
        assert self.transport is not None
        return int(self.transport.get_extra_info("sockname")[1])


def honest(transaction: bytes, host: str, port: int) -> list[bytes]:
    return [answer(transaction, host, port, fingerprint=True)]


@asynccontextmanager
async def stun_server(
    reply: Callable[[bytes, str, int], list[bytes]] = honest, host: str = "127.0.0.1"
) -> AsyncIterator[StunServer]:
    loop = asyncio.get_running_loop()
    transport, server = await loop.create_datagram_endpoint(lambda: StunServer(reply), local_addr=(host, 0))
    server.transport = transport
    try:
        yield server
    finally:
        transport.close()
