"""Trust roots: the certificates that clouds publish, bundled, and more from PEM files of the hub's owner.

The bundled files are the providers' public data. Each says where it is published, how long it is valid and its
SHA-256 fingerprint, and a test holds file and fingerprint together:

- `roots/aws/<region>.pem`: AWS signs a region's documents with these pinned, self-signed certificates
  (docs.aws.amazon.com/AWSEC2/latest/UserGuide/regions-certs.html).
- `roots/azure/*.pem`: the roots above Azure's TLS authorities
  (learn.microsoft.com/azure/security/fundamentals/azure-ca-details). DigiCert Global Root CA is left out: browsers
  no longer trust it. A cloud that still needs it (Azure China did) takes it as an extra root.
- `roots/azure-intermediates/*.pem`: a help to build chains, never trusted. The issuing authorities below change too
  often to bundle: `fetch.AzureIssuers` gets them, or the hub's owner names a file.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache
from importlib import resources
from importlib.resources.abc import Traversable
from pathlib import Path

from cryptography import x509

from coder_tui.errors import ConfigError

Certificates = tuple[x509.Certificate, ...]

_REGION = re.compile(r"[a-z]{2,8}(?:-[a-z]{1,16}){1,3}-[0-9]{1,3}")
_MAX_FILE = 4 << 20


def read_pem(path: Path) -> Certificates:
    """Every certificate in a PEM file. Raises ConfigError naming the file."""
    fix = "name a PEM file with at least one certificate"
    try:
        if path.stat().st_size > _MAX_FILE:
            raise ConfigError(f"cannot use {path}", why="it is larger than 4 MiB", fix=fix)
        return tuple(x509.load_pem_x509_certificates(path.read_bytes()))
    except OSError as error:
        raise ConfigError(f"cannot read {path}", why=error.strerror or "it cannot be opened", fix=fix) from None
    except ValueError:
        raise ConfigError(f"cannot use {path}", why="it holds no readable certificate", fix=fix) from None


def _bundled(*names: str) -> Traversable:
    return resources.files(__package__).joinpath("roots", *names)


def bundled_regions() -> tuple[str, ...]:
    """The AWS regions whose certificates are bundled."""
    return tuple(sorted(item.name.removesuffix(".pem") for item in _bundled("aws").iterdir()))


@lru_cache(maxsize=64)
def _region(name: str) -> Certificates:
    try:
        return tuple(x509.load_pem_x509_certificates(_bundled("aws", f"{name}.pem").read_bytes()))
    except OSError:
        return ()


@lru_cache(maxsize=4)
def _folder(name: str) -> Certificates:
    items = sorted(_bundled(name).iterdir(), key=lambda item: item.name)
    return tuple(c for item in items for c in x509.load_pem_x509_certificates(item.read_bytes()))


@dataclass(frozen=True, slots=True)
class AwsRoots:
    """Who may sign AWS documents: the region's own certificates, and `extra` ones for any region."""

    extra: Certificates = ()
    bundled: bool = True

    def signers(self, region: str) -> Certificates:
        """Certificates that may sign for `region`; a key of one region never speaks for another."""
        known = _region(region) if self.bundled and _REGION.fullmatch(region) else ()
        return known + self.extra


@dataclass(frozen=True, slots=True)
class AzureRoots:
    """`roots` end a chain; `intermediates` only help to find it."""

    roots: Certificates
    intermediates: Certificates = ()

    def helped_by(self, found: Iterable[x509.Certificate]) -> AzureRoots:
        """The same trust with more intermediates."""
        return AzureRoots(self.roots, (*self.intermediates, *found))


def aws_roots(extra: Iterable[Path] = ()) -> AwsRoots:
    """The bundled AWS certificates and those of the PEM files `extra`. Raises ConfigError."""
    return AwsRoots(tuple(c for path in extra for c in read_pem(path)))


def azure_roots(extra: Iterable[Path] = (), intermediates: Iterable[Path] = ()) -> AzureRoots:
    """The bundled Azure roots and intermediates and those of the PEM files. Raises ConfigError."""
    return AzureRoots(
        _folder("azure") + tuple(c for path in extra for c in read_pem(path)),
        _folder("azure-intermediates") + tuple(c for path in intermediates for c in read_pem(path)),
    )
