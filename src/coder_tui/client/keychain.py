"""The `coder` CLI's tokens in the macOS keychain (since v2.29), through the `keyring` library where it is installed.

One generic password, service `coder-v2-credentials`, account `coder-login-credentials`. Its value is the base64 of
a JSON object: lower-case host (with port) -> `{"coder_url", "api_token"}`. Linux has files only.
"""

from __future__ import annotations

import base64
import binascii
import json
import sys
from collections.abc import Mapping
from importlib import import_module

SERVICE, ACCOUNT = "coder-v2-credentials", "coder-login-credentials"


def is_used(environ: Mapping[str, str], *, directory_given: bool) -> bool:
    """Whether the CLI keeps its tokens there: macOS, no session directory given, not switched off."""
    if sys.platform != "darwin" or directory_given:
        return False
    return environ.get("CODER_USE_KEYRING", "").strip().lower() not in {"0", "f", "false"}


def token_for(host: str) -> str:
    """The stored token for `host[:port]`; empty when there is none, or the keychain cannot be read.

    The CLI too falls back to its file then. macOS may ask the user for permission.
    """
    try:
        value = import_module("keyring").get_password(SERVICE, ACCOUNT)
    except Exception:  # not installed, no backend, locked, refused: every backend has errors of its own
        return ""
    entry = _entries(value or "").get(host.lower())
    token = entry.get("api_token") if isinstance(entry, dict) else None
    return token.strip() if isinstance(token, str) else ""


def _entries(value: str) -> dict[str, object]:
    try:
        found = json.loads(base64.b64decode(value, validate=True))
    except (binascii.Error, ValueError):
        return {}
    return found if isinstance(found, dict) else {}
