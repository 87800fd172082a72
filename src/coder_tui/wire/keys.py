"""API keys of a person: what `/users/{user}/keys` and `/users/{user}/keys/tokens` take and give.

Secret fields never show in a repr, a log or a traceback.
"""

from __future__ import annotations

from pydantic import Field

from coder_tui.wire.base import ZERO_TIME, ZERO_UUID, Time, WireModel

ALL = "all"
"""The scope of a key that may do all that its owner may; newer deployments also say `coder:all`."""


class AllowListTarget(WireModel):
    """What a key is good for; `*` and `*` is everything (`codersdk.APIAllowListTarget`)."""

    type: str = "*"
    id: str = "*"


class GeneratedKey(WireModel):
    """Answer of `POST /users/{user}/keys` and `.../keys/tokens`: the only time the key is seen."""

    key: str = Field("", repr=False)


class CreateToken(WireModel):
    """Body of `POST /users/{user}/keys/tokens`. `lifetime` in nanoseconds, 0 for the deployment's default."""

    lifetime: int = 0
    scope: str = ""
    scopes: list[str] = []
    token_name: str = ""
    allow_list: list[AllowListTarget] = []


class APIKey(WireModel):
    """A key without its secret (`codersdk.APIKey`)."""

    OMIT = frozenset({"username"})

    id: str = ""
    user_id: str = ZERO_UUID
    last_used: Time = ZERO_TIME
    expires_at: Time = ZERO_TIME
    created_at: Time = ZERO_TIME
    updated_at: Time = ZERO_TIME
    login_type: str = ""
    scope: str = ALL
    scopes: list[str] = [ALL]
    token_name: str = ""
    lifetime_seconds: int = 0
    allow_list: list[AllowListTarget] = [AllowListTarget()]
    username: str = ""  # in lists only


class TokenConfig(WireModel):
    """Answer of `GET /users/{user}/keys/tokens/tokenconfig`, in nanoseconds."""

    max_token_lifetime: int = 0
