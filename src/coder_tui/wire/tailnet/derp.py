"""DERP maps: the RPC's message and the API's JSON are one thing in two forms. The RPC's has no `omitDefaultRegions`."""

from __future__ import annotations

from coder_tui.wire.network import DerpHomeParams, DerpMap, DerpNode, DerpRegion
from coder_tui.wire.tailnet import tailnet_pb2 as pb

_NODE = tuple(field.name for field in pb.DERPMap.Region.Node.DESCRIPTOR.fields)
"""Called the same in both forms."""


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
                nodes=[DerpNode(**{name: getattr(node, name) for name in _NODE}) for node in region.nodes],
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
            made.nodes.add(**{name: getattr(node, name) for name in _NODE})
    return message
