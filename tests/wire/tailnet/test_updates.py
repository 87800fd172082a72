import uuid

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from coder_tui.errors import ProtocolError
from coder_tui.wire.tailnet import tailnet_pb2 as pb
from coder_tui.wire.tailnet.updates import (
    Following,
    Picture,
    TailnetWorkspace,
    Told,
    difference,
    read_update,
)


def key(number: int) -> str:
    return str(uuid.UUID(int=number + 1))


workspaces = st.builds(
    TailnetWorkspace,
    st.text("abc", max_size=2),
    st.sampled_from(["unknown", "pending", "running", "stopped", "deleted"]),
    st.dictionaries(st.integers(100, 103).map(key), st.text("xy", max_size=1), max_size=2),
)
pictures = st.dictionaries(st.integers(0, 3).map(key), workspaces, max_size=4)


@given(st.lists(pictures, max_size=4))
@settings(max_examples=60)
def test_differences_carry_every_change_and_nothing_else(steps: list[Picture]) -> None:
    here: Picture = {}
    following = Following()
    for wanted in steps:
        update = difference(here, wanted)
        assert (update is None) == (here == wanted)
        if update is not None:
            told = following.apply(read_update(update.SerializeToString()))
            assert told.picture == wanted
            assert told.changed == {key for key in here | wanted if here.get(key) != wanted.get(key)}
        here = wanted


def test_statuses_are_the_apis_words() -> None:
    update = pb.WorkspaceUpdate()
    for value in [*pb.Workspace.Status.values(), 77]:
        update.upserted_workspaces.add(id=uuid.UUID(int=value + 1).bytes, name="w")
        update.upserted_workspaces[-1].MergeFromString(bytes([0x18, value]))
    found = Following().apply(update).picture
    assert found[key(0)].status == found[key(77)].status == "unknown"
    assert found[key(3)].status == "running"
    assert found[key(7)].status == "canceling"


def test_broken_ids_and_strangers() -> None:
    update = pb.WorkspaceUpdate()
    update.upserted_agents.add(id=uuid.uuid4().bytes, name="lost", workspace_id=uuid.uuid4().bytes)
    assert Following().apply(update) == Told({}, frozenset())
    update.upserted_workspaces.add(id=b"short")
    with pytest.raises(ProtocolError, match="5 bytes"):
        Following().apply(update)
