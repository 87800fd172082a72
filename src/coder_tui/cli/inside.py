"""`coder-tui ports WHAT`, `coder-tui containers WHAT`: what runs in a workspace, as its agent sees it."""

from __future__ import annotations

import asyncio
import json
from argparse import Namespace
from collections.abc import Awaitable, Callable, Sequence
from typing import Any, TypeVar

from coder_tui.cli.agents import Found, find, table, tell
from coder_tui.client.rest import RestClient
from coder_tui.errors import CoderTuiError
from coder_tui.tui.boxes import published
from coder_tui.wire.agents import ListeningPort
from coder_tui.wire.containers import ContainerList

T = TypeVar("T")


def ports(arguments: Namespace) -> int:
    """Print the listening ports of the agents that WHAT means; an agent that fails is told, and its code is ours."""
    return asyncio.run(_ask(arguments, "ports", lambda client, agent: client.listening_ports(agent), _port_table))


def containers(arguments: Namespace) -> int:
    """Print the containers beside the agents that WHAT means."""
    return asyncio.run(_ask(arguments, "containers", lambda client, agent: client.containers(agent), _container_table))


async def _ask(
    arguments: Namespace,
    what: str,
    read: Callable[[RestClient, str], Awaitable[T]],
    show: Callable[[Sequence[tuple[Found, T]]], None],
) -> int:
    errors: list[CoderTuiError] = []

    async def one(found: Found) -> T | None:
        try:
            async with await asyncio.to_thread(RestClient, found.credentials) as client:
                return await read(client, found.agent.id)
        except CoderTuiError as error:
            errors.append(error)
            return None

    agents = await find(arguments)
    answers = await asyncio.gather(*(one(found) for found in agents))
    known = [(found, answer) for found, answer in zip(agents, answers, strict=True) if answer is not None]
    if arguments.json:
        print(json.dumps({"agents": [_head(found) | {what: _plain(answer)} for found, answer in known]}, indent=2))
    else:
        show(known)
    tell(errors)
    return errors[0].exit_code if errors else 0


def _head(found: Found) -> dict[str, Any]:
    return {
        "deployment": found.credentials.name,
        "workspace": found.workspace.title,
        "agent": found.agent.name,
        "agent_id": found.agent.id,
    }


def _plain(answer: object) -> object:
    """As on the wire. Text stays raw: JSON escapes what a terminal would obey."""
    if isinstance(answer, ContainerList):
        return answer.model_dump()
    return [port.model_dump() for port in answer] if isinstance(answer, list) else answer


def _port_table(known: Sequence[tuple[Found, list[ListeningPort]]]) -> None:
    rows = [
        (found.name, str(port.port), port.network, port.process_name)
        for found, answer in known
        for port in sorted(answer, key=lambda port: port.port)
    ]
    for line in table(("AGENT", "PORT", "PROTOCOL", "PROCESS"), rows):
        print(line)


def _container_table(known: Sequence[tuple[Found, ContainerList]]) -> None:
    rows = [
        (found.name, one.name or one.id[:12], one.image, one.status, published(one.ports))
        for found, answer in known
        for one in sorted(answer.containers, key=lambda one: (not one.running, one.name))
    ]
    for line in table(("AGENT", "NAME", "IMAGE", "STATUS", "PORTS"), rows):
        print(line)
    for found, answer in known:
        tell(CoderTuiError(f"{found.name}: {warning}") for warning in answer.warnings)
