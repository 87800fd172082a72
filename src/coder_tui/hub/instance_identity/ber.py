"""A reader of BER (X.690, 8.1), as much as CMS needs. AWS writes indefinite lengths, so DER alone is not enough.

Every length is checked against the data, and nesting is bounded: no input reads past its end or recurses away.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

INTEGER, OCTET_STRING, OID, SEQUENCE, SET = 0x02, 0x04, 0x06, 0x30, 0x31
CONSTRUCTED = 0x20
_DEEPEST = 24


class BerError(ValueError):
    """Not BER, or not the element that was asked for."""


def context(number: int, *, constructed: bool = True) -> int:
    """The identifier octet of a context-specific tag, `[number]`."""
    return 0x80 | (CONSTRUCTED if constructed else 0) | number


@dataclass(frozen=True, slots=True)
class Element:
    """One element: identifier octet, contents, and the whole as it was encoded."""

    tag: int
    contents: bytes
    raw: bytes

    def children(self) -> Iterator[Element]:
        """The elements inside a constructed one."""
        if not self.tag & CONSTRUCTED:
            raise BerError("expected a constructed element")
        offset = 0
        while offset < len(self.contents):
            child, offset = _read(self.contents, offset, 0)
            yield child

    def expect(self, tag: int) -> Element:
        """Itself, if it has this tag."""
        if self.tag != tag:
            raise BerError(f"expected tag {tag:#04x}, found {self.tag:#04x}")
        return self

    def integer(self) -> int:
        """INTEGER, at most 64 octets (serial numbers have 20)."""
        contents = self.expect(INTEGER).contents
        if not 0 < len(contents) <= 64:
            raise BerError("an integer of unreasonable size")
        return int.from_bytes(contents, "big", signed=True)

    def oid(self) -> str:
        """OBJECT IDENTIFIER in dotted form (X.690, 8.19)."""
        contents = self.expect(OID).contents
        if not 0 < len(contents) <= 64 or contents[-1] & 0x80:
            raise BerError("not an object identifier")
        arcs, value = [], 0
        for octet in contents:
            value = value << 7 | octet & 0x7F
            if not octet & 0x80:
                arcs.append(value)
                value = 0
        first = min(arcs[0] // 40, 2)
        return ".".join(map(str, [first, arcs[0] - 40 * first, *arcs[1:]]))

    def octets(self) -> bytes:
        """OCTET STRING, whole or in segments (X.690, 8.7)."""
        if self.tag == OCTET_STRING:
            return self.contents
        self.expect(OCTET_STRING | CONSTRUCTED)
        return b"".join(part.expect(OCTET_STRING).contents for part in self.children())


def read(data: bytes) -> Element:
    """The one element that `data` is. Raises BerError on anything before, after or beside it."""
    element, end = _read(data, 0, 0)
    if end != len(data):
        raise BerError("data after the end")
    return element


def encode(tag: int, contents: bytes) -> bytes:
    """DER of one element: shortest definite length."""
    size = len(contents)
    if size < 0x80:
        return bytes([tag, size]) + contents
    length = size.to_bytes((size.bit_length() + 7) // 8, "big")
    return bytes([tag, 0x80 | len(length)]) + length + contents


def _read(data: bytes, start: int, depth: int) -> tuple[Element, int]:
    if depth > _DEEPEST:
        raise BerError("nested too deeply")
    if len(data) - start < 2:
        raise BerError("truncated")
    tag, length, offset = data[start], data[start + 1], start + 2
    if tag & 0x1F == 0x1F or tag == 0:
        raise BerError("a tag that CMS does not use")
    if length == 0x80:
        return _read_indefinite(data, start, offset, depth)
    if length & 0x80:
        count = length & 0x7F
        if count > 4 or len(data) - offset < count:
            raise BerError("truncated")
        length = int.from_bytes(data[offset : offset + count], "big")
        offset += count
    end = offset + length
    if end > len(data):
        raise BerError("truncated")
    return Element(tag, data[offset:end], data[start:end]), end


def _read_indefinite(data: bytes, start: int, offset: int, depth: int) -> tuple[Element, int]:
    if not data[start] & CONSTRUCTED:
        raise BerError("a primitive element of indefinite length")
    end = offset
    while data[end : end + 2] != b"\0\0":  # end-of-contents
        _, end = _read(data, end, depth + 1)
    return Element(data[start], data[offset:end], data[start : end + 2]), end + 2
