"""A cloud in miniature: keys, authorities, certificates, PKCS #7 messages and tokens, all made here."""

from __future__ import annotations

import base64
import json
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.serialization import Encoding, pkcs7
from cryptography.x509.oid import AuthorityInformationAccessOID, ExtendedKeyUsageOID, NameOID

NOW = datetime(2026, 11, 24, 12, 0, tzinfo=UTC)
DAY = timedelta(days=1)

Key = rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey


@cache
def rsa_key(name: str, size: int = 2048) -> rsa.RSAPrivateKey:
    """One RSA key per name: making them is slow."""
    del name
    return rsa.generate_private_key(public_exponent=65537, key_size=size)


@cache
def ec_key(name: str) -> ec.EllipticCurvePrivateKey:
    del name
    return ec.generate_private_key(ec.SECP256R1())


@dataclass(frozen=True)
class Holder:
    """A certificate and its key."""

    certificate: x509.Certificate
    key: Key


def certify(
    name: str,
    key: Key,
    issuer: Holder | None = None,
    *,
    authority: bool = False,
    dns: tuple[str, ...] = (),
    usage: x509.ObjectIdentifier = ExtendedKeyUsageOID.SERVER_AUTH,
    start: datetime = NOW - 30 * DAY,
    end: datetime = NOW + 30 * DAY,
    issuer_url: str = "",
) -> Holder:
    """A certificate as public authorities make them; self-signed without `issuer`."""
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    signer = issuer.key if issuer else key
    public = key.public_key()
    builder = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer.certificate.subject if issuer else subject)
        .public_key(public)
        .serial_number(x509.random_serial_number())
        .not_valid_before(start)
        .not_valid_after(end)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(public), critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(signer.public_key()), critical=False)
        .add_extension(x509.BasicConstraints(ca=authority, path_length=None), critical=True)
    )
    if authority:
        builder = builder.add_extension(
            x509.KeyUsage(False, False, False, False, False, True, True, False, False), critical=True
        )
    else:
        builder = builder.add_extension(x509.ExtendedKeyUsage([usage]), critical=False)
    if dns:
        builder = builder.add_extension(x509.SubjectAlternativeName([x509.DNSName(n) for n in dns]), critical=False)
    if issuer_url:
        where = x509.UniformResourceIdentifier(issuer_url)
        access = x509.AccessDescription(AuthorityInformationAccessOID.CA_ISSUERS, where)
        builder = builder.add_extension(x509.AuthorityInformationAccess([access]), critical=False)
    return Holder(builder.sign(signer, hashes.SHA256()), key)


def pinned(size: int = 2048, *, start: datetime = NOW - DAY, end: datetime = NOW + DAY, name: str = "aws") -> Holder:
    """A bare self-signed certificate like those AWS publishes."""
    key = rsa_key(name, size)
    subject = x509.Name([x509.NameAttribute(NameOID.ORGANIZATION_NAME, "Test Web Services LLC")])
    certificate = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(start)
        .not_valid_after(end)
        .sign(key, hashes.SHA256())
    )
    return Holder(certificate, key)


def message(content: bytes, signer: Holder, *others: Holder, options: tuple[pkcs7.PKCS7Options, ...] = ()) -> bytes:
    """DER of a PKCS #7 message as `cryptography` (like OpenSSL) makes it."""
    builder = (
        pkcs7.PKCS7SignatureBuilder().set_data(content).add_signer(signer.certificate, signer.key, hashes.SHA256())
    )
    for other in others:
        builder = builder.add_certificate(other.certificate)
    return builder.sign(Encoding.DER, [pkcs7.PKCS7Options.Binary, *options])


def tlv(tag: int, *parts: bytes) -> bytes:
    """One DER element."""
    contents = b"".join(parts)
    size = len(contents)
    if size < 0x80:
        return bytes([tag, size]) + contents
    return bytes([tag, 0x82]) + size.to_bytes(2, "big") + contents


def open_tlv(tag: int, *parts: bytes) -> bytes:
    """One BER element of indefinite length."""
    return bytes([tag, 0x80]) + b"".join(parts) + b"\0\0"


DATA = bytes.fromhex("06092a864886f70d010701")
SIGNED_DATA = bytes.fromhex("06092a864886f70d010702")
SHA1 = bytes.fromhex("06052b0e03021a")
SHA256 = bytes.fromhex("0609608648016503040201")
RSA = bytes.fromhex("06092a864886f70d010101")
RSA_SHA256 = bytes.fromhex("06092a864886f70d01010b")
RSA_SHA512 = bytes.fromhex("06092a864886f70d01010d")
CONTENT_TYPE = bytes.fromhex("06092a864886f70d010903")
MESSAGE_DIGEST = bytes.fromhex("06092a864886f70d010904")
NULL = b"\x05\0"


def attributes(content: bytes, *, kind: bytes = DATA, without: bytes = b"", twice: bytes = b"") -> bytes:
    """The contents of signed attributes for `content`."""
    found = {
        CONTENT_TYPE: tlv(0x30, CONTENT_TYPE, tlv(0x31, kind)),
        MESSAGE_DIGEST: tlv(0x30, MESSAGE_DIGEST, tlv(0x31, tlv(0x04, _sha256(content)))),
    }
    parts = [value for key, value in found.items() if key != without]
    return b"".join([*parts, *(value for key, value in found.items() if key == twice)])


def by_hand(
    content: bytes,
    signer: Holder,
    *,
    indefinite: bool = False,
    certificates: tuple[x509.Certificate, ...] | None = None,
    signed_attributes: bytes | None = None,
    digest: bytes = SHA256,
    algorithm: bytes = RSA,
    by_key_id: bool = False,
    content_type: bytes = DATA,
    signers: int = 1,
) -> bytes:
    """A message with every choice that the builder of `cryptography` does not offer. RSA signers only."""
    assert isinstance(signer.key, rsa.RSAPrivateKey)
    outer = open_tlv if indefinite else tlv
    cut = len(content) // 2
    octets = open_tlv(0x24, tlv(0x04, content[:cut]), tlv(0x04, content[cut:])) if indefinite else tlv(0x04, content)
    certificate = signer.certificate
    if by_key_id:
        identifier = certificate.extensions.get_extension_for_class(x509.SubjectKeyIdentifier).value.digest
        sid = tlv(0x80, identifier)
    else:
        number = certificate.serial_number
        serial = tlv(0x02, number.to_bytes(number.bit_length() // 8 + 1, "big"))
        sid = tlv(0x30, certificate.issuer.public_bytes(), serial)
    to_sign = content if signed_attributes is None else tlv(0x31, signed_attributes)
    signature = signer.key.sign(to_sign, padding.PKCS1v15(), hashes.SHA256())
    info = tlv(
        0x30,
        tlv(0x02, b"\3" if by_key_id else b"\1"),
        sid,
        tlv(0x30, digest, NULL),
        b"" if signed_attributes is None else tlv(0xA0, signed_attributes),
        tlv(0x30, algorithm, NULL),
        tlv(0x04, signature),
    )
    sent = (certificate,) if certificates is None else certificates
    return outer(
        0x30,
        SIGNED_DATA,
        outer(
            0xA0,
            outer(
                0x30,
                tlv(0x02, b"\1"),
                tlv(0x31, tlv(0x30, digest, NULL)),
                outer(0x30, content_type, outer(0xA0, octets)),
                outer(0xA0, *(c.public_bytes(Encoding.DER) for c in sent)) if sent else b"",
                tlv(0x31, *[info] * signers),
            ),
        ),
    )


def token(claims: object, *, kid: str = "k1", key: rsa.RSAPrivateKey | None = None, header: object = None) -> str:
    """A JWT signed with RS256, whatever its header says."""
    head = {"alg": "RS256", "kid": kid, "typ": "JWT"} if header is None else header
    signed = f"{b64url(json.dumps(head).encode())}.{b64url(json.dumps(claims).encode())}"
    signature = (key or rsa_key("google")).sign(signed.encode(), padding.PKCS1v15(), hashes.SHA256())
    return f"{signed}.{b64url(signature)}"


def claims(**changes: Any) -> dict[str, Any]:
    """What Google's full-format token says; None leaves a claim out."""
    found = {
        "iss": "https://accounts.google.com",
        "aud": "coder",
        "sub": "112179062720391305885",
        "iat": int(NOW.timestamp()) - 60,
        "exp": int(NOW.timestamp()) + 3540,
        "google": {"compute_engine": {"instance_id": "152986662232938449", "project_id": "my-project", "zone": "us-a"}},
        **changes,
    }
    return {name: value for name, value in found.items() if value is not None}


def b64(data: bytes) -> str:
    return base64.b64encode(data).decode()


def b64url(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).decode().rstrip("=")


def jwks(**keys: rsa.RSAPrivateKey) -> bytes:
    """A JSON Web Key Set as Google publishes it."""

    def number(value: int) -> str:
        return b64url(value.to_bytes((value.bit_length() + 7) // 8, "big"))

    listed = []
    for kid, key in keys.items():
        numbers = key.public_key().public_numbers()
        listed.append(
            {"kid": kid, "kty": "RSA", "alg": "RS256", "use": "sig", "n": number(numbers.n), "e": number(numbers.e)}
        )
    return json.dumps({"keys": listed}).encode()


def _sha256(content: bytes) -> bytes:
    hasher = hashes.Hash(hashes.SHA256())
    hasher.update(content)
    return hasher.finalize()
