"""DERP maps: the RPC's message and the API's JSON are one thing in two forms. The RPC's has no `omitDefaultRegions`."""

from __future__ import annotations

from coder_tui.wire.network import DerpHomeParams, DerpMap, DerpNode, DerpRegion
from coder_tui.wire.tailnet import tailnet_pb2 as pb


def from_message(message: pb.DERPMap) -> DerpMap:
    """As the API's type. Region ids are the keys, whatever the regions themselves say."""
    scores = {str(key): score for key, score in message.home_params.region_score.items()}
    return DerpMap(
        home_params=DerpHomeParams(region_score=scores) if scores else None,
        regions={
            str(key): DerpRegion(
                embedded_relay=region.embedded_relay,
                region_id=region.region_id,
                region_code=region.region_code,
                region_name=region.region_name,
                avoid=region.avoid,
                nodes=[
                    DerpNode(
                        name=node.name,
                        region_id=node.region_id,
                        host_name=node.host_name,
                        cert_name=node.cert_name,
                        ipv4=node.ipv4,
                        ipv6=node.ipv6,
                        stun_port=node.stun_port,
                        stun_only=node.stun_only,
                        derp_port=node.derp_port,
                        insecure_for_tests=node.insecure_for_tests,
                        force_http=node.force_http,
                        stun_test_ip=node.stun_test_ip,
                        can_port_80=node.can_port_80,
                    )
                    for node in region.nodes
                ],
            )
            for key, region in message.regions.items()
        },
    )


def to_message(derp: DerpMap) -> pb.DERPMap:
    """As the RPC's message. Keys are numbers, as the API has them."""
    message = pb.DERPMap()
    for key, score in (derp.home_params.region_score if derp.home_params else {}).items():
        message.home_params.region_score[int(key)] = score
    for key, region in derp.regions.items():
        made = message.regions[int(key)]
        made.region_id, made.embedded_relay, made.avoid = region.region_id, region.embedded_relay, region.avoid
        made.region_code, made.region_name = region.region_code, region.region_name
        for node in region.nodes:
            made.nodes.add(
                name=node.name,
                region_id=node.region_id,
                host_name=node.host_name,
                cert_name=node.cert_name,
                ipv4=node.ipv4,
                ipv6=node.ipv6,
                stun_port=node.stun_port,
                stun_only=node.stun_only,
                derp_port=node.derp_port,
                insecure_for_tests=node.insecure_for_tests,
                force_http=node.force_http,
                stun_test_ip=node.stun_test_ip,
                can_port_80=node.can_port_80,
            )
    return message
