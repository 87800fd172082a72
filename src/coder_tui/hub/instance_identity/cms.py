"""CMS SignedData (RFC 5652, PKCS #7) with one signer: read it, and verify its signature with a given public key.

The `cryptography` package makes such messages and reads their certificates, but does not verify them. Only the walk
through the structure is done here: certificates, keys and signatures are its business. Who the signer is and whether
to trust it is the caller's.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import constant_time, hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa

from coder_tui.hub.instance_identity import ber
from coder_tui.hub.instance_identity.ber import BerError, Element, context

_DATA = "1.2.840.113549.1.7.1"
_SIGNED_DATA = "1.2.840.113549.1.7.2"
_CONTENT_TYPE = "1.2.840.113549.1.9.3"
_MESSAGE_DIGEST = "1.2.840.113549.1.9.4"
_MAX_CERTIFICATES = 8

# SHA-1 is absent on purpose: it no longer proves anything. Azure puts its signature algorithm where the digest
# algorithm belongs, so those identifiers stand for their digests too.
_DIGESTS: dict[str, hashes.HashAlgorithm] = {
    "2.16.840.1.101.3.4.2.1": hashes.SHA256(),
    "2.16.840.1.101.3.4.2.2": hashes.SHA384(),
    "2.16.840.1.101.3.4.2.3": hashes.SHA512(),
    "1.2.840.113549.1.1.11": hashes.SHA256(),
    "1.2.840.113549.1.1.12": hashes.SHA384(),
    "1.2.840.113549.1.1.13": hashes.SHA512(),
    "1.2.840.10045.4.3.2": hashes.SHA256(),
    "1.2.840.10045.4.3.3": hashes.SHA384(),
    "1.2.840.10045.4.3.4": hashes.SHA512(),
}
_RSA = {"1.2.840.113549.1.1.1", "1.2.840.113549.1.1.11", "1.2.840.113549.1.1.12", "1.2.840.113549.1.1.13"}
_EC = {"1.2.840.10045.2.1", "1.2.840.10045.4.3.2", "1.2.840.10045.4.3.3", "1.2.840.10045.4.3.4"}


FAULTS = (
    ValueError,
    UnsupportedAlgorithm,
    x509.InvalidVersion,
    x509.DuplicateExtension,
    x509.ExtensionNotFound,
    x509.UnsupportedGeneralNameType,
    Warning,  # where warnings are errors, a fault that is only warned of is one all the same
)
"""All that reading a stranger's certificate, or a part of it, may raise."""


class CmsError(ValueError):
    """Not a SignedData of the kind read here, or its signature does not hold. The text says which."""


@dataclass(frozen=True, slots=True)
class SignedData:
    """A parsed message. Nothing in it is proven before `verify`."""

    content: bytes | None
    """None when the message is detached."""
    certificates: tuple[x509.Certificate, ...]
    issuer: bytes
    """DER of the signer's issuer name; empty when the signer is named by `key_id`."""
    serial: int
    key_id: bytes
    digest: hashes.HashAlgorithm
    signature_algorithm: str
    signed_attributes: bytes | None
    """DER of the SET OF attributes, which is what is signed when there are any (RFC 5652, 5.4)."""
    message_digest: bytes
    signature: bytes

    def signer(self) -> x509.Certificate:
        """The certificate in the message that its signer info names. Raises CmsError."""
        found = [certificate for certificate in self.certificates if self._names(certificate)]
        if len(found) != 1:
            raise CmsError("the signer's certificate is not in the message")
        return found[0]

    def _names(self, certificate: x509.Certificate) -> bool:
        try:
            if self.key_id:
                extension = certificate.extensions.get_extension_for_class(x509.SubjectKeyIdentifier)
                return extension.value.digest == self.key_id
            return certificate.serial_number == self.serial and certificate.issuer.public_bytes() == self.issuer
        except FAULTS:
            return False

    def verify(self, key: object, detached: bytes | None = None) -> bytes:
        """The content, proven to be signed by `key` (RSA PKCS #1 v1.5 or ECDSA). Raises CmsError.

        `detached` is the content where the message carries none.
        """
        content = self.content if self.content is not None else detached
        if content is None:
            raise CmsError("the message has no content")
        signed = content
        if self.signed_attributes is not None:
            hasher = hashes.Hash(self.digest)
            hasher.update(content)
            if not constant_time.bytes_eq(hasher.finalize(), self.message_digest):
                raise CmsError("the content is not what was signed")
            signed = self.signed_attributes
        try:
            if isinstance(key, rsa.RSAPublicKey) and self.signature_algorithm in _RSA:
                key.verify(self.signature, signed, padding.PKCS1v15(), self.digest)
            elif isinstance(key, ec.EllipticCurvePublicKey) and self.signature_algorithm in _EC:
                key.verify(self.signature, signed, ec.ECDSA(self.digest))
            else:
                raise CmsError("the signature's algorithm is not the key's")
        except (InvalidSignature, UnsupportedAlgorithm, ValueError) as error:
            raise error if isinstance(error, CmsError) else CmsError("the signature does not match") from None
        return content


def parse(data: bytes) -> SignedData:
    """Read a ContentInfo that holds a SignedData with exactly one signer. Raises CmsError."""
    try:
        return _content_info(ber.read(data))
    except BerError as error:
        raise CmsError(f"not a PKCS #7 message: {error}") from None
    except StopIteration:
        raise CmsError("not a PKCS #7 message: an element is missing") from None


def _content_info(outer: Element) -> SignedData:
    fields = outer.expect(ber.SEQUENCE).children()
    if next(fields).oid() != _SIGNED_DATA:
        raise CmsError("the message is not SignedData")
    parts = next(next(fields).expect(context(0)).children()).expect(ber.SEQUENCE).children()
    next(parts).integer()  # version
    next(parts).expect(ber.SET)  # digest algorithms: hints only
    content = _content(next(parts).expect(ber.SEQUENCE))
    certificates: tuple[x509.Certificate, ...] = ()
    part = next(parts)
    if part.tag == context(0):
        certificates = _certificates(part)
        part = next(parts)
    if part.tag == context(1):  # revocation lists: not used
        part = next(parts)
    signers = list(part.expect(ber.SET).children())
    if len(signers) != 1:
        raise CmsError("the message does not have exactly one signer")
    return _signer_info(signers[0].expect(ber.SEQUENCE).children(), content, certificates)


def _content(info: Element) -> bytes | None:
    fields = info.children()
    if next(fields).oid() != _DATA:
        raise CmsError("the message's content is not plain data")
    wrapped = next(fields, None)
    return None if wrapped is None else next(wrapped.expect(context(0)).children()).octets()


def _certificates(part: Element) -> tuple[x509.Certificate, ...]:
    raw = [child.raw for child in part.children() if child.tag == ber.SEQUENCE]
    if len(raw) > _MAX_CERTIFICATES:
        raise CmsError("the message has too many certificates")
    try:
        return tuple(x509.load_der_x509_certificate(item) for item in raw)
    except FAULTS:
        raise CmsError("a certificate in the message cannot be read") from None


def _signer_info(
    fields: Iterator[Element], content: bytes | None, certificates: tuple[x509.Certificate, ...]
) -> SignedData:
    next(fields).integer()  # version
    issuer, serial, key_id = b"", 0, b""
    name = next(fields)
    if name.tag == ber.SEQUENCE:
        pair = name.children()
        issuer, serial = next(pair).expect(ber.SEQUENCE).raw, next(pair).integer()
    else:
        key_id = name.expect(context(0, constructed=False)).contents
    digest = _DIGESTS.get(next(next(fields).expect(ber.SEQUENCE).children()).oid())
    if digest is None:
        raise CmsError("the digest algorithm is unknown or too weak")
    attributes, message_digest = None, b""
    field = next(fields)
    if field.tag == context(0):
        attributes = ber.encode(ber.SET, field.contents)
        message_digest = _message_digest(field)
        field = next(fields)
    algorithm = next(field.expect(ber.SEQUENCE).children()).oid()
    named = _DIGESTS.get(algorithm)
    if named is not None and named.name != digest.name:
        raise CmsError("the digest and signature algorithms disagree")
    return SignedData(
        content=content,
        certificates=certificates,
        issuer=issuer,
        serial=serial,
        key_id=key_id,
        digest=digest,
        signature_algorithm=algorithm,
        signed_attributes=attributes,
        message_digest=message_digest,
        signature=next(fields).octets(),
    )


def _message_digest(attributes: Element) -> bytes:
    """The messageDigest attribute; contentType must be there too and say data (RFC 5652, 5.3 and 11)."""
    values: dict[str, Element] = {}
    for attribute in attributes.children():
        fields = attribute.expect(ber.SEQUENCE).children()
        kind = next(fields).oid()
        found = list(next(fields).expect(ber.SET).children())
        if kind in (_CONTENT_TYPE, _MESSAGE_DIGEST):
            if kind in values or len(found) != 1:
                raise CmsError("a signed attribute is repeated")
            values[kind] = found[0]
    if set(values) != {_CONTENT_TYPE, _MESSAGE_DIGEST} or values[_CONTENT_TYPE].oid() != _DATA:
        raise CmsError("a signed attribute is missing")
    return values[_MESSAGE_DIGEST].octets()
