"""AWS instance identity documents: good in both forms, refused in every other."""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.hazmat.primitives.serialization.pkcs7 import PKCS7Options
from hypothesis import given, settings
from hypothesis import strategies as st

from coder_tui.errors import ConfigError
from coder_tui.hub.instance_identity import IdentityError, aws, roots
from coder_tui.hub.instance_identity.proof import InstanceProof
from tests.hub import identity_kit as kit
from tests.hub.identity_kit import DAY, NOW


@cache
def signer(size: int = 1024) -> kit.Holder:
    return kit.pinned(size, name=f"aws{size}")


def trust(*holders: kit.Holder) -> roots.AwsRoots:
    return roots.AwsRoots(tuple(h.certificate for h in holders or (signer(),)), bundled=False)


def document(**changes: Any) -> str:
    facts = {
        "accountId": "123456789012",
        "instanceId": "i-0b02d936754a6d637",
        "pendingTime": "2026-11-23T12:00:00Z",
        "region": "eu-north-9",
        **changes,
    }
    return json.dumps({key: value for key, value in facts.items() if value is not None}, indent=2)


def sign(text: str, holder: kit.Holder | None = None) -> str:
    key = (holder or signer()).key
    assert isinstance(key, rsa.RSAPrivateKey)
    return kit.b64(key.sign(text.encode(), padding.PKCS1v15(), hashes.SHA256()))


def verify(signature: str, text: str, trusted: roots.AwsRoots | None = None) -> InstanceProof:
    return aws.verify(signature, text, trusted or trust(), now=NOW)


def test_a_signed_document_proves_its_instance() -> None:
    proof = verify(sign(document()), document())
    assert (proof.cloud, proof.instance_id, proof.account, proof.region) == (
        "AWS",
        "i-0b02d936754a6d637",
        "123456789012",
        "eu-north-9",
    )
    assert proof.issued_at == NOW - DAY
    assert proof.expires_at is None


def test_line_breaks_in_the_signature_are_the_endpoint_s_own() -> None:
    signature = sign(document())
    wrapped = "\n".join(signature[at : at + 76] for at in range(0, len(signature), 76)) + "\n"
    assert verify(wrapped, document()).instance_id == "i-0b02d936754a6d637"


@pytest.mark.parametrize("size", [1024, 2048])
def test_both_key_sizes_of_aws_sign(size: int) -> None:
    assert (
        verify(sign(document(), signer(size)), document(), trust(signer(1024), signer(2048))).instance_id
        == "i-0b02d936754a6d637"
    )


@pytest.mark.parametrize("armour", [False, True])
@pytest.mark.parametrize("given_document", [document(), document() + "\n", ""])
def test_the_pkcs7_form_proves_the_document_it_carries(armour: bool, given_document: str) -> None:
    text = document()
    attributes = kit.attributes(text.encode())
    data = kit.by_hand(text.encode(), signer(2048), indefinite=True, certificates=(), signed_attributes=attributes)
    signature = f"-----BEGIN PKCS7-----\n{kit.b64(data)}\n-----END PKCS7-----" if armour else kit.b64(data)
    assert verify(signature, given_document, trust(signer(2048))).instance_id == "i-0b02d936754a6d637"


def test_a_detached_pkcs7_message_proves_the_document_beside_it() -> None:
    options = (PKCS7Options.DetachedSignature,)
    data = kit.b64(kit.message(document().encode(), signer(2048), options=options))
    assert verify(data, document(), trust(signer(2048))).instance_id == "i-0b02d936754a6d637"
    with pytest.raises(IdentityError):
        verify(data, document(instanceId="i-ffffffff"), trust(signer(2048)))


def test_a_pkcs7_message_beside_another_document_is_refused() -> None:
    data = kit.b64(kit.message(document().encode(), signer(2048)))
    with pytest.raises(IdentityError, match="not the one in the PKCS #7"):
        verify(data, document(instanceId="i-ffffffff"), trust(signer(2048)))


def test_a_pkcs7_message_s_own_certificate_is_not_trusted() -> None:
    """Trust comes from the roots alone, whatever certificate the message brings."""
    stranger = kit.pinned(2048, name="stranger")
    with pytest.raises(IdentityError, match="no trusted certificate"):
        verify(kit.b64(kit.message(document().encode(), stranger)), document(), trust(signer(2048)))


def test_sha1_is_refused() -> None:
    """The form of AWS's `pkcs7` endpoint."""
    data = kit.by_hand(document().encode(), signer(2048), certificates=(), digest=kit.SHA1)
    with pytest.raises(IdentityError, match="too weak"):
        verify(kit.b64(data), document(), trust(signer(2048)))


@pytest.mark.parametrize(
    ("signature", "text", "says"),
    [
        (sign(document()), document(instanceId="i-ffffffff"), "no trusted certificate"),
        (sign(document()), document() + " ", "no trusted certificate"),
        (sign(document(), kit.pinned(1024, name="stranger")), document(), "no trusted certificate"),
        ("", document(), "is empty"),
        ("!!!", document(), "not base64"),
        ("AAAA", document(), "neither RSA nor usable PKCS #7"),
        ("A" * 40_000, document(), "longer than"),
        (sign(document()), "x" * 20_000, "longer than"),
        (sign("[]"), "[]", "not a JSON object"),
        (sign("nope"), "nope", "not JSON"),
        (sign('{"a":NaN}'), '{"a":NaN}', "not JSON"),
        (sign('{"a":1,"a":2}'), '{"a":1,"a":2}', "not JSON"),
        (sign("[" * 10_000), "[" * 10_000, "not JSON"),
        (sign("{}"), "\ud800", "not UTF-8"),
        *(
            (sign(text), text, says)
            for text, says in [
                (document(instanceId=None), "names no instance"),
                (document(instanceId=""), "names no instance"),
                (document(instanceId=7), "names no instance"),
                (document(instanceId="i-1\n"), "names no instance"),
                (document(instanceId="i" * 200), "names no instance"),
                (document(pendingTime="2026-11-25T12:00:00Z"), "in the future"),
                (document(pendingTime="soon"), "not a time"),
                (document(pendingTime=5), "not a time"),
            ]
        ),
    ],
)
def test_bad_proofs_are_refused(signature: str, text: str, says: str) -> None:
    with pytest.raises(IdentityError, match=says) as caught:
        verify(signature, text)
    assert caught.value.message == "Invalid AWS identity."
    assert caught.value.detail


def test_a_clock_that_is_a_little_off_is_forgiven() -> None:
    text = document(pendingTime="2026-11-24T12:01:30Z")
    assert verify(sign(text), text).instance_id == "i-0b02d936754a6d637"


@pytest.mark.parametrize(("start", "end"), [(NOW - 9 * DAY, NOW - DAY), (NOW + DAY, NOW + 9 * DAY)])
def test_a_signing_certificate_out_of_its_time_is_refused(start: Any, end: Any) -> None:
    holder = kit.pinned(1024, start=start, end=end)
    with pytest.raises(IdentityError, match="not valid now"):
        verify(sign(document(), holder), document(), trust(holder))


def test_a_renewed_certificate_for_the_same_key_is_enough() -> None:
    old = kit.pinned(1024, name="aws1024", start=NOW - 9 * DAY, end=NOW - DAY)
    assert old.key is signer().key
    assert verify(sign(document()), document(), trust(old, signer())).instance_id == "i-0b02d936754a6d637"


def test_a_region_without_certificates_says_so() -> None:
    with pytest.raises(IdentityError, match="no certificate is known"):
        verify(sign(document()), document(), roots.AwsRoots())


@pytest.mark.parametrize("region", ["../azure/x-1", "us-east-1.pem", "us-east-1/../us-west-1", "", "US-EAST-1"])
def test_a_region_is_a_name_and_never_a_path(region: str) -> None:
    assert roots.AwsRoots().signers(region) == ()


def test_a_region_s_key_speaks_for_no_other_region() -> None:
    ours, theirs = roots.AwsRoots().signers("us-east-1"), roots.AwsRoots().signers("us-gov-west-1")
    assert len(ours) == len(theirs) == 2
    assert all(one.public_key() != other.public_key() for one in ours for other in theirs)


@settings(max_examples=80, deadline=None)
@given(st.text(max_size=300), st.text(max_size=300))
def test_any_text_is_refused_in_the_same_way(signature: str, text: str) -> None:
    with pytest.raises(IdentityError):
        verify(signature, text)


@settings(max_examples=80, deadline=None)
@given(st.binary(min_size=1, max_size=300) | st.sampled_from([128, 256]).map(lambda n: b"\x30" * n))
def test_any_signature_bytes_are_refused_in_the_same_way(raw: bytes) -> None:
    with pytest.raises(IdentityError):
        verify(kit.b64(raw), document())


def test_every_bundled_certificate_is_what_its_comment_says() -> None:
    """The fingerprints are the providers'; a file changed by accident or on purpose shows here."""
    folder = Path(roots.__file__).with_name("roots")
    files = sorted(folder.rglob("*.pem"))
    assert len(files) >= 45
    for file in files:
        said = [line.split()[2] for line in file.read_text().splitlines() if line.startswith("# SHA-256 ")]
        certificates = x509.load_pem_x509_certificates(file.read_bytes())
        assert said == [c.fingerprint(hashes.SHA256()).hex(":").upper() for c in certificates], file.name
        assert len({c.public_bytes(Encoding.DER) for c in certificates}) == len(certificates)


def test_every_bundled_region_has_both_kinds_of_key() -> None:
    regions = roots.bundled_regions()
    assert {"us-east-1", "eu-central-1", "cn-north-1", "us-gov-west-1"} <= set(regions)
    for region in regions:
        keys = [c.public_key() for c in roots.AwsRoots().signers(region)]
        assert [key.key_size for key in keys if isinstance(key, rsa.RSAPublicKey)] == [1024, 2048], region
        for certificate, key in zip(roots.AwsRoots().signers(region), keys, strict=True):
            assert isinstance(key, rsa.RSAPublicKey)
            algorithm = certificate.signature_hash_algorithm
            assert algorithm is not None
            key.verify(certificate.signature, certificate.tbs_certificate_bytes, padding.PKCS1v15(), algorithm)


def test_extra_roots_come_from_pem_files(tmp_path: Path) -> None:
    file = tmp_path / "extra.pem"
    file.write_bytes(b"# ours\n" + signer().certificate.public_bytes(Encoding.PEM))
    assert (
        aws.verify(sign(document()), document(), roots.aws_roots([file]), now=NOW).instance_id == "i-0b02d936754a6d637"
    )


@pytest.mark.parametrize(
    "content", [b"", b"no certificate", b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----"]
)
def test_a_file_without_certificates_names_itself(tmp_path: Path, content: bytes) -> None:
    file = tmp_path / "extra.pem"
    file.write_bytes(content)
    with pytest.raises(ConfigError, match=r"extra\.pem"):
        roots.aws_roots([file])
    with pytest.raises(ConfigError, match=r"missing\.pem"):
        roots.azure_roots([tmp_path / "missing.pem"])
