"""Azure attested documents: signature, chain, name and clock, each broken in turn."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cache
from typing import Any

import pytest
from cryptography.hazmat.primitives.serialization.pkcs7 import PKCS7Options
from cryptography.x509.oid import ExtendedKeyUsageOID
from hypothesis import given, settings
from hypothesis import strategies as st

from coder_tui.hub.instance_identity import IdentityError, UnknownIssuerError, azure, roots
from coder_tui.hub.instance_identity.proof import InstanceProof
from tests.hub import identity_kit as kit
from tests.hub.identity_kit import DAY, NOW

VM = "990878d4-068a-4ac4-9ee9-1231d2218ef2"
URL = "http://www.microsoft.com/pkiops/certs/issuing.crt"


@dataclass(frozen=True)
class Pki:
    root: kit.Holder
    issuing: kit.Holder
    signer: kit.Holder

    @property
    def trust(self) -> roots.AzureRoots:
        return roots.AzureRoots((self.root.certificate,), (self.issuing.certificate,))


@cache
def pki() -> Pki:
    root = kit.certify("Root", kit.ec_key("root"), authority=True)
    issuing = kit.certify("Issuing", kit.ec_key("issuing"), root, authority=True)
    return Pki(root, issuing, leaf(issuing=issuing))


def leaf(
    *dns: str, issuing: kit.Holder | None = None, start: datetime = NOW - DAY, end: datetime = NOW + DAY, **more: Any
) -> kit.Holder:
    return kit.certify(
        "metadata.azure.com",
        kit.rsa_key("azure"),
        issuing or pki().issuing,
        dns=dns or ("metadata.azure.com", "westeurope.metadata.azure.com"),
        start=start,
        end=end,
        issuer_url=URL,
        **more,
    )


def stamp(when: datetime) -> str:
    return f"{when:%m/%d/%y %H:%M:%S} -0000"


def document(**changes: Any) -> bytes:
    facts = {
        "nonce": "20261124-180000",
        "subscriptionId": "0afbfffa-5df9-4a3b-987e-fe7577624272",
        "timeStamp": {"createdOn": stamp(NOW - timedelta(minutes=1)), "expiresOn": stamp(NOW + timedelta(hours=6))},
        "vmId": VM,
        **changes,
    }
    return json.dumps({key: value for key, value in facts.items() if value is not None}).encode()


def attested(content: bytes | None = None, signer: kit.Holder | None = None, **options: Any) -> str:
    """A message as Azure writes it: no attributes, the signature's algorithm in the digest's place."""
    content = document() if content is None else content
    return kit.b64(kit.by_hand(content, signer or pki().signer, digest=kit.RSA_SHA256, **options))


def verify(signature: str, trust: roots.AzureRoots | None = None, *, encoding: str = "pkcs7") -> InstanceProof:
    return azure.verify(encoding, signature, trust or pki().trust, now=NOW)


def test_an_attested_document_proves_its_machine() -> None:
    proof = verify(attested())
    assert (proof.cloud, proof.instance_id, proof.account) == ("Azure", VM, "0afbfffa-5df9-4a3b-987e-fe7577624272")
    assert proof.issued_at == NOW - timedelta(minutes=1)
    assert proof.expires_at == NOW + timedelta(hours=6)


def test_vm_ids_compare_in_lower_case() -> None:
    assert verify(attested(document(vmId=VM.upper()))).instance_id == VM


def test_messages_with_attributes_and_the_chain_inside_verify_too() -> None:
    data = kit.message(document(), pki().signer, pki().issuing, options=(PKCS7Options.NoCapabilities,))
    assert verify(kit.b64(data), roots.AzureRoots((pki().root.certificate,))).instance_id == VM


def test_the_first_api_version_s_spelling_is_read() -> None:
    times = {"createdOn": stamp(NOW), "expiresOn": stamp(NOW + DAY)}
    assert verify(attested(document(timeStamp=None, timestamp=times))).instance_id == VM


@pytest.mark.parametrize(
    "dns",
    [
        "metadata.azure.com",
        "eastus2.metadata.azure.com",
        "usgovvirginia.metadata.azure.us",
        "metadata.azure.cn",
        "metadata.microsoftazure.de",
        "METADATA.azure.com",
    ],
)
def test_names_of_every_cloud_are_accepted(dns: str) -> None:
    assert verify(attested(signer=leaf(dns))).instance_id == VM


@pytest.mark.parametrize(
    "dns",
    [
        "azure.com",
        "metadata.azure.com.evil.example",
        "evilmetadata.azure.com",
        "metadata.azure.org",
        "portal.azure.com",
    ],
)
def test_other_names_are_refused(dns: str) -> None:
    with pytest.raises(IdentityError, match="not named"):
        verify(attested(signer=leaf(dns)))


def test_a_common_name_is_not_a_name() -> None:
    nameless = kit.certify("metadata.azure.com", kit.rsa_key("azure"), pki().issuing)
    with pytest.raises(IdentityError, match="not named"):
        verify(attested(signer=nameless))


def test_a_missing_issuer_says_where_it_may_be() -> None:
    with pytest.raises(UnknownIssuerError) as caught:
        verify(attested(), roots.AzureRoots((pki().root.certificate,)))
    assert caught.value.urls == (URL,)
    helped = roots.AzureRoots((pki().root.certificate,)).helped_by([pki().issuing.certificate])
    assert verify(attested(), helped).instance_id == VM


def test_a_chain_to_another_root_is_refused() -> None:
    other = kit.certify("Root", kit.ec_key("other root"), authority=True)
    with pytest.raises(UnknownIssuerError, match="does not chain"):
        verify(attested(), roots.AzureRoots((other.certificate,), (pki().issuing.certificate,)))


def test_a_self_signed_signer_is_refused() -> None:
    own = kit.certify("metadata.azure.com", kit.rsa_key("azure"), dns=("metadata.azure.com",))
    with pytest.raises(IdentityError, match="does not chain"):
        verify(attested(signer=own))


def test_a_root_in_the_message_is_not_trusted() -> None:
    root = kit.certify("Evil", kit.ec_key("evil"), authority=True)
    signer = leaf(issuing=root)
    with pytest.raises(IdentityError, match="does not chain"):
        verify(attested(signer=signer, certificates=(signer.certificate, root.certificate)))


def test_an_issuer_that_is_no_authority_is_refused() -> None:
    """Anyone with a certificate below the same root could otherwise issue Azure's name."""
    stranger = kit.certify("stranger", kit.ec_key("stranger"), pki().issuing, dns=("stranger.example",))
    signer = leaf(issuing=stranger)
    with pytest.raises(IdentityError, match="does not chain"):
        verify(attested(signer=signer, certificates=(signer.certificate, stranger.certificate)))


def test_a_certificate_for_another_use_is_refused() -> None:
    with pytest.raises(IdentityError, match="does not chain"):
        verify(attested(signer=leaf(usage=ExtendedKeyUsageOID.CLIENT_AUTH)))


@pytest.mark.parametrize(("start", "end"), [(NOW - 9 * DAY, NOW - DAY), (NOW + DAY, NOW + 9 * DAY)])
def test_a_signer_out_of_its_time_is_refused(start: datetime, end: datetime) -> None:
    with pytest.raises(IdentityError, match="not valid now"):
        verify(attested(signer=leaf(start=start, end=end)))


def test_a_changed_document_is_refused() -> None:
    data = kit.by_hand(document(), pki().signer)
    with pytest.raises(IdentityError, match="does not match"):
        verify(kit.b64(data.replace(VM.encode(), b"f" + VM[1:].encode())))


def test_another_key_under_the_right_certificate_is_refused() -> None:
    forger = kit.Holder(pki().signer.certificate, kit.rsa_key("forger"))
    with pytest.raises(IdentityError, match="does not match"):
        verify(attested(signer=forger))


def times(created: str | datetime, expires: str | datetime) -> dict[str, str]:
    return {
        "createdOn": created if isinstance(created, str) else stamp(created),
        "expiresOn": expires if isinstance(expires, str) else stamp(expires),
    }


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"timeStamp": times(NOW - DAY, NOW - timedelta(minutes=3))}, "expired"),
        ({"timeStamp": times(NOW + timedelta(minutes=3), NOW + DAY)}, "in the future"),
        ({"timeStamp": times(NOW, NOW - timedelta(seconds=1))}, "expires before"),
        ({"timeStamp": None}, "no timeStamp"),
        ({"timeStamp": "now"}, "no timeStamp"),
        ({"timeStamp": {"createdOn": stamp(NOW)}}, "not a pair"),
        ({"timeStamp": times("yesterday", NOW)}, "not a pair"),
        ({"timeStamp": {"createdOn": 1, "expiresOn": 2}}, "not a pair"),
        ({"vmId": None}, "names no instance"),
        ({"vmId": "a b"}, "names no instance"),
    ],
)
def test_documents_that_break_a_rule_are_refused(changes: dict[str, Any], says: str) -> None:
    with pytest.raises(IdentityError, match=says) as caught:
        verify(attested(document(**changes)))
    assert caught.value.message == "Invalid Azure identity."


def test_a_clock_that_is_a_little_off_is_forgiven() -> None:
    minute = timedelta(minutes=1)
    assert verify(attested(document(timeStamp=times(NOW + minute, NOW + DAY)))).instance_id == VM
    assert verify(attested(document(timeStamp=times(NOW - DAY, NOW - minute)))).instance_id == VM


@pytest.mark.parametrize(
    ("encoding", "signature", "says"),
    [
        ("", "AAAA", "encoding"),
        ("pem", "AAAA", "encoding"),
        ("pkcs7", "", "empty"),
        ("pkcs7", "é", "not base64"),
        ("pkcs7", "AAAA", "PKCS #7"),
        ("pkcs7", "A" * 70_000, "longer than"),
    ],
)
def test_what_is_no_message_is_refused(encoding: str, signature: str, says: str) -> None:
    with pytest.raises(IdentityError, match=says):
        verify(signature, encoding=encoding)


def test_content_that_is_no_json_is_refused() -> None:
    with pytest.raises(IdentityError, match="not JSON"):
        verify(attested(b"\xff"))


@settings(max_examples=150, deadline=None)
@given(st.data())
def test_a_changed_byte_is_refused_or_changes_nothing(data: st.DataObject) -> None:
    whole = bytearray(kit.by_hand(document(), pki().signer))
    whole[data.draw(st.integers(0, len(whole) - 1))] ^= data.draw(st.integers(1, 255))
    try:
        proof = verify(kit.b64(bytes(whole)))
    except IdentityError:
        return
    assert proof.instance_id == VM


@settings(max_examples=80, deadline=None)
@given(st.text(max_size=200), st.text(max_size=200) | st.binary(max_size=300).map(kit.b64))
def test_anything_else_is_refused_in_the_same_way(encoding: str, signature: str) -> None:
    for words in (encoding, "pkcs7"):
        with pytest.raises(IdentityError):
            verify(signature, encoding=words)


def test_bundled_roots_are_authorities() -> None:
    bundled = roots.azure_roots()
    names = {c.subject.rfc4514_string().split(",")[0] for c in bundled.roots}
    assert {"CN=DigiCert Global Root G2", "CN=Microsoft TLS RSA Root G2"} <= names
    for certificate in bundled.roots:
        certificate.verify_directly_issued_by(certificate)
    g2 = next(c for c in bundled.roots if "Global Root G2" in c.subject.rfc4514_string())
    bundled.intermediates[0].verify_directly_issued_by(g2)
