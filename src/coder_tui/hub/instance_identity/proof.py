"""What a proof says, how one fails, and the strict readers of its parts."""

from __future__ import annotations

import base64
import binascii
import json
import re
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Literal

from coder_tui.errors import CredentialsError

Cloud = Literal["AWS", "Azure", "GCP"]
"""The clouds, by the words of Coder's error messages."""

SKEW = timedelta(seconds=120)
"""How far the provider's clock and ours may disagree."""

_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._:/-]{0,127}")
_PEM_LINE = re.compile(r"-----(?:BEGIN|END) PKCS7-----")
_SPACE = re.compile(r"\s+")


class IdentityError(CredentialsError):
    """A proof that does not hold (HTTP 401). `message` is public; `detail` is for developers and holds no secret."""

    def __init__(self, cloud: Cloud, detail: str) -> None:
        super().__init__(f"Invalid {cloud} identity", why=detail)
        self.cloud = cloud
        self.detail = detail

    @property
    def message(self) -> str:
        """Coder's words: `Invalid AWS identity.`"""
        return f"{self.what}."


class UnknownIssuerError(IdentityError):
    """The signer's chain ends early. `urls` are where the missing certificate is said to be (RFC 5280, 4.2.2.1).

    They were written by whoever made the proof: `fetch.AzureIssuers` follows only those of the provider.
    """

    def __init__(self, cloud: Cloud, detail: str, urls: tuple[str, ...]) -> None:
        super().__init__(cloud, detail)
        self.urls = urls


@dataclass(frozen=True, slots=True)
class InstanceProof:
    """A proof that holds. Times are aware UTC; `expires_at` is None where the provider's document never expires."""

    cloud: Cloud
    instance_id: str
    """AWS `instanceId`, Azure `vmId` (lower case), Google `instance_id` (digits): what the agent was registered by."""
    digest: bytes
    """SHA-256 of what was signed: equal for a proof presented twice."""
    account: str = ""
    """AWS account, Azure subscription, Google project."""
    region: str = ""
    issued_at: datetime | None = None
    expires_at: datetime | None = None


def read_object(cloud: Cloud, data: bytes, what: str) -> dict[str, Any]:
    """One JSON object (RFC 8259), UTF-8. Repeated names and NaN are refused: two readers could disagree on them."""

    def pairs(items: list[tuple[str, Any]]) -> dict[str, Any]:
        found = dict(items)
        if len(found) != len(items):
            raise ValueError("a name is repeated")
        return found

    def constant(name: str) -> Any:
        raise ValueError(f"{name} is not JSON")

    try:
        value = json.loads(data.decode("utf-8"), object_pairs_hook=pairs, parse_constant=constant)
    except (ValueError, RecursionError):
        raise IdentityError(cloud, f"the {what} is not JSON") from None
    if not isinstance(value, dict):
        raise IdentityError(cloud, f"the {what} is not a JSON object")
    return value


def read_base64(cloud: Cloud, text: str, what: str, *, limit: int) -> bytes:
    """Standard base64 (RFC 4648, 4) of at most `limit` characters; line breaks and PKCS7 armour are allowed."""
    if len(text) > limit:
        raise IdentityError(cloud, f"the {what} is longer than {limit} characters")
    try:
        data = base64.b64decode(_SPACE.sub("", _PEM_LINE.sub("", text)), validate=True)
    except (ValueError, binascii.Error):
        raise IdentityError(cloud, f"the {what} is not base64") from None
    if not data:
        raise IdentityError(cloud, f"the {what} is empty")
    return data


def read_id(cloud: Cloud, value: object, name: str) -> str:
    """The instance id, a short plain word."""
    if not isinstance(value, str) or not _ID.fullmatch(value):
        raise IdentityError(cloud, f"it names no instance ({name})")
    return value


def read_text(document: dict[str, Any], name: str) -> str:
    """A text field that only informs: "" when missing or of another type, never long."""
    value = document.get(name)
    return value[:128] if isinstance(value, str) else ""


def check_times(cloud: Cloud, now: datetime, *, issued: datetime | None, expires: datetime | None) -> None:
    """Refuse what was issued in the future or has expired, SKEW aside."""
    if issued is not None and issued - SKEW > now:
        raise IdentityError(cloud, f"it was issued in the future ({issued:%Y-%m-%dT%H:%M:%SZ})")
    if expires is not None and expires + SKEW <= now:
        raise IdentityError(cloud, f"it expired at {expires:%Y-%m-%dT%H:%M:%SZ}")
