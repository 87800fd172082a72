"""`coder-tui network [FILTER]`: the DERP map of each deployment, and its agents' latencies."""

from __future__ import annotations

import asyncio
import json
from argparse import Namespace
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime

from coder_tui.cli.agents import table, tell
from coder_tui.cli.deployments import chosen_or_hub, configuration
from coder_tui.cli.ls import MINE, narrow
from coder_tui.client.credentials import Credentials
from coder_tui.client.rest import RestClient
from coder_tui.config import Config
from coder_tui.errors import ApiError, CoderTuiError
from coder_tui.fleet import query
from coder_tui.fleet.convert import workspace_row
from coder_tui.fleet.events import DeploymentChanged, FleetListed
from coder_tui.fleet.snapshot import Deployment
from coder_tui.fleet.store import Store
from coder_tui.text import one_line
from coder_tui.tui.reach import node_words
from coder_tui.wire.agents import WorkspaceAgent
from coder_tui.wire.network import AgentConnectionInfo
from coder_tui.wire.workspaces import Workspace


@dataclass(frozen=True, slots=True)
class Reached:
    """What one deployment told: its connection info, and the agents that were asked for, by name."""

    credentials: Credentials
    info: AgentConnectionInfo
    agents: tuple[tuple[str, WorkspaceAgent], ...]
    round_trip_ms: float | None


def run(arguments: Namespace) -> int:
    """Print what every deployment tells; one that fails is told on stderr, and its exit code is ours."""
    config = configuration(arguments)
    text = " ".join(arguments.filter)
    query.parse(text)  # a bad filter is said before anything is asked
    errors: list[CoderTuiError] = []

    async def everywhere() -> list[Reached | None]:
        every = chosen_or_hub(arguments, config)
        return await asyncio.gather(*(_read(one, text, config, errors) for one in every))

    found = [one for one in asyncio.run(everywhere()) if one is not None]
    if arguments.json:
        print(json.dumps({"deployments": [_plain(one) for one in found]}, indent=2))
    else:
        print("\n\n".join("\n".join(_lines(one)) for one in found))
    tell(errors)
    return errors[0].exit_code if errors else 0


async def _read(credentials: Credentials, text: str, config: Config, errors: list[CoderTuiError]) -> Reached | None:
    try:
        async with await asyncio.to_thread(RestClient, credentials) as client:
            workspaces = await client.workspaces(MINE)
            info = await any_connection_info(client, workspaces)
            agents = _agents(credentials.name, workspaces, text, config)
            return Reached(credentials, info, agents, client.latency_ms)
    except CoderTuiError as error:
        errors.append(error)
        return None


async def any_connection_info(client: RestClient, workspaces: list[Workspace]) -> AgentConnectionInfo:
    """The route without an agent is undocumented: where it is missing, any agent's tells the same."""
    try:
        return await client.connection_info()
    except ApiError as error:
        agents = [agent for one in workspaces for resource in one.latest_build.resources for agent in resource.agents]
        if error.status != 404 or not agents:
            raise
        return await client.connection_info(agents[0].id)


def _agents(
    name: str, workspaces: list[Workspace], text: str, config: Config
) -> tuple[tuple[str, WorkspaceAgent], ...]:
    """The agents that the filter matches, as `owner/name agent`."""
    now = datetime.now(UTC)
    store = Store(config.quiet_after, config.due_within)
    store.apply(
        DeploymentChanged(Deployment(name)),
        FleetListed(name, tuple(workspace_row(name, one, now) for one in workspaces), now),
    )
    wanted = {row.agent.id for row in narrow(store.snapshot, text, now).rows if row.agent}
    return tuple(
        (one_line(f"{one.owner_name}/{one.name} {agent.name}"), agent)
        for one in workspaces
        for resource in one.latest_build.resources
        for agent in resource.agents
        if agent.id in wanted
    )


def _lines(one: Reached) -> Iterator[str]:
    trip = f"  {one.round_trip_ms:.0f} ms" if one.round_trip_ms is not None else ""
    yield f"{one.credentials.name}  {one.credentials.url}{trip}"
    ways = ["direct connections are disabled" if one.info.disable_direct_connections else "direct connections allowed"]
    ways += ["relays over WebSockets only"] if one.info.derp_force_websockets else []
    ways += [f"names end in .{one.info.hostname_suffix.lstrip('.')}"] if one.info.hostname_suffix else []
    yield one_line(", ".join(ways))
    regions = one.info.derp_map.regions.values() if one.info.derp_map else ()
    rows = [
        (
            region.region_name or region.region_code,
            str(region.region_id),
            region.region_code,
            "; ".join(f"{node.host_name or node.name} {node_words(node)}" for node in region.nodes),
        )
        for region in sorted(regions, key=lambda region: region.region_id)
    ]
    yield ""
    yield from table(("REGION", "ID", "CODE", "NODES"), rows) if rows else ["no DERP region"]
    if one.agents:
        yield ""
        yield from table(("AGENT", "STATUS", "HOME", "LATENCIES"), [_row(name, agent) for name, agent in one.agents])


def _row(name: str, agent: WorkspaceAgent) -> tuple[str, str, str, str]:
    near = sorted(agent.latency.items(), key=lambda item: item[1].latency_ms)
    home = next((region for region, latency in near if latency.preferred), "")
    return name, agent.status, home, ", ".join(f"{region} {latency.latency_ms:.0f} ms" for region, latency in near)


def _plain(one: Reached) -> dict[str, object]:
    return {
        "name": one.credentials.name,
        "url": one.credentials.url,
        "round_trip_ms": one.round_trip_ms and round(one.round_trip_ms, 1),
        **one.info.model_dump(),
        "agents": [
            {
                "name": name,
                "id": agent.id,
                "status": agent.status,
                "latency": {region: latency.model_dump() for region, latency in agent.latency.items()},
            }
            for name, agent in one.agents
        ],
    }
