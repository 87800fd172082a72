"""Refusing a proof that was used before, for deployments that want it.

Off unless asked for: see the package's word on replays. Proofs without an expiry (AWS) pass, as remembering them
for ever is no rule.
"""

from __future__ import annotations

from datetime import datetime

from coder_tui.hub.instance_identity.proof import SKEW, IdentityError, InstanceProof


class ReplayCache:
    """Digests of the proofs used, each kept until it would be refused as expired anyway.

    When `capacity` proofs are alive at once, further ones are refused rather than old ones forgotten.
    """

    def __init__(self, capacity: int = 10_000) -> None:
        self._capacity = capacity
        self._used: dict[bytes, datetime] = {}

    def use(self, proof: InstanceProof, now: datetime) -> None:
        """Mark `proof` as used. Raises IdentityError when it already is."""
        if proof.expires_at is None:
            return
        if proof.digest in self._used:
            raise IdentityError(proof.cloud, "this proof was used before; fetch a new one")
        if len(self._used) >= self._capacity:
            self._used = {digest: end for digest, end in self._used.items() if end + SKEW > now}
        if len(self._used) >= self._capacity:
            raise IdentityError(proof.cloud, "too many proofs are alive at once; try again later")
        self._used[proof.digest] = proof.expires_at
