"""Instance identity: a cloud machine's proof for its agent's token. Anonymous (contract `03-agents`)."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from coder_tui.errors import ConfigError
from coder_tui.hub.core import Hub
from coder_tui.hub.limits import Limit
from coder_tui.hub.problems import Refused, invalid, missing
from coder_tui.hub.web import answer, read_json, route
from coder_tui.wire.auth import AwsInstanceIdentity, AzureInstanceIdentity, GoogleInstanceIdentity, SessionToken


def routes(hub: Hub) -> list[Route]:
    """The family's routes."""
    door = _Door()
    return [
        route(hub, "POST", f"/workspaceagents/{cloud}-instance-identity", handler, user=False)
        for cloud, handler in (("aws", door.aws), ("azure", door.azure), ("google", door.google))
    ]


class _Door:
    """The three routes; an address may knock so often on all of them together."""

    def __init__(self) -> None:
        self._limit = Limit()

    async def aws(self, hub: Hub, request: Request) -> Response:
        """POST /workspaceagents/aws-instance-identity."""
        self._limit.check(request)
        body = await read_json(request, AwsInstanceIdentity)
        _required(signature=body.signature, document=body.document)
        return await _exchange(hub, body)

    async def azure(self, hub: Hub, request: Request) -> Response:
        """POST /workspaceagents/azure-instance-identity."""
        self._limit.check(request)
        body = await read_json(request, AzureInstanceIdentity)
        _required(signature=body.signature, encoding=body.encoding)
        return await _exchange(hub, body)

    async def google(self, hub: Hub, request: Request) -> Response:
        """POST /workspaceagents/google-instance-identity."""
        self._limit.check(request)
        body = await read_json(request, GoogleInstanceIdentity)
        _required(json_web_token=body.json_web_token)
        return await _exchange(hub, body)


def _required(**values: str) -> None:
    if faults := missing(**values):
        raise invalid(**faults)


async def _exchange(hub: Hub, body: AwsInstanceIdentity | AzureInstanceIdentity | GoogleInstanceIdentity) -> Response:
    """The agent's token for a proof that holds. Raises Refused (401, and what `Machines.agent` says)."""
    try:
        service = await hub.machines.service()
    except ConfigError as error:
        raise Refused(500, "The hub cannot verify identities.", str(error)) from None
    from coder_tui.hub.instance_identity import IdentityError

    try:
        match body:
            case AwsInstanceIdentity():
                proof = service.aws(body.signature, body.document)
            case AzureInstanceIdentity():
                proof = await service.azure(body.encoding, body.signature)
            case _:
                proof = await service.google(body.json_web_token)
    except IdentityError as error:
        raise Refused(401, error.message, error.detail) from None
    agent = await hub.machines.agent(proof.instance_id, body.agent_name.strip())
    return answer(SessionToken(session_token=agent.token))
