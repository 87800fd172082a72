"""AWS instance identity documents.

The document (`/latest/dynamic/instance-identity/document`) comes with a signature in one of three forms: `signature`,
base64 of RSA PKCS #1 v1.5 with SHA-256 over the document's bytes (what the `coder` CLI sends); `rsa2048`, a PKCS #7
message with SHA-256; and `pkcs7`, a PKCS #7 message with DSA and SHA-1. The first two are accepted, the third is not:
SHA-1 no longer proves anything. AWS publishes one certificate of each kind per region and pins, so there is no chain.

A document says when it was made and never expires; a proof can be used again for as long as the instance lives.

Source: docs.aws.amazon.com/AWSEC2/latest/UserGuide/verify-iid.html
"""

from __future__ import annotations

import hashlib
from datetime import UTC, datetime
from typing import Any

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding, rsa

from coder_tui.hub.instance_identity import cms
from coder_tui.hub.instance_identity.proof import (
    SKEW,
    IdentityError,
    InstanceProof,
    check_times,
    read_base64,
    read_id,
    read_object,
    read_text,
)
from coder_tui.hub.instance_identity.roots import AwsRoots

MAX_DOCUMENT = 16 << 10
MAX_SIGNATURE = 32 << 10
_RSA_SIZES = frozenset({128, 256, 384, 512})


def verify(signature: str, document: str, roots: AwsRoots, *, now: datetime) -> InstanceProof:
    """Prove the instance of `document`, signed by `signature` (base64: `signature` or `rsa2048` form).

    `now` is aware. Raises IdentityError, and nothing else, for whatever the two strings hold.
    """
    if len(document) > MAX_DOCUMENT:
        raise IdentityError("AWS", f"the document is longer than {MAX_DOCUMENT} characters")
    raw = read_base64("AWS", signature, "signature", limit=MAX_SIGNATURE)
    try:
        signed = document.encode()
    except UnicodeEncodeError:
        raise IdentityError("AWS", "the document is not UTF-8") from None
    message = None if len(raw) in _RSA_SIZES else _parse(raw)
    if message is not None and message.content is not None:
        # the message carries the document: only that one is proven, the other must not tell another story
        if signed.strip() and _facts(signed) != _facts(message.content):
            raise IdentityError("AWS", "the document is not the one in the PKCS #7 message")
        signed = message.content
    facts = _facts(signed)
    region = read_text(facts, "region")
    signers = roots.signers(region)
    if not signers:
        raise IdentityError("AWS", "no certificate is known for the document's region; add one to the hub's roots")
    made_by = [certificate for certificate in signers if _signed_by(certificate, raw, message, signed)]
    if not made_by:
        raise IdentityError("AWS", "no trusted certificate of the document's region made this signature")
    # AWS renews a certificate and keeps its key: any one that is valid will do
    if not any(c.not_valid_before_utc - SKEW <= now <= c.not_valid_after_utc + SKEW for c in made_by):
        raise IdentityError("AWS", "the signing certificate is not valid now; add the region's current one")
    issued = _pending_time(facts)
    check_times("AWS", now, issued=issued, expires=None)
    return InstanceProof(
        cloud="AWS",
        instance_id=read_id("AWS", facts.get("instanceId"), "instanceId"),
        digest=hashlib.sha256(signed).digest(),
        account=read_text(facts, "accountId"),
        region=region,
        issued_at=issued,
    )


def _parse(raw: bytes) -> cms.SignedData:
    try:
        return cms.parse(raw)
    except cms.CmsError as error:
        raise IdentityError("AWS", f"the signature is neither RSA nor usable PKCS #7: {error}") from None


def _facts(document: bytes) -> dict[str, Any]:
    return read_object("AWS", document, "document")


def _signed_by(certificate: x509.Certificate, raw: bytes, message: cms.SignedData | None, signed: bytes) -> bool:
    key = certificate.public_key()
    try:
        if message is not None:
            message.verify(key, signed)
        elif isinstance(key, rsa.RSAPublicKey):
            key.verify(raw, signed, padding.PKCS1v15(), hashes.SHA256())
        else:
            return False
    except (InvalidSignature, cms.CmsError):
        return False
    return True


def _pending_time(facts: dict[str, Any]) -> datetime | None:
    """When the instance was last started, RFC 3339."""
    value = facts.get("pendingTime")
    if value is None:
        return None
    try:
        return datetime.strptime(value, "%Y-%m-%dT%H:%M:%SZ").replace(tzinfo=UTC)
    except (TypeError, ValueError):
        raise IdentityError("AWS", "its pendingTime is not a time") from None
