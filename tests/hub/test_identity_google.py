"""Google identity tokens: one algorithm, known keys, and claims that must all hold."""

from __future__ import annotations

import hmac
import json
from typing import Any

import pytest
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from hypothesis import given, settings
from hypothesis import strategies as st

from coder_tui.errors import ProtocolError
from coder_tui.hub.instance_identity import IdentityError, google
from coder_tui.hub.instance_identity.proof import InstanceProof
from tests.hub import identity_kit as kit
from tests.hub.identity_kit import NOW, b64url, claims, token


def keys() -> dict[str, Any]:
    return {"k1": kit.rsa_key("google").public_key()}


def verify(text: str, *, audience: str | None = "coder") -> InstanceProof:
    return google.verify(text, keys(), audience=audience, now=NOW)


def test_a_full_token_proves_its_instance() -> None:
    proof = verify(token(claims()))
    assert (proof.cloud, proof.instance_id, proof.account, proof.region) == (
        "GCP",
        "152986662232938449",
        "my-project",
        "us-a",
    )
    assert proof.issued_at is not None
    assert proof.expires_at is not None
    assert (proof.expires_at - proof.issued_at).total_seconds() == 3600


def test_both_issuer_spellings_are_google_s() -> None:
    assert verify(token(claims(iss="accounts.google.com"))).instance_id == "152986662232938449"


def test_an_unchecked_audience_takes_any() -> None:
    assert verify(token(claims(aud="https://other.example")), audience=None).instance_id == "152986662232938449"


def test_a_clock_that_is_a_little_off_is_forgiven() -> None:
    now = int(NOW.timestamp())
    assert verify(token(claims(exp=now - 60))).instance_id == "152986662232938449"
    assert verify(token(claims(iat=now + 60))).instance_id == "152986662232938449"


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"iss": "https://accounts.google.com.evil.example"}, "not issued by Google"),
        ({"iss": None}, "not issued by Google"),
        ({"aud": "other"}, "audience"),
        ({"aud": ["coder"]}, "audience"),
        ({"aud": None}, "audience"),
        ({"exp": int(NOW.timestamp()) - 121}, "expired"),
        ({"iat": int(NOW.timestamp()) + 121}, "in the future"),
        ({"nbf": int(NOW.timestamp()) + 121}, "in the future"),
        ({"exp": None}, "exp is not a time"),
        ({"exp": True}, "exp is not a time"),
        ({"exp": "9999999999"}, "exp is not a time"),
        ({"exp": 1e300}, "exp is not a time"),
        ({"exp": 10**30}, "exp is not a time"),
        ({"iat": -1}, "iat is not a time"),
        ({"google": None}, "format=full"),
        ({"google": {}}, "format=full"),
        ({"google": {"compute_engine": {}}}, "names no instance"),
        ({"google": {"compute_engine": {"instance_id": 152}}}, "names no instance"),
    ],
)
def test_claims_that_break_a_rule_are_refused(changes: dict[str, Any], says: str) -> None:
    with pytest.raises(IdentityError, match=says) as caught:
        verify(token(claims(**changes)))
    assert caught.value.message == "Invalid GCP identity."


def forged(header: object, secret: bytes = b"") -> str:
    """A token whose signature is an HMAC (or nothing): the classic confusions."""
    signed = f"{b64url(json.dumps(header).encode())}.{b64url(json.dumps(claims()).encode())}"
    return f"{signed}.{b64url(hmac.digest(secret, signed.encode(), 'sha256')) if secret else 'AA'}"


@pytest.mark.parametrize("algorithm", ["none", "None", "NONE", "", None, "RS512", "PS256", "ES256", "rs256", ["RS256"]])
def test_every_other_algorithm_is_refused(algorithm: object) -> None:
    with pytest.raises(IdentityError, match="RS256"):
        verify(forged({"alg": algorithm, "kid": "k1"}))
    with pytest.raises(IdentityError, match="RS256"):
        verify(token(claims(), header={"alg": algorithm, "kid": "k1"}))


@pytest.mark.parametrize("encoding", [Encoding.PEM, Encoding.DER])
@pytest.mark.parametrize("algorithm", ["HS256", "RS256"])
def test_a_public_key_is_no_secret(encoding: Encoding, algorithm: str) -> None:
    secret = kit.rsa_key("google").public_key().public_bytes(encoding, PublicFormat.SubjectPublicKeyInfo)
    with pytest.raises(IdentityError, match=r"RS256|does not match"):
        verify(forged({"alg": algorithm, "kid": "k1"}, secret))


def test_keys_in_the_header_are_not_looked_at() -> None:
    own = kit.rsa_key("attacker")
    jwk = json.loads(kit.jwks(k1=own))["keys"][0]
    with pytest.raises(IdentityError, match="does not match"):
        verify(token(claims(), key=own, header={"alg": "RS256", "kid": "k1", "jwk": jwk, "jku": "http://evil.example"}))


@pytest.mark.parametrize(
    ("header", "says"),
    [
        ({"alg": "RS256", "kid": "k2"}, "not one of Google's"),
        ({"alg": "RS256"}, "names no key"),
        ({"alg": "RS256", "kid": 1}, "names no key"),
        ({"alg": "RS256", "kid": ""}, "names no key"),
        ({"alg": "RS256", "kid": "k" * 200}, "names no key"),
        ({"alg": "RS256", "kid": "k1", "crit": ["b64"], "b64": False}, "extension"),
        (["RS256"], "not a JSON object"),
    ],
)
def test_headers_that_break_a_rule_are_refused(header: object, says: str) -> None:
    with pytest.raises(IdentityError, match=says):
        verify(token(claims(), header=header))


def test_a_repeated_header_name_is_refused() -> None:
    head = b64url(b'{"alg":"none","alg":"RS256","kid":"k1"}')
    with pytest.raises(IdentityError, match="not JSON"):
        verify(".".join([head, *token(claims()).split(".")[1:]]))


def test_changed_claims_and_another_s_signature_are_refused() -> None:
    good, other = token(claims()), token(claims(aud="x"))
    with pytest.raises(IdentityError, match="does not match"):
        verify(".".join([*other.split(".")[:2], good.split(".")[2]]))
    with pytest.raises(IdentityError, match="does not match"):
        verify(token(claims(), key=kit.rsa_key("attacker")))


@pytest.mark.parametrize("text", ["", "a.b", "a.b.c.d", "..", "a..c", "a.b.c=", "a.b.ü", "x" * 20_000, "A.A.A"])
def test_what_is_no_token_is_refused(text: str) -> None:
    with pytest.raises(IdentityError):
        verify(text)


_SEGMENT = st.text("abcXYZ019-_", min_size=1, max_size=40) | st.recursive(
    st.none() | st.booleans() | st.floats() | st.text(max_size=5) | st.integers(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["alg", "kid", "exp"]), inner),
    max_leaves=6,
).map(lambda value: b64url(json.dumps(value).encode()))


@settings(max_examples=150, deadline=None)
@given(st.text(max_size=60) | st.tuples(_SEGMENT, _SEGMENT, _SEGMENT).map(".".join))
def test_anything_else_is_refused_in_the_same_way(text: str) -> None:
    with pytest.raises(IdentityError):
        verify(text)


@settings(max_examples=150, deadline=None)
@given(st.data())
def test_a_changed_character_never_passes(data: st.DataObject) -> None:
    text = token(claims())
    at = data.draw(st.integers(0, len(text) - 1))
    other = data.draw(st.sampled_from("AQgw_-.=09é ").filter(lambda c: c != text[at]))
    try:
        proof = verify(text[:at] + other + text[at + 1 :])
    except IdentityError:
        return
    # the last character of base64 can carry bits that nobody reads
    assert at == len(text) - 1
    assert proof.instance_id == "152986662232938449"


def test_published_keys_are_read() -> None:
    one, two = kit.rsa_key("google"), kit.rsa_key("two")
    assert google.parse_keys(kit.jwks(k1=one, k2=two)) == {"k1": one.public_key(), "k2": two.public_key()}


def test_weak_and_foreign_keys_are_skipped() -> None:
    listed = json.loads(kit.jwks(k1=kit.rsa_key("google"), weak=kit.rsa_key("weak", 1024)))["keys"]
    listed += [{**listed[0], "kid": "enc", "use": "enc"}, {**listed[0], "kid": "ps", "alg": "PS256"}, {"kty": "EC"}]
    assert set(google.parse_keys(json.dumps({"keys": listed}).encode())) == {"k1"}


@settings(max_examples=60, deadline=None)
@given(
    st.binary(max_size=60)
    | st.recursive(
        st.none() | st.text(max_size=4),
        lambda i: st.lists(i) | st.dictionaries(st.sampled_from(["keys", "kty", "n", "e", "kid"]), i | st.just("RSA")),
    ).map(lambda v: json.dumps(v).encode())
)
def test_other_key_sets_are_refused(data: bytes) -> None:
    with pytest.raises(ProtocolError):
        google.parse_keys(data)
