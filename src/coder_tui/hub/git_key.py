"""The user's SSH key for Git: one ed25519 key, made on first use, in a file of its own (0600)."""

from __future__ import annotations

import threading
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from coder_tui.errors import StorageError
from coder_tui.paths import write_private

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

KEY_FILE = "git_ssh_key"


class KeyPair(NamedTuple):
    """A public line and a private PEM, both as OpenSSH writes them, and when the key was made."""

    public: str
    private: str
    made_at: datetime


class GitKey:
    """The key in `data_dir`. Both calls block (file and cryptography) and may come from any thread."""

    def __init__(self, data_dir: Path) -> None:
        self._path = data_dir / KEY_FILE
        self._lock = threading.Lock()

    def get(self) -> KeyPair:
        """The key, made if there is none. Raises StorageError for a file that holds no such key."""
        with self._lock:
            return self._read() or self._make()

    def renew(self) -> KeyPair:
        """A new key; the one before is gone. Raises StorageError."""
        with self._lock:
            return self._make()

    def _read(self) -> KeyPair | None:
        from cryptography.exceptions import UnsupportedAlgorithm
        from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
        from cryptography.hazmat.primitives.serialization import load_ssh_private_key

        try:
            private = self._path.read_text(encoding="ascii")
            made_at = datetime.fromtimestamp(self._path.stat().st_mtime, UTC)
            key = load_ssh_private_key(private.encode(), None)
        except FileNotFoundError:
            return None
        except OSError as error:
            raise StorageError(f"cannot read {self._path}", why=error.strerror or str(error)) from None
        except (ValueError, TypeError, UnsupportedAlgorithm):
            key = None
        if not isinstance(key, Ed25519PrivateKey):
            raise StorageError(
                f"cannot use {self._path}", why="it holds no ed25519 key", fix="delete it to get a new key"
            )
        return KeyPair(_public_line(key), private, made_at)

    def _make(self) -> KeyPair:
        from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
        from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

        key = Ed25519PrivateKey.generate()
        private = key.private_bytes(Encoding.PEM, PrivateFormat.OpenSSH, NoEncryption()).decode()
        write_private(self._path, private)
        return KeyPair(_public_line(key), private, datetime.now(UTC))


def _public_line(key: Ed25519PrivateKey) -> str:
    from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

    return key.public_key().public_bytes(Encoding.OpenSSH, PublicFormat.OpenSSH).decode() + "\n"
