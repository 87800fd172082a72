"""`coder-tui netcheck [AGENT]`: how far the relays and STUN servers are from here, and how an agent would be reached.

stdout is the report, progress is told on stderr where that is a terminal. Exit code 0: there is a way (warnings or
not); 5: a deployment, every relay, or an agent that was asked for cannot be reached; else that of the first error.
"""

from __future__ import annotations

import asyncio
import json
import sys
from argparse import Namespace
from collections.abc import Sequence
from contextlib import aclosing
from datetime import UTC, datetime

from coder_tui.cli.agents import Found, find, tell
from coder_tui.cli.deployments import chosen_or_hub, configuration
from coder_tui.cli.ls import MINE
from coder_tui.cli.netcheck_show import AgentCheck, Checked, lines, plain
from coder_tui.cli.network import any_connection_info
from coder_tui.client.credentials import Credentials
from coder_tui.client.netcheck import Netcheck
from coder_tui.client.netreport import AgentSide, NodeReport, Report, agent_side, clock_skew, plan
from coder_tui.client.rest import RestClient
from coder_tui.client.sockets import Closed
from coder_tui.client.tailnet import PeerNode, open_tailnet
from coder_tui.client.verdict import verdict, warnings
from coder_tui.errors import CoderTuiError, UnreachableError
from coder_tui.fleet.codec import SCHEMA_VERSION
from coder_tui.wire.network import AgentConnectionInfo

PEER = 4.0
"""Seconds the coordinator has to tell of an agent."""
TRIPS = 3
"""Round trips to the API, of which the shortest counts."""


def run(arguments: Namespace) -> int:
    """Measure and print; what fails is told on stderr."""
    errors: list[CoderTuiError] = []
    found = asyncio.run(_everywhere(arguments, errors))
    if arguments.json:
        print(json.dumps({"schema": SCHEMA_VERSION, "deployments": [plain(one) for one in found]}, indent=2))
    else:
        print("\n\n".join("\n".join(lines(one)) for one in found))
    tell(errors)
    if errors:
        return errors[0].exit_code
    return UnreachableError.exit_code if any(one.blocked for one in found) else 0


async def _everywhere(arguments: Namespace, errors: list[CoderTuiError]) -> list[Checked]:
    asked: dict[str, tuple[Credentials, list[Found]]] = {}
    if arguments.what:
        for agent in await find(arguments):
            asked.setdefault(agent.credentials.name, (agent.credentials, []))[1].append(agent)
    else:
        asked = {one.name: (one, []) for one in chosen_or_hub(arguments, configuration(arguments))}
    progress = Progress()
    try:
        every = await asyncio.gather(
            *(_check(credentials, agents, progress, errors) for credentials, agents in asked.values())
        )
    finally:
        progress.end()
    return [one for one in every if one is not None]


async def _check(
    credentials: Credentials, agents: Sequence[Found], progress: Progress, errors: list[CoderTuiError]
) -> Checked | None:
    try:
        async with await asyncio.to_thread(RestClient, credentials) as client:
            info = await _info(client, agents)
            report, sides = await asyncio.gather(
                _measure(client, info, progress), asyncio.gather(*(_side(client, info, one) for one in agents))
            )
    except CoderTuiError as error:
        errors.append(error)
        return None
    checks = tuple(
        AgentCheck(one.name, one.agent.id, side, verdict(info, report, side))
        for one, side in zip(agents, sides, strict=True)
    )
    warned = {one: None for side in (None, *sides) for one in warnings(info, report, side)}
    return Checked(credentials, info, report, verdict(info, report), checks, tuple(warned))


async def _info(client: RestClient, agents: Sequence[Found]) -> AgentConnectionInfo:
    if agents:
        return await client.connection_info(agents[0].agent.id)
    return await any_connection_info(client, await client.workspaces(MINE))


async def _measure(client: RestClient, info: AgentConnectionInfo, progress: Progress) -> Report:
    chosen = plan(info.derp_map)
    nodes: list[NodeReport] = []
    progress.expect(len(chosen.nodes))

    def told(node: NodeReport) -> None:
        nodes.append(node)
        progress.step()

    trips: list[float] = []
    for _ in range(TRIPS):
        await client.build_info()
        trips.append(client.latency_ms or 0.0)
    skew = clock_skew(client.dated, client.latency_ms)
    tls = client.credentials.tls
    await Netcheck(tls.ca_file if tls else None).measure(chosen, told)
    places = {(region, node.name, node.host_name): place for place, (region, node) in enumerate(chosen.nodes)}
    nodes.sort(key=lambda node: places[node.region, node.name, node.host])
    return Report(datetime.now(UTC), tuple(nodes), chosen.regions_left_out, chosen.nodes_left_out, min(trips), skew)


async def _side(client: RestClient, info: AgentConnectionInfo, found: Found) -> AgentSide:
    agent, peer = await asyncio.gather(client.agent(found.agent.id), _peer(client, found.agent.id))
    return agent_side(info.derp_map, agent.status, agent.latency, peer)


async def _peer(client: RestClient, agent_id: str) -> PeerNode | None:
    """What the coordinator tells of the agent; None where it tells nothing, and REST has to do."""
    try:
        async with (
            asyncio.timeout(PEER),
            open_tailnet(client, agent_id) as tailnet,
            aclosing(tailnet.peer(agent_id)) as nodes,
        ):
            async for node in nodes:
                if node.kind == "node":
                    return node
    except (CoderTuiError, Closed, TimeoutError):
        pass
    return None


class Progress:
    """One line on stderr, where that is a terminal."""

    def __init__(self) -> None:
        self._done = self._total = 0
        self._shown = sys.stderr.isatty()

    def expect(self, nodes: int) -> None:
        """So many more will be measured."""
        self._total += nodes
        self._tell()

    def step(self) -> None:
        """One is done."""
        self._done += 1
        self._tell()

    def end(self) -> None:
        """Leave no trace."""
        if self._shown:
            print("\r\x1b[K", end="", file=sys.stderr, flush=True)

    def _tell(self) -> None:
        if self._shown:
            print(f"\rmeasuring {self._done} of {self._total} nodes\x1b[K", end="", file=sys.stderr, flush=True)
