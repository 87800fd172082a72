"""Instance identity: a cloud machine proves which machine it is, without any secret of ours.

`aws.verify`, `azure.verify` and `google.verify` are pure: bytes, trust and a time in, an `InstanceProof` out, or an
`IdentityError`. `service.IdentityService` joins them with what needs the network (Google's keys, Azure's issuers).

Replays. Coder itself lets a proof be used again, and it has to: Google's metadata service hands out the same token
for most of an hour, and an agent that restarts presents it again. AWS documents never expire. So a proof is good for
as long as its provider says, a deployment that knows its agents ask only once can refuse repeats (`replay`), and the
agent's token it buys is the latest build's alone.
"""

from coder_tui.hub.instance_identity.proof import SKEW, IdentityError, InstanceProof, UnknownIssuerError

__all__ = ["SKEW", "IdentityError", "InstanceProof", "UnknownIssuerError"]
