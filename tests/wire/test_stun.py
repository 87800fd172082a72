"""STUN: the RFC's own vectors, every address there is, and what strangers send instead."""

from __future__ import annotations

import contextlib
import struct
import zlib
from ipaddress import IPv4Address, IPv6Address, ip_address

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.wire.stun_server import COOKIE, answer, attribute, message

from coder_tui.errors import ProtocolError
from coder_tui.wire.stun import MAX_DATAGRAM, Mapped, Refused, mapped, request, transaction_of

OURS = bytes.fromhex("b7e7a701bc34d686fa87dfae")  # the transaction id of RFC 5769

# RFC 5769, 2.2 and 2.3: sample responses. Their MESSAGE-INTEGRITY is not ours to check.
OVER_IPV4 = bytes.fromhex(
    "0101003c2112a442b7e7a701bc34d686fa87dfae8022000b7465737420766563746f7220002000080001a147e112a643"
    "000800142b91f599fd9e90c38c7489f92af9ba53f06be7d780280004c07d4c96"
)
OVER_IPV6 = bytes.fromhex(
    "010100482112a442b7e7a701bc34d686fa87dfae8022000b7465737420766563746f7220002000140002a1470113a9faa5d3f179"
    "bc25f4b5bed2b9d900080014a382954e4be67bf11784c97c8292c275bfe3ed4180280004c8fb0b4c"
)

transactions = st.binary(min_size=12, max_size=12)
addresses = st.one_of(st.ip_addresses(v=4), st.ip_addresses(v=6))


def test_the_vectors_of_the_rfc() -> None:
    assert mapped(OVER_IPV4, OURS) == Mapped(IPv4Address("192.0.2.1"), 32853)
    assert mapped(OVER_IPV6, OURS) == Mapped(IPv6Address("2001:db8:1234:5678:11:2233:4455:6677"), 32853)
    assert str(mapped(OVER_IPV4, OURS)) == "192.0.2.1:32853"
    assert str(mapped(OVER_IPV6, OURS)) == "[2001:db8:1234:5678:11:2233:4455:6677]:32853"


@given(transactions)
def test_a_request_is_what_derp_servers_answer(transaction: bytes) -> None:
    datagram = request(transaction)
    assert struct.unpack_from("!HHI", datagram) == (0x0001, len(datagram) - 20, COOKIE)
    assert transaction_of(datagram) == transaction
    assert datagram[20:32] == b"\x80\x22\x00\x08tailnode"
    assert datagram[32:36] == b"\x80\x28\x00\x04"
    assert int.from_bytes(datagram[36:], "big") == zlib.crc32(datagram[:32]) ^ 0x5354554E


@given(transactions, addresses, st.integers(0, 0xFFFF), st.sampled_from(["xor", "old", "plain"]), st.booleans())
def test_every_address_is_read_back(
    transaction: bytes, host: IPv4Address | IPv6Address, port: int, form: str, fingerprint: bool
) -> None:
    datagram = answer(transaction, str(host), port, form=form, fingerprint=fingerprint)
    assert mapped(datagram, transaction) == Mapped(ip_address(str(host)), port)


@given(transactions, transactions)
def test_an_answer_to_somebody_else_is_none_to_us(ours: bytes, theirs: bytes) -> None:
    if ours != theirs:
        with pytest.raises(ProtocolError):
            mapped(answer(theirs, "192.0.2.1", 1), ours)


@given(st.binary(max_size=200))
def test_anything_at_all_is_refused(datagram: bytes) -> None:
    with pytest.raises(ProtocolError):
        mapped(datagram, OURS)


@given(st.data())
def test_a_mutated_answer_is_read_or_refused(data: st.DataObject) -> None:
    datagram = bytearray(data.draw(st.sampled_from([OVER_IPV4, OVER_IPV6, answer(OURS, "192.0.2.1", 1)])))
    for _ in range(data.draw(st.integers(1, 4))):
        datagram[data.draw(st.integers(0, len(datagram) - 1))] = data.draw(st.integers(0, 255))
    end = data.draw(st.integers(0, len(datagram)))
    with contextlib.suppress(ProtocolError):  # and nothing else
        assert isinstance(mapped(bytes(datagram[:end]), OURS), Mapped)


BROKEN = {
    "a request": message(0x0001, OURS),
    "an indication": message(0x0011, OURS),
    "no address": message(0x0101, OURS, attribute(0x8022, b"x")),
    "an attribute that is too long": message(0x0101, OURS, struct.pack("!HH", 0x0020, 400)),
    "an unknown family": message(0x0101, OURS, attribute(0x0020, b"\0\3" + bytes(6))),
    "an address of no length": message(0x0101, OURS, attribute(0x0020, b"")),
    "half an IPv6 address": message(0x0101, OURS, attribute(0x0020, b"\0\2" + bytes(6))),
    "a wrong fingerprint": message(0x0101, OURS, attribute(0x0020, b"\0\1" + bytes(6)), attribute(0x8028, bytes(4))),
    "a short fingerprint": message(0x0101, OURS, attribute(0x8028, bytes(2))),
    "too much": message(0x0101, OURS, attribute(0x8022, bytes(MAX_DATAGRAM))),
    "a length that is not true": answer(OURS, "192.0.2.1", 1) + bytes(4),
    "no cookie": message(0x0101, OURS, attribute(0x0020, b"\0\1" + bytes(6)), cookie=0),
}


@pytest.mark.parametrize("datagram", BROKEN.values(), ids=BROKEN)
def test_what_is_broken_is_refused(datagram: bytes) -> None:
    with pytest.raises(ProtocolError):
        mapped(datagram, OURS)


@pytest.mark.parametrize(("value", "code"), [(b"\0\0\4\x14Unknown", "420"), (b"\0\0\5\0", "500"), (b"", "0")])
def test_an_error_response_says_its_code(value: bytes, code: str) -> None:
    with pytest.raises(Refused, match=f"error {code}$"):
        mapped(message(0x0111, OURS, attribute(0x0009, value)), OURS)


def test_what_stands_after_the_fingerprint_does_not_count() -> None:
    rest = attribute(0x0020, b"\0\1" + bytes(6))
    with pytest.raises(ProtocolError, match="did not say"):
        mapped(message(0x0101, OURS, rest, fingerprint_at=0), OURS)
