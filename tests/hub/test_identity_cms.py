"""BER and CMS: real messages are read, forged ones are not, and nothing but CmsError ever comes out."""

from __future__ import annotations

from functools import cache
from typing import Any

import pytest
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.hazmat.primitives.serialization.pkcs7 import PKCS7Options
from hypothesis import given, settings
from hypothesis import strategies as st

from coder_tui.hub.instance_identity import ber, cms
from tests.hub import identity_kit as kit

CONTENT = b'{"vmId":"1"}\n' * 60


@cache
def rsa_signer() -> kit.Holder:
    return kit.certify("signer", kit.rsa_key("signer"))


@cache
def good() -> bytes:
    return kit.message(CONTENT, rsa_signer())


def verified(data: bytes, detached: bytes | None = None) -> bytes:
    message = cms.parse(data)
    return message.verify(message.signer().public_key(), detached)


@pytest.mark.parametrize("options", [(), (PKCS7Options.NoAttributes,), (PKCS7Options.NoCapabilities,)])
def test_messages_of_the_library_verify(options: tuple[PKCS7Options, ...]) -> None:
    assert verified(kit.message(CONTENT, rsa_signer(), options=options)) == CONTENT


def test_elliptic_curves_verify() -> None:
    assert verified(kit.message(CONTENT, kit.certify("ec", kit.ec_key("signer")))) == CONTENT


def test_a_detached_message_proves_the_content_it_is_given() -> None:
    data = kit.message(CONTENT, rsa_signer(), options=(PKCS7Options.DetachedSignature,))
    assert verified(data, CONTENT) == CONTENT
    with pytest.raises(cms.CmsError, match="not what was signed"):
        verified(data, CONTENT + b" ")
    with pytest.raises(cms.CmsError, match="no content"):
        verified(data)


def test_the_message_s_own_content_wins_over_a_detached_one() -> None:
    assert verified(good(), b"another story") == CONTENT


def test_indefinite_lengths_and_segments_verify() -> None:
    """The encoding of AWS."""
    attributes = kit.attributes(CONTENT)
    assert verified(kit.by_hand(CONTENT, rsa_signer(), indefinite=True, signed_attributes=attributes)) == CONTENT


def test_a_signature_algorithm_where_the_digest_belongs_verifies() -> None:
    """The encoding of Azure."""
    assert verified(kit.by_hand(CONTENT, rsa_signer(), digest=kit.RSA_SHA256)) == CONTENT


def test_a_signer_named_by_its_key_verifies() -> None:
    assert verified(kit.by_hand(CONTENT, rsa_signer(), by_key_id=True)) == CONTENT


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"digest": kit.SHA1}, "too weak"),
        ({"algorithm": kit.RSA_SHA512}, "disagree"),
        ({"algorithm": bytes.fromhex("06082a8648ce3d040302")}, "not the key's"),
        ({"certificates": ()}, "signer's certificate"),
        ({"content_type": kit.SIGNED_DATA}, "plain data"),
        ({"signers": 2}, "exactly one signer"),
        ({"signers": 0}, "exactly one signer"),
        ({"signed_attributes": kit.attributes(CONTENT, without=kit.MESSAGE_DIGEST)}, "missing"),
        ({"signed_attributes": kit.attributes(CONTENT, without=kit.CONTENT_TYPE)}, "missing"),
        ({"signed_attributes": kit.attributes(CONTENT, kind=kit.SIGNED_DATA)}, "missing"),
        ({"signed_attributes": kit.attributes(CONTENT, twice=kit.MESSAGE_DIGEST)}, "repeated"),
        ({"signed_attributes": kit.attributes(b"other")}, "not what was signed"),
    ],
)
def test_messages_that_break_a_rule_are_refused(change: dict[str, Any], says: str) -> None:
    with pytest.raises(cms.CmsError, match=says):
        verified(kit.by_hand(CONTENT, rsa_signer(), **change))


def test_too_many_certificates_are_refused() -> None:
    with pytest.raises(cms.CmsError, match="too many"):
        verified(kit.by_hand(CONTENT, rsa_signer(), certificates=(rsa_signer().certificate,) * 9))


def test_a_negative_serial_number_is_refused() -> None:
    """RFC 5280 forbids it; `cryptography` only warns, which this suite makes an error."""
    certificate = rsa_signer().certificate.public_bytes(Encoding.DER)
    number = rsa_signer().certificate.serial_number
    serial = number.to_bytes(number.bit_length() // 8 + 1, "big")
    negative = certificate.replace(serial, bytes([serial[0] | 0x80]) + serial[1:], 1)
    assert negative != certificate
    with pytest.raises(cms.CmsError):
        verified(kit.by_hand(CONTENT, rsa_signer()).replace(certificate, negative))


def test_a_certificate_of_an_unknown_version_is_refused() -> None:
    certificate = rsa_signer().certificate.public_bytes(Encoding.DER)
    changed = certificate.replace(bytes.fromhex("a003020102"), bytes.fromhex("a003020107"), 1)
    assert changed != certificate
    with pytest.raises(cms.CmsError, match="cannot be read"):
        verified(kit.by_hand(CONTENT, rsa_signer()).replace(certificate, changed))


def test_another_key_does_not_verify() -> None:
    with pytest.raises(cms.CmsError, match="does not match"):
        cms.parse(good()).verify(kit.rsa_key("other").public_key())


def test_what_follows_a_message_is_refused() -> None:
    with pytest.raises(cms.CmsError, match="after the end"):
        cms.parse(good() + b"\0")


@settings(max_examples=60, deadline=None)
@given(st.data())
def test_a_truncated_message_is_refused(data: st.DataObject) -> None:
    cut = data.draw(st.integers(0, len(good()) - 1))
    with pytest.raises(cms.CmsError):
        cms.parse(good()[:cut])


@settings(max_examples=200, deadline=None)
@given(st.data())
def test_a_changed_byte_never_proves_other_content(data: st.DataObject) -> None:
    whole = bytearray(good())
    whole[data.draw(st.integers(0, len(whole) - 1))] ^= data.draw(st.integers(1, 255))
    try:
        message = cms.parse(bytes(whole))
        content = message.verify(rsa_signer().certificate.public_key())
    except cms.CmsError:
        return
    assert content == CONTENT  # the change was in what nobody signs: a version, a certificate


@settings(max_examples=200, deadline=None)
@given(st.binary(max_size=400))
def test_noise_is_refused(noise: bytes) -> None:
    with pytest.raises(cms.CmsError):
        cms.parse(noise)


_LEAVES = st.builds(kit.tlv, st.sampled_from([0x02, 0x04, 0x05, 0x06, 0x80]), st.binary(max_size=12))
_TREES = st.recursive(
    _LEAVES | st.sampled_from([kit.DATA, kit.SIGNED_DATA, kit.SHA256, kit.RSA]),
    lambda inner: st.builds(
        lambda make, tag, parts: make(tag, *parts),
        st.sampled_from([kit.tlv, kit.open_tlv]),
        st.sampled_from([0x30, 0x31, 0xA0, 0xA1, 0x24]),
        st.lists(inner, max_size=5),
    ),
    max_leaves=25,
)


@settings(max_examples=200, deadline=None)
@given(_TREES)
def test_well_formed_nonsense_is_refused(tree: bytes) -> None:
    data = kit.tlv(0x30, kit.SIGNED_DATA, kit.tlv(0xA0, tree))
    with pytest.raises(cms.CmsError):
        cms.parse(data)


def test_nesting_is_bounded() -> None:
    with pytest.raises(cms.CmsError, match="deeply"):
        cms.parse(b"\x30\x80" * 30_000)


@pytest.mark.parametrize(
    ("data", "says"),
    [
        (b"", "truncated"),
        (b"\x30", "truncated"),
        (b"\x30\x85\0\0\0\0\0", "truncated"),
        (b"\x30\x82\xff\xff", "truncated"),
        (b"\x30\x84\xff\xff\xff\xff", "truncated"),
        (b"\x1f\x81\x01\0", "does not use"),
        (b"\0\0", "does not use"),
        (b"\x04\x80\0\0", "indefinite"),
    ],
)
def test_broken_lengths_and_tags_are_refused(data: bytes, says: str) -> None:
    with pytest.raises(ber.BerError, match=says):
        ber.read(data)


@given(st.integers(0, 255).map(lambda n: n & 0xDF | 0x04), st.binary(max_size=70_000))
@settings(max_examples=30, deadline=None)
def test_encode_and_read_agree(tag: int, contents: bytes) -> None:
    if tag & 0x1F == 0x1F:
        tag = 0x04
    element = ber.read(ber.encode(tag, contents))
    assert (element.tag, element.contents) == (tag, contents)


def test_object_identifiers_read_as_dotted_numbers() -> None:
    assert ber.read(bytes.fromhex("06092a864886f70d010702")).oid() == "1.2.840.113549.1.7.2"
    assert ber.read(bytes.fromhex("0603883703")).oid() == "2.999.3"
    with pytest.raises(ber.BerError):
        ber.read(b"\x06\x01\x80").oid()
