"""Whom we trust, and how we prove who we are: a deployment with its own CA, one that wants a client certificate."""

from __future__ import annotations

import ssl
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from coder_tui.errors import ConfigError

_VARIABLES = ("CODER_CLIENT_TLS_CA_FILE", "CODER_CLIENT_TLS_CERT_FILE", "CODER_CLIENT_TLS_KEY_FILE")


@dataclass(frozen=True, slots=True)
class TlsFiles:
    """PEM files: a CA trusted beside the system's, a client certificate with its chain, and its key.

    The key may stand in the certificate's file.
    """

    ca_file: Path | None = None
    cert_file: Path | None = None
    key_file: Path | None = None

    def __bool__(self) -> bool:
        return bool(self.ca_file or self.cert_file or self.key_file)

    @classmethod
    def of_environment(cls, environ: Mapping[str, str]) -> TlsFiles:
        """`CODER_CLIENT_TLS_CA_FILE`, `..._CERT_FILE`, `..._KEY_FILE`."""
        values = [environ.get(name, "").strip() for name in _VARIABLES]
        return cls(*(Path(value).expanduser() if value else None for value in values))


def tls_context(url: str, files: TlsFiles | None = None) -> ssl.SSLContext | None:
    """Trust for `url`: the system's store, certifi's and `files.ca_file` together; None for plain http.

    Making one costs 20 ms. Raises ConfigError naming the file that cannot be used.
    """
    return https_context(files) if url.startswith("https:") else None


def https_context(files: TlsFiles | None = None) -> ssl.SSLContext:
    """The same, whoever the peer is."""
    import certifi

    context = ssl.create_default_context()
    context.load_verify_locations(certifi.where())
    if files is None:
        return context
    if files.key_file and not files.cert_file:
        raise ConfigError(f"the client key {files.key_file} has no certificate", fix="give the certificate's file too")
    if files.ca_file:
        try:
            context.load_verify_locations(files.ca_file)
        except OSError as error:  # ssl.SSLError is one
            raise _unusable("CA file", files.ca_file, error) from None
    if files.cert_file:
        try:
            # a key with a passphrase is refused: the library would ask for it on the terminal
            context.load_cert_chain(files.cert_file, files.key_file, password=lambda: "")
        except OSError as error:
            raise _unusable("client certificate", files.cert_file, error) from None
    return context


def _unusable(kind: str, path: Path, error: OSError) -> ConfigError:
    if isinstance(error, ssl.SSLError):
        why = {
            "KEY_VALUES_MISMATCH": "the key belongs to another certificate",
            "NO_CERTIFICATE_OR_CRL_FOUND": "it holds no certificate",
        }.get(error.reason or "", "it is not PEM, or its key needs a passphrase")
    else:
        why = error.strerror or str(error)
    return ConfigError(f"the {kind} {path} cannot be used", why=why, fix="give a readable PEM file")
