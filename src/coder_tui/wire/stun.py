"""STUN (RFC 8489), as much of it as measuring takes: the Binding request, and what its answer says. No I/O.

Own lines rather than a library: aioice, the well-kept one, costs two more packages and 90 ms of import, and lets
`struct.error` out of what strangers send.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Address

from coder_tui.errors import ProtocolError

TRANSACTION_BYTES = 12
MAX_DATAGRAM = 2048
"""Bytes: nobody who answers a Binding request needs more."""

_HEADER = struct.Struct("!HHI12s")  # type, length of what follows, cookie, transaction id (section 5)
_ATTRIBUTE = struct.Struct("!HH")
_COOKIE = 0x2112A442
_REQUEST, _SUCCESS, _ERROR = 0x0001, 0x0101, 0x0111
_MAPPED, _ERROR_CODE, _XOR_MAPPED, _SOFTWARE, _FINGERPRINT = 0x0001, 0x0009, 0x0020, 0x8022, 0x8028
_XOR_MAPPED_OLD = 0x8020  # before RFC 5389; servers still send it
_FINGERPRINT_MASK = 0x5354554E
# DERP's own STUN servers answer nobody else: they want this SOFTWARE, and a FINGERPRINT at the end
# (tailscale.com/net/stun, ParseBindingRequest).
_NAME = b"tailnode"


@dataclass(frozen=True, slots=True)
class Mapped:
    """Our address as a server sees it."""

    host: IPv4Address | IPv6Address
    port: int

    def __str__(self) -> str:
        return f"[{self.host}]:{self.port}" if self.host.version == 6 else f"{self.host}:{self.port}"


class Refused(ProtocolError):
    """The server answered our request with an error response (section 6.3.4)."""


def request(transaction: bytes) -> bytes:
    """A Binding request. `transaction` is 12 bytes nobody can guess."""
    software = _ATTRIBUTE.pack(_SOFTWARE, len(_NAME)) + _NAME
    head = _HEADER.pack(_REQUEST, len(software) + 8, _COOKIE, transaction)
    return head + software + _ATTRIBUTE.pack(_FINGERPRINT, 4) + struct.pack("!I", _fingerprint(head + software))


def transaction_of(datagram: bytes) -> bytes:
    """Whose answer it claims to be. Raises ProtocolError for what is no STUN message."""
    if not _HEADER.size <= len(datagram) <= MAX_DATAGRAM:
        raise ProtocolError("not a STUN message", why=f"{len(datagram)} bytes")
    kind, length, cookie, transaction = _HEADER.unpack_from(datagram)
    if kind & 0xC000 or cookie != _COOKIE or length % 4 or length != len(datagram) - _HEADER.size:
        raise ProtocolError("not a STUN message", why="its header says so")
    return bytes(transaction)


def mapped(datagram: bytes, transaction: bytes) -> Mapped:
    """Our address, out of the success response to the request with `transaction`.

    Raises Refused for an error response to it, ProtocolError for anything else.
    """
    if transaction_of(datagram) != transaction:
        raise ProtocolError("not an answer to us", why="another transaction id")
    (kind,) = struct.unpack_from("!H", datagram)
    attributes: dict[int, bytes] = {}
    for number, value in _attributes(datagram):
        attributes.setdefault(number, value)  # of several, the first counts (section 14)
    if kind == _ERROR:
        code = attributes.get(_ERROR_CODE, b"").ljust(4, b"\0")
        raise Refused("the STUN server refused us", why=f"error {(code[2] & 7) * 100 + code[3]}")
    if kind != _SUCCESS:
        raise ProtocolError("not an answer to a Binding request", why=f"message type {kind:#06x}")
    for number in (_XOR_MAPPED, _XOR_MAPPED_OLD):
        if number in attributes:
            return _address(attributes[number], struct.pack("!I", _COOKIE) + transaction)
    if _MAPPED in attributes:
        return _address(attributes[_MAPPED], bytes(16))
    raise ProtocolError("the STUN server did not say our address")


def _attributes(datagram: bytes) -> Iterator[tuple[int, bytes]]:
    place = _HEADER.size
    while place < len(datagram):  # lengths are multiples of four, so a header always fits
        number, length = _ATTRIBUTE.unpack_from(datagram, place)
        place += _ATTRIBUTE.size
        if place + length > len(datagram):
            raise ProtocolError("the STUN message is broken", why="an attribute is longer than the message")
        value = datagram[place : place + length]
        place += length + -length % 4
        if number == _FINGERPRINT:
            if length != 4 or struct.unpack("!I", value)[0] != _fingerprint(datagram[: place - 8]):
                raise ProtocolError("the STUN message is broken", why="its fingerprint is wrong")
            return  # nothing after it counts (section 14.7)
        yield number, value


def _address(value: bytes, mask: bytes) -> Mapped:
    """Family, port, address (sections 14.1 and 14.2), each XORed with the beginning of `mask`."""
    family = value[1] if len(value) > 1 else 0
    if (family, len(value)) not in ((1, 8), (2, 20)):
        raise ProtocolError("the STUN server's word for our address is broken")
    port = int.from_bytes(value[2:4], "big") ^ int.from_bytes(mask[:2], "big")
    raw = bytes(left ^ right for left, right in zip(value[4:], mask, strict=False))
    return Mapped(IPv4Address(raw) if family == 1 else IPv6Address(raw), port)


def _fingerprint(message: bytes) -> int:
    """CRC-32 of all that stands before the attribute (section 14.7)."""
    return zlib.crc32(message) ^ _FINGERPRINT_MASK
