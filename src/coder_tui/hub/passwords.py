"""The hub's one password, if it has one: a scrypt hash (RFC 7914) in a file of its own, 0600.

`coder-tui hub password` writes the file, also while the hub runs; without it, signing in with a password is off.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import secrets
from pathlib import Path

from coder_tui.errors import StorageError
from coder_tui.paths import write_private

PASSWORD_FILE = "hub.password"
SHORTEST, LONGEST = 8, 1024  # characters, bytes
_N, _R, _P = 1 << 14, 8, 5  # 16 MiB and about 0.2 s: OWASP's password storage cheat sheet
_MEMORY = 64 << 20


def store_password(data_dir: Path, password: str) -> None:
    """Only this password is good from now on. Raises StorageError."""
    salt = secrets.token_bytes(16)
    record = {"scrypt": [_N, _R, _P], "salt": _text(salt), "hash": _text(_scrypt(password, salt, _N, _R, _P))}
    write_private(data_dir / PASSWORD_FILE, json.dumps(record) + "\n")


def has_password(data_dir: Path) -> bool:
    """Whether signing in with a password is on."""
    return (data_dir / PASSWORD_FILE).exists()


def check_password(data_dir: Path, password: str) -> bool:
    """Whether that is the password. Blocks for a fraction of a second. Raises StorageError for an unusable file."""
    path = data_dir / PASSWORD_FILE
    try:
        record = json.loads(path.read_text(encoding="ascii"))
        n, r, p = (int(number) for number in record["scrypt"])
        salt, known = (base64.b64decode(record[name], validate=True) for name in ("salt", "hash"))
        given = _scrypt(password, salt, n, r, p)
    except OSError as error:
        raise StorageError(f"cannot read {path}", why=error.strerror or str(error)) from None
    except (ValueError, KeyError, TypeError, OverflowError):
        raise StorageError(
            f"cannot use {path}", why="it holds no password hash", fix="set the password anew: coder-tui hub password"
        ) from None
    return hmac.compare_digest(given, known)


def _scrypt(password: str, salt: bytes, n: int, r: int, p: int) -> bytes:
    return hashlib.scrypt(password.encode("utf-8", "replace"), salt=salt, n=n, r=r, p=p, maxmem=_MEMORY, dklen=32)


def _text(data: bytes) -> str:
    return base64.b64encode(data).decode()
