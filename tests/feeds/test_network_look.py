"""The network of an agent as one: map and node from a deployment that has the tailnet RPC only, and what we measure."""

from __future__ import annotations

import asyncio

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from coder_tui.client.backoff import CLOCK
from coder_tui.client.rest import RestClient
from coder_tui.client.verdict import Path, verdict
from coder_tui.feeds.closeups import Network
from coder_tui.feeds.looks import Looks
from coder_tui.wire.base import encode
from coder_tui.wire.tailnet import messages
from coder_tui.wire.tailnet import tailnet_pb2 as pb
from tests.client.relay import OK, relay
from tests.client.support import credentials, serving
from tests.client.tailnet_server import FakeTailnet, Line
from tests.feeds.support import uuid, workspace
from tests.feeds.test_looks import Heard
from tests.wire.stun_server import stun_server

AGENT = uuid(1001)


async def test_the_map_the_agents_node_and_what_we_measure_become_one() -> None:
    far = FakeTailnet()

    async def answer(request: Request) -> Response:
        if request.url.path.endswith("/connection"):
            return JSONResponse({"derp_map": {"Regions": {}}})
        if request.url.path.endswith("/buildinfo"):
            return JSONResponse({"version": "v2.36"})
        if request.url.path.endswith(AGENT):
            agent = workspace(1).latest_build.resources[0].agents[0].model_copy(update={"status": "connected"})
            return Response(encode(agent), media_type="application/json")
        return JSONResponse({"message": "Route not found."}, 404)

    async with relay(lambda _: OK) as http, stun_server() as udp:

        def tell(line: Line, call: int, data: bytes) -> None:
            if line.calls[call] == messages.STREAM_DERP_MAPS:
                derp = pb.DERPMap()
                region = derp.regions[7]
                region.region_id, region.region_name = 7, "Here"
                node = region.nodes.add(name="7a", region_id=7, host_name="relay.test", ipv4="127.0.0.1")
                node.derp_port, node.stun_port, node.force_http = http.port, udp.port, True
                line.callee.message(call, derp.SerializeToString())
                return
            request = pb.CoordinateRequest.FromString(data)
            if request.HasField("add_tunnel"):
                answer = pb.CoordinateResponse()
                told = answer.peer_updates.add(id=request.add_tunnel.id, kind=pb.CoordinateResponse.PeerUpdate.NODE)
                told.node.preferred_derp = 7
                told.node.derp_latency["7-v4"] = 0.012
                told.node.endpoints.append("192.0.2.1:41641")
                line.callee.message(call, answer.SerializeToString())

        far.on_request = tell
        async with (
            serving(*far.routes, Route("/{path:path}", answer)) as url,
            RestClient(credentials(url)) as rest,
            Heard(Looks(rest, CLOCK).network(AGENT)) as heard,
            asyncio.timeout(20),
        ):
            found: Network = await heard.value(
                lambda value: (
                    value.measured and value.measured.complete and value.measured.report.nodes and value.side.endpoints
                )
            )
            assert found.measured is not None
            assert found.measured.report is not None
            assert found.side is not None
            assert found.side.home == 7
            assert found.side.latency == {7: 12.0}
            assert set(found.measured.report.relays()) == {7}
            assert found.measured.report.udp
            way = verdict(found.info, found.measured.report, found.side)
            assert (way.path, way.why) == (Path.DIRECT, "UDP works from here, and the agent offers 1 address")
