"""Credentials on the wire: login, keys, external auth, Git SSH keys, instance identity.

Secret fields never show in a repr, a log or a traceback.
"""

from __future__ import annotations

from typing import Any

from pydantic import Field

from coder_tui.wire.base import ZERO_TIME, ZERO_UUID, Time, WireModel


class LoginWithPassword(WireModel):
    """Body of `POST /users/login`."""

    email: str = ""
    password: str = Field("", repr=False)


class CreateFirstUser(WireModel):
    """Body of `POST /users/first`."""

    email: str = ""
    username: str = ""
    name: str = ""
    password: str = Field("", repr=False)


class AuthMethod(WireModel):
    """Whether one way to sign in is offered."""

    enabled: bool = False


class GithubAuthMethod(AuthMethod):
    """Signing in with GitHub."""

    default_provider_configured: bool = False


class OIDCAuthMethod(AuthMethod):
    """Signing in with an OpenID Connect provider. The wire's own spelling."""

    signInText: str = ""
    iconUrl: str = ""


class AuthMethods(WireModel):
    """Answer of `GET /users/authmethods`, anonymous."""

    OMIT = frozenset({"terms_of_service_url"})

    terms_of_service_url: str = ""
    password: AuthMethod = AuthMethod()
    github: GithubAuthMethod = GithubAuthMethod()
    oidc: OIDCAuthMethod = OIDCAuthMethod()


class SessionToken(WireModel):
    """Answer of `POST /users/login` and of the instance identity exchange."""

    session_token: str = Field("", repr=False)


class AwsInstanceIdentity(WireModel):
    """Body of `POST /workspaceagents/aws-instance-identity`."""

    OMIT = frozenset({"agent_name"})

    signature: str = Field("", repr=False)
    document: str = Field("", repr=False)
    agent_name: str = ""


class AzureInstanceIdentity(WireModel):
    """Body of `POST /workspaceagents/azure-instance-identity`."""

    OMIT = frozenset({"agent_name"})

    signature: str = Field("", repr=False)
    encoding: str = Field("", repr=False)
    agent_name: str = ""


class GoogleInstanceIdentity(WireModel):
    """Body of `POST /workspaceagents/google-instance-identity`."""

    OMIT = frozenset({"agent_name"})

    json_web_token: str = Field("", repr=False)
    agent_name: str = ""


class ExternalAuth(WireModel):
    """Answer of `GET /workspaceagents/me/external-auth`: only `url` is filled until the provider is linked."""

    access_token: str = Field("", repr=False)
    token_extra: dict[str, Any] | None = Field(None, repr=False)
    url: str = ""
    type: str = ""
    expires_at: Time = ZERO_TIME
    username: str = ""
    password: str = Field("", repr=False)


class AgentGitSSHKey(WireModel):
    """Answer of `GET /workspaceagents/me/gitsshkey`: OpenSSH public line, PEM private key."""

    public_key: str = ""
    private_key: str = Field("", repr=False)


class UserGitSSHKey(WireModel):
    """Answer of `GET /users/{user}/gitsshkey`: the public half."""

    user_id: str = ZERO_UUID
    created_at: Time = ZERO_TIME
    updated_at: Time = ZERO_TIME
    public_key: str = ""


class ReinitializationEvent(WireModel):
    """Event of `GET /workspaceagents/me/reinit`."""

    OMIT = frozenset({"owner_id"})

    workspace_id: str = ZERO_UUID
    reason: str = ""
    owner_id: str = ""


class PtyTokenRequest(WireModel):
    """Body of `POST /applications/reconnecting-pty-signed-token`."""

    url: str = ""
    agentID: str = ""  # the wire's own spelling


class PtyToken(WireModel):
    """A short-lived signed token for a terminal through a workspace proxy."""

    signed_token: str = Field("", repr=False)
