"""The clouds in miniature of `tests/hub`, as a hub's owner would trust them, and proofs that they signed."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives.serialization import Encoding

from coder_tui.hub.core import Hub
from coder_tui.hub.instance_identity.service import IdentityConfig, IdentityService
from tests.hub import identity_kit as kit
from tests.hub import test_identity_aws as aws
from tests.hub import test_identity_azure as azure

Json = Any

AWS_INSTANCE = "i-0b02d936754a6d637"
GOOGLE_INSTANCE = "152986662232938449"
INSTANCES = {"aws": AWS_INSTANCE, "azure": azure.VM, "google": GOOGLE_INSTANCE}


def trust_clouds(hub: Hub, folder: Path) -> None:
    """The hub believes our clouds, at their time."""
    files = {
        "aws.pem": aws.signer().certificate.public_bytes(Encoding.PEM),
        "root.pem": azure.pki().root.certificate.public_bytes(Encoding.PEM),
        "issuing.pem": azure.pki().issuing.certificate.public_bytes(Encoding.PEM),
        "keys.json": kit.jwks(k1=kit.rsa_key("google")),
    }
    for name, content in files.items():
        (folder / name).write_bytes(content)
    config = IdentityConfig(
        aws_certificates=(folder / "aws.pem",),
        azure_roots=(folder / "root.pem",),
        azure_intermediates=(folder / "issuing.pem",),
        azure_fetch_issuers=False,
        google_keys_file=folder / "keys.json",
    )
    # the certificates of the kit are of one day
    hub.machines._service = IdentityService(config, now=lambda: kit.NOW)


def proofs() -> dict[str, Json]:
    """A good body for each cloud."""
    return {
        "aws": {"signature": aws.sign(aws.document()), "document": aws.document()},
        "azure": {"signature": azure.attested(), "encoding": "pkcs7"},
        "google": {"json_web_token": kit.token(kit.claims())},
    }
