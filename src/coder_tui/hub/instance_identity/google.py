"""Google Compute Engine identity tokens: a JWT (RFC 7519) signed with RS256 by Google's published keys.

Only RS256 exists here: `none`, HS256 with a public key as its secret, and every other header trick is refused before a
key is looked at. `google.compute_engine.instance_id` is only in tokens asked for with `format=full`.

Source: docs.cloud.google.com/compute/docs/instances/verifying-instance-identity
"""

from __future__ import annotations

import base64
import hashlib
import json
import math
import re
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding, rsa

from coder_tui.errors import ProtocolError
from coder_tui.hub.instance_identity.proof import (
    IdentityError,
    InstanceProof,
    check_times,
    read_id,
    read_object,
    read_text,
)

MAX_TOKEN = 16 << 10
ISSUERS = frozenset({"https://accounts.google.com", "accounts.google.com"})
AUDIENCE = "coder"
"""What Coder's agents ask for."""

Keys = Mapping[str, rsa.RSAPublicKey]
"""Google's public keys by their `kid`."""

_SEGMENT = re.compile(r"[A-Za-z0-9_-]+")
_LATEST = datetime(9000, 1, 1, tzinfo=UTC).timestamp()


def key_id(json_web_token: str) -> str:
    """The `kid` of a token that claims RS256; unverified. Raises IdentityError."""
    return _header(_segments(json_web_token)[0])


def verify(json_web_token: str, keys: Keys, *, audience: str | None = AUDIENCE, now: datetime) -> InstanceProof:
    """Prove the instance of a full-format identity token. `now` is aware; `audience` None is not checked.

    Raises IdentityError, and nothing else, for whatever the token holds.
    """
    head, body, tail = _segments(json_web_token)
    key = keys.get(_header(head))
    if key is None:
        raise IdentityError("GCP", "the token's key is not one of Google's")
    signed = f"{head}.{body}".encode()
    try:
        key.verify(_decode(tail), signed, padding.PKCS1v15(), hashes.SHA256())
    except InvalidSignature:
        raise IdentityError("GCP", "the token's signature does not match") from None
    claims = read_object("GCP", _decode(body), "token's payload")
    if claims.get("iss") not in ISSUERS:
        raise IdentityError("GCP", "the token was not issued by Google")
    if audience is not None and claims.get("aud") != audience:
        raise IdentityError("GCP", f"the token is not for the audience {audience!r}")
    issued, expires = _time(claims, "iat"), _time(claims, "exp")
    check_times("GCP", now, issued=issued, expires=expires)
    if "nbf" in claims:
        check_times("GCP", now, issued=_time(claims, "nbf"), expires=None)
    engine = _inner(_inner(claims, "google"), "compute_engine")
    return InstanceProof(
        cloud="GCP",
        instance_id=read_id("GCP", engine.get("instance_id"), "google.compute_engine.instance_id"),
        digest=hashlib.sha256(signed).digest(),
        account=read_text(engine, "project_id"),
        region=read_text(engine, "zone"),
        issued_at=issued,
        expires_at=expires,
    )


def parse_keys(data: bytes) -> dict[str, rsa.RSAPublicKey]:
    """The RSA signing keys of a JWKS (RFC 7517); others are skipped. Raises ProtocolError."""
    try:
        listed = json.loads(data)["keys"]
        found = {}
        for item in listed:
            if item.get("kty") == "RSA" and item.get("use", "sig") == "sig" and item.get("alg", "RS256") == "RS256":
                numbers = rsa.RSAPublicNumbers(_number(item["e"]), _number(item["n"]))
                key = numbers.public_key()
                if key.key_size >= 2048:
                    found[str(item["kid"])] = key
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        raise ProtocolError("Google's keys cannot be read", why="they are not a JSON Web Key Set") from None
    if not found:
        raise ProtocolError("Google's keys cannot be read", why="there is no RSA signing key among them")
    return found


def _segments(token: str) -> tuple[str, str, str]:
    if len(token) > MAX_TOKEN:
        raise IdentityError("GCP", f"the token is longer than {MAX_TOKEN} characters")
    parts = token.strip().split(".")
    if len(parts) != 3 or not all(_SEGMENT.fullmatch(part) for part in parts):
        raise IdentityError("GCP", "it is not a signed JSON Web Token")
    return parts[0], parts[1], parts[2]


def _header(segment: str) -> str:
    header = read_object("GCP", _decode(segment), "token's header")
    if header.get("alg") != "RS256":
        raise IdentityError("GCP", "the token is not signed with RS256")
    if "crit" in header:
        raise IdentityError("GCP", "the token asks for an extension that is unknown here")
    kid = header.get("kid")
    if not isinstance(kid, str) or not 0 < len(kid) <= 128:
        raise IdentityError("GCP", "the token names no key")
    return kid


def _decode(segment: str) -> bytes:
    """base64url without padding (RFC 7515, 2)."""
    try:
        return base64.urlsafe_b64decode(segment + "=" * (-len(segment) % 4))
    except ValueError:
        raise IdentityError("GCP", "the token is not base64url") from None


def _number(text: str) -> int:
    return int.from_bytes(base64.urlsafe_b64decode(text + "=" * (-len(text) % 4)), "big")


def _time(claims: dict[str, Any], name: str) -> datetime:
    """A NumericDate: seconds since the epoch."""
    value = claims.get(name)
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= _LATEST:
        raise IdentityError("GCP", f"the token's {name} is not a time")
    return datetime.fromtimestamp(math.floor(value), UTC)


def _inner(claims: dict[str, Any], name: str) -> dict[str, Any]:
    value = claims.get(name)
    if not isinstance(value, dict):
        raise IdentityError("GCP", "the token names no instance; ask for it with format=full")
    return value
