"""Agent side of instance identity: a proof from the cloud's metadata service, exchanged for the agent's token.

The metadata service is plain HTTP on a link-local address, so no proxy may ever see a request to it. Its address can
be changed (`CODER_TUI_METADATA_URL`) for machines that reach it elsewhere.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Literal
from urllib.parse import urlsplit

import httpx

from coder_tui.client.credentials import Credentials
from coder_tui.client.failures import unreachable
from coder_tui.client.tls import tls_context
from coder_tui.errors import (
    ApiError,
    CoderTuiError,
    CredentialsError,
    NotFoundError,
    ProtocolError,
    UnreachableError,
    UsageError,
)
from coder_tui.text import one_line
from coder_tui.wire.auth import (
    AwsInstanceIdentity,
    AzureInstanceIdentity,
    GoogleInstanceIdentity,
    SessionToken,
)
from coder_tui.wire.base import encode
from coder_tui.wire.problems import Problem

CloudName = Literal["aws", "azure", "google"]
Proof = AwsInstanceIdentity | AzureInstanceIdentity | GoogleInstanceIdentity

METADATA_ENV = "CODER_TUI_METADATA_URL"
METADATA_URL = "http://169.254.169.254"
"""The same link-local address in all three clouds."""

_METADATA_TIMEOUT = httpx.Timeout(5.0, connect=2.0)
_EXCHANGE_TIMEOUT = httpx.Timeout(30.0, connect=10.0)
_MAX_ANSWER = 64 << 10
_NAMES: dict[CloudName, str] = {"aws": "AWS", "azure": "Azure", "google": "Google Cloud"}
_SUFFIX = "-instance-identity"


def cloud_of(auth: str) -> CloudName:
    """`aws-instance-identity` (as in `CODER_AGENT_AUTH`) or plain `aws` to the cloud's name. Raises UsageError."""
    name = auth.strip().lower().removesuffix(_SUFFIX)
    for cloud in _NAMES:
        if name == cloud:
            return cloud
    words = ", ".join(f"{cloud}{_SUFFIX}" for cloud in _NAMES)
    raise UsageError(
        f"cannot use the auth method {one_line(auth)[:40]!r}", why="it is unknown", fix=f"use one of {words}"
    )


def metadata_url(environ: Mapping[str, str] = os.environ) -> str:
    """Where the metadata service is, without a slash at the end. Raises UsageError when the variable is no URL."""
    url = environ.get(METADATA_ENV, "").strip().rstrip("/") or METADATA_URL
    try:
        parts = urlsplit(url)
        good = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:
        good = False
    if not good:
        raise UsageError(f"cannot use {METADATA_ENV}", why="it is not an http URL", fix=f"set it like {METADATA_URL}")
    return url


async def fetch_proof(cloud: CloudName, *, base: str | None = None, agent_name: str = "") -> Proof:
    """This machine's proof from `cloud`'s metadata service at `base` (default: `metadata_url()`).

    Raises UnreachableError when nothing answers there, CredentialsError when what answers is not that cloud.
    """
    base = base or metadata_url()
    verify = base.startswith("https:")  # loading the trust store for nothing costs 20 ms
    async with httpx.AsyncClient(base_url=base, timeout=_METADATA_TIMEOUT, trust_env=False, verify=verify) as client:
        service = _Metadata(client, cloud)
        if cloud == "aws":
            return await _aws(service, agent_name)
        if cloud == "azure":
            return await _azure(service, agent_name)
        return await _google(service, agent_name)


async def exchange(
    url: str, cloud: CloudName, proof: Proof, *, client: httpx.AsyncClient | None = None
) -> SessionToken:
    """Trade `proof` for the agent's token: `POST <url>/api/v2/workspaceagents/<cloud>-instance-identity`.

    `client` brings its own trust, proxies and extra headers. Raises CredentialsError (401), NotFoundError (404),
    ApiError (400, 409 and the rest), UnreachableError, ProtocolError.
    """
    where = Credentials("agent", url.rstrip("/"), "", "instance identity")
    if client is None:
        verify = tls_context(where.url) or False  # False only for plain http
        trust_env = not where.is_loopback
        async with httpx.AsyncClient(timeout=_EXCHANGE_TIMEOUT, verify=verify, trust_env=trust_env) as own:
            return await exchange(url, cloud, proof, client=own)
    address = f"{where.url}/api/v2/workspaceagents/{cloud}{_SUFFIX}"
    try:
        # redirects are not followed: they could carry the proof to another host
        response = await client.post(
            address, content=encode(proof), headers={"Content-Type": "application/json"}, follow_redirects=False
        )
    except (httpx.HTTPError, httpx.InvalidURL) as error:
        raise unreachable(where, error) from None
    if response.status_code != 200:
        raise _refused(cloud, response.status_code, response.content)
    token = SessionToken.read(response.content)
    if not token.session_token:
        raise ProtocolError("the deployment gave no agent token", why="its answer has no session_token")
    return token


async def session_token(
    url: str,
    cloud: CloudName,
    *,
    base: str | None = None,
    agent_name: str = "",
    client: httpx.AsyncClient | None = None,
) -> SessionToken:
    """`fetch_proof`, then `exchange`. `agent_name` picks among several agents of one instance (newest Coder)."""
    return await exchange(url, cloud, await fetch_proof(cloud, base=base, agent_name=agent_name), client=client)


class _Metadata:
    """Requests to one metadata service, answers bounded, errors in one sentence."""

    def __init__(self, client: httpx.AsyncClient, cloud: CloudName) -> None:
        self._client, self.cloud = client, cloud

    async def ask(self, method: str, path: str, headers: dict[str, str]) -> tuple[str, httpx.Headers]:
        """The text of a 200 answer."""
        try:
            async with self._client.stream(method, path, headers=headers) as response:
                if response.status_code != 200:
                    raise self.foreign(f"its metadata service answers {response.status_code}")
                body = b""
                async for chunk in response.aiter_bytes():
                    body += chunk
                    if len(body) > _MAX_ANSWER:
                        raise self.foreign("its metadata service answers at unreasonable length")
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            raise UnreachableError(
                f"cannot reach the metadata service at {self._client.base_url}",
                why=_why(error),
                fix=f"run this on a {_NAMES[self.cloud]} machine, or use an agent token",
            ) from None
        try:
            text = body.decode()
        except UnicodeDecodeError:
            raise self.foreign("its metadata service does not answer in text") from None
        if not text.strip():
            raise self.foreign("its metadata service answers with nothing")
        return text, response.headers

    def foreign(self, why: str) -> CredentialsError:
        """What answers is not this cloud's metadata service."""
        name = _NAMES[self.cloud]
        return CredentialsError(
            f"this machine does not prove to be in {name}",
            why=why,
            fix=f"check that it is a {name} machine whose metadata service is on, or use another auth method",
        )


async def _aws(service: _Metadata, agent_name: str) -> AwsInstanceIdentity:
    """IMDSv2: a short-lived token first (docs.aws.amazon.com/AWSEC2/latest/UserGuide/instance-metadata-v2.html)."""
    token, _ = await service.ask("PUT", "/latest/api/token", {"X-aws-ec2-metadata-token-ttl-seconds": "60"})
    token = token.strip()
    if not token.isascii() or not token.isprintable():
        raise service.foreign("its metadata service gives no usable token")
    headers = {"X-aws-ec2-metadata-token": token}
    folder = "/latest/dynamic/instance-identity"
    signature, _ = await service.ask("GET", f"{folder}/signature", headers)
    document, _ = await service.ask("GET", f"{folder}/document", headers)
    return AwsInstanceIdentity(signature=signature, document=document, agent_name=agent_name)


async def _azure(service: _Metadata, agent_name: str) -> AzureInstanceIdentity:
    """learn.microsoft.com/azure/virtual-machines/instance-metadata-service, Attested data."""
    text, _ = await service.ask("GET", "/metadata/attested/document?api-version=2020-09-01", {"Metadata": "true"})
    try:
        found = AzureInstanceIdentity.read(text)
    except CoderTuiError:
        raise service.foreign("its metadata service does not answer in JSON") from None
    if not found.signature or not found.encoding:
        raise service.foreign("its metadata service signs nothing")
    return AzureInstanceIdentity(signature=found.signature, encoding=found.encoding, agent_name=agent_name)


async def _google(service: _Metadata, agent_name: str) -> GoogleInstanceIdentity:
    """docs.cloud.google.com/compute/docs/instances/verifying-instance-identity; only full tokens name the instance."""
    path = "/computeMetadata/v1/instance/service-accounts/default/identity?audience=coder&format=full"
    text, headers = await service.ask("GET", path, {"Metadata-Flavor": "Google"})
    if headers.get("metadata-flavor") != "Google":
        raise service.foreign("what answers is not Google's metadata service")
    return GoogleInstanceIdentity(json_web_token=text.strip(), agent_name=agent_name)


def _refused(cloud: CloudName, status: int, content: bytes) -> CoderTuiError:
    try:
        problem = Problem.read(content)
    except CoderTuiError:
        problem = Problem()
    why = one_line(". ".join(part.rstrip(".") for part in (problem.message, problem.detail) if part))[:500]
    name = _NAMES[cloud]
    if status == 401:
        fix = "check the clocks of both machines, and that the deployment trusts this cloud's certificates"
        return CredentialsError(f"the deployment does not accept this machine's {name} proof", why=why, fix=fix)
    if status == 404:
        fix = "start its workspace, and check that the agent is registered with this instance's id"
        return NotFoundError("no agent belongs to this machine", why=why, fix=fix)
    if status == 409:
        what, fix = "several agents belong to this machine", "name one with CODER_AGENT_NAME"
    elif status == 400:
        what, fix = "this machine is not part of its workspace's latest build", "start or update the workspace"
    else:
        what, fix = "the deployment did not trade this machine's proof for a token", ""
    return ApiError(what, status=status, why=f"{status} {why}".strip(), fix=fix)


def _why(error: Exception) -> str:
    if isinstance(error, httpx.TimeoutException):
        return "no answer in time"
    return one_line(str(error))[:200] or type(error).__name__
