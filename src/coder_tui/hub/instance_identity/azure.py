"""Azure attested data: `/metadata/attested/document`, a PKCS #7 message signed with a TLS certificate.

The certificate is named `metadata.azure.com` (or a region's subdomain, or a sovereign cloud's name) and chains to the
roots of Azure's TLS authorities; the message usually carries only that certificate. The signed JSON says which VM it
speaks of and for how long (six hours). A nonce is optional there and not asked for here: Coder's agents send none.

Source: learn.microsoft.com/azure/virtual-machines/instance-metadata-service (Attested data)
"""

from __future__ import annotations

import hashlib
from datetime import UTC, datetime
from typing import Any

from cryptography import x509
from cryptography.x509 import verification
from cryptography.x509.oid import AuthorityInformationAccessOID

from coder_tui.hub.instance_identity import cms
from coder_tui.hub.instance_identity.proof import (
    IdentityError,
    InstanceProof,
    UnknownIssuerError,
    check_times,
    read_base64,
    read_id,
    read_object,
    read_text,
)
from coder_tui.hub.instance_identity.roots import AzureRoots

MAX_SIGNATURE = 64 << 10
NAMES = ("metadata.azure.com", "metadata.azure.us", "metadata.azure.cn", "metadata.microsoftazure.de")
"""Names of the signer, themselves or any subdomain: public, US Government, China, Germany."""

_MAX_CHAIN = 4  # issuing authorities between the signer and a root


def verify(encoding: str, signature: str, roots: AzureRoots, *, now: datetime) -> InstanceProof:
    """Prove the VM of an attested document; `encoding` must be `pkcs7`, `signature` is base64. `now` is aware.

    Raises IdentityError, and nothing else, for whatever the two strings hold; its subclass UnknownIssuerError when
    only the chain is incomplete.
    """
    if encoding.strip().lower() != "pkcs7":
        raise IdentityError("Azure", "the encoding is not pkcs7")
    raw = read_base64("Azure", signature, "signature", limit=MAX_SIGNATURE)
    try:
        message = cms.parse(raw)
        signer = message.signer()
        content = message.verify(signer.public_key())
    except cms.CmsError as error:
        raise IdentityError("Azure", str(error)) from None
    except cms.FAULTS:
        raise IdentityError("Azure", "the signer's key is of an unknown kind") from None
    _check_chain(signer, _name(signer), message.certificates, roots, now)

    facts = read_object("Azure", content, "document")
    issued, expires = _times(facts)
    check_times("Azure", now, issued=issued, expires=expires)
    return InstanceProof(
        cloud="Azure",
        instance_id=read_id("Azure", facts.get("vmId"), "vmId").lower(),
        digest=hashlib.sha256(content).digest(),
        account=read_text(facts, "subscriptionId"),
        issued_at=issued,
        expires_at=expires,
    )


def issuer_urls(certificate: x509.Certificate) -> tuple[str, ...]:
    """Where `certificate` says its issuer's certificate is (RFC 5280, 4.2.2.1); unverified."""
    try:
        access = certificate.extensions.get_extension_for_class(x509.AuthorityInformationAccess).value
    except cms.FAULTS:
        return ()
    return tuple(
        item.access_location.value
        for item in access
        if item.access_method == AuthorityInformationAccessOID.CA_ISSUERS
        and isinstance(item.access_location, x509.UniformResourceIdentifier)
    )[:4]


def _name(signer: x509.Certificate) -> str:
    """The DNS name by which the signer is Azure's metadata service. Subject names do not count (RFC 9525)."""
    try:
        names = signer.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
        found = [name.lower() for name in names.get_values_for_type(x509.DNSName)]
    except cms.FAULTS:
        found = []
    for name in found:
        if any(name == known or name.endswith("." + known) for known in NAMES):
            return name
    raise IdentityError("Azure", "the signer is not named as Azure's metadata service")


def _check_chain(
    signer: x509.Certificate, name: str, sent: tuple[x509.Certificate, ...], roots: AzureRoots, now: datetime
) -> None:
    """Path validation (RFC 5280, 6, with the web's profile) of a server certificate called `name`, at `now`."""
    others = [certificate for certificate in sent if certificate != signer]
    try:
        verifier = (
            verification.PolicyBuilder()
            .store(verification.Store(list(roots.roots)))
            .time(now)
            .max_chain_depth(_MAX_CHAIN)
            .build_server_verifier(x509.DNSName(name))
        )
        verifier.verify(signer, [*others, *roots.intermediates])
    except verification.VerificationError as error:
        if not signer.not_valid_before_utc <= now <= signer.not_valid_after_utc:
            raise IdentityError("Azure", "the signer's certificate is not valid now") from None
        urls = tuple(url for certificate in (signer, *others) for url in issuer_urls(certificate))
        detail = f"the signer's certificate does not chain to a trusted root: {error}"[:300]
        raise UnknownIssuerError("Azure", detail, urls) from None
    except cms.FAULTS:
        raise IdentityError("Azure", "the signer's certificate cannot be checked") from None


def _times(facts: dict[str, Any]) -> tuple[datetime, datetime]:
    """`timeStamp`, two times like `11/20/18 22:07:39 -0000`. The first API version wrote `timestamp`."""
    stamp = facts.get("timeStamp", facts.get("timestamp"))
    if not isinstance(stamp, dict):
        raise IdentityError("Azure", "the document has no timeStamp")
    try:
        issued, expires = (
            datetime.strptime(stamp[key], "%m/%d/%y %H:%M:%S %z").astimezone(UTC) for key in ("createdOn", "expiresOn")
        )
    except (KeyError, TypeError, ValueError, OverflowError):
        raise IdentityError("Azure", "the document's timeStamp is not a pair of times") from None
    if expires <= issued:
        raise IdentityError("Azure", "the document expires before it was made")
    return issued, expires
