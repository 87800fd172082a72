"""The three proofs as the hub's routes want them: one call each, an `InstanceProof` or an `IdentityError` (401)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from coder_tui.errors import CoderTuiError
from coder_tui.hub.instance_identity import aws, azure, google
from coder_tui.hub.instance_identity.fetch import GOOGLE_KEYS, AzureIssuers, GoogleKeys
from coder_tui.hub.instance_identity.proof import IdentityError, InstanceProof, UnknownIssuerError
from coder_tui.hub.instance_identity.replay import ReplayCache
from coder_tui.hub.instance_identity.roots import aws_roots, azure_roots


@dataclass(frozen=True, slots=True)
class IdentityConfig:
    """What the hub's owner can change; the defaults are the clouds' own."""

    aws_certificates: tuple[Path, ...] = ()
    """PEM files: more signers of AWS documents, for any region."""
    azure_roots: tuple[Path, ...] = ()
    """PEM files: more roots for Azure's signer."""
    azure_intermediates: tuple[Path, ...] = ()
    """PEM files: issuing authorities, where the hub cannot fetch them."""
    azure_fetch_issuers: bool = True
    """Whether missing issuing authorities are fetched from Microsoft and DigiCert."""
    google_keys_url: str = GOOGLE_KEYS
    google_keys_file: Path | None = None
    google_audience: str | None = google.AUDIENCE
    """The `aud` that Google's tokens must have; None takes any."""
    single_use: bool = False
    """Whether an Azure or Google proof buys a token only once. Google hands out the same one for most of an hour."""


def _now() -> datetime:
    return datetime.now(UTC)


class IdentityService:
    """Verifies proofs. Raises ConfigError when made with files that cannot be used."""

    def __init__(
        self,
        config: IdentityConfig | None = None,
        *,
        now: Callable[[], datetime] = _now,
        keys: GoogleKeys | None = None,
        issuers: AzureIssuers | None = None,
    ) -> None:
        self.config = config = config or IdentityConfig()
        self._now = now
        self._aws = aws_roots(config.aws_certificates)
        self._azure = azure_roots(config.azure_roots, config.azure_intermediates)
        self._keys = keys or GoogleKeys(config.google_keys_url, path=config.google_keys_file)
        self._issuers = issuers or (AzureIssuers() if config.azure_fetch_issuers else None)
        self._used = ReplayCache()

    def aws(self, signature: str, document: str) -> InstanceProof:
        """The proof of `POST /workspaceagents/aws-instance-identity`."""
        return self._accept(aws.verify(signature, document, self._aws, now=self._now()))

    async def azure(self, encoding: str, signature: str) -> InstanceProof:
        """The proof of `POST /workspaceagents/azure-instance-identity`."""
        try:
            proof = azure.verify(encoding, signature, self._azure, now=self._now())
        except UnknownIssuerError as error:
            found = await self._issuers.above(error.urls) if self._issuers else ()
            if not found:
                raise
            proof = azure.verify(encoding, signature, self._azure.helped_by(found), now=self._now())
        return self._accept(proof)

    async def google(self, json_web_token: str) -> InstanceProof:
        """The proof of `POST /workspaceagents/google-instance-identity`."""
        kid = google.key_id(json_web_token)
        try:
            keys = await self._keys.having(kid)
        except CoderTuiError as error:
            raise IdentityError("GCP", str(error)) from None
        return self._accept(google.verify(json_web_token, keys, audience=self.config.google_audience, now=self._now()))

    def _accept(self, proof: InstanceProof) -> InstanceProof:
        if self.config.single_use:
            self._used.use(proof, self._now())
        return proof
