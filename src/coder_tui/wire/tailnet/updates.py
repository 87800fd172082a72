"""Workspaces and their agents as `WorkspaceUpdates` tells of them: a whole picture first, then differences.

It carries names, builds' states and which agents there are; nothing of connections, apps or statuses. Source: contract,
tailnet RPC, "WorkspaceUpdates".
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from coder_tui.wire.tailnet import tailnet_pb2 as pb
from coder_tui.wire.tailnet.messages import read, uuid_bytes, uuid_text

_STATUSES = {value: name.lower() for name, value in pb.Workspace.Status.items()}
_VALUES = {name: value for value, name in _STATUSES.items()}


@dataclass(frozen=True, slots=True)
class TailnetWorkspace:
    """A workspace: its name, its latest build's status (`running`, ...), and its agents' names by id."""

    name: str
    status: str
    agents: Mapping[str, str] = field(default_factory=dict)


Picture = dict[str, TailnetWorkspace]
"""Workspaces by id."""


@dataclass(frozen=True, slots=True)
class Told:
    """What a message of the stream made of it: all workspaces, and which of them are not what they were.

    `picture` is kept up to date: look at it before the next message comes.
    """

    picture: Mapping[str, TailnetWorkspace]
    changed: frozenset[str]


class Following:
    """A picture that follows a stream; one message costs what it touches."""

    def __init__(self) -> None:
        self._picture: Picture = {}

    def apply(self, update: pb.WorkspaceUpdate) -> Told:
        """Take a message over. Raises ProtocolError for ids that are none.

        An agent of a workspace that is not there is left out.
        """
        picture = self._picture
        before: dict[str, TailnetWorkspace | None] = {}
        for workspace in update.deleted_workspaces:
            key = uuid_text(workspace.id)
            before.setdefault(key, picture.pop(key, None))
        for workspace in update.upserted_workspaces:
            key = uuid_text(workspace.id)
            old = picture.get(key)
            before.setdefault(key, old)
            status = _STATUSES.get(workspace.status, "unknown")
            picture[key] = TailnetWorkspace(workspace.name, status, old.agents if old else {})
        agents: dict[str, dict[str, str]] = {}
        for upsert, told in ((False, update.deleted_agents), (True, update.upserted_agents)):
            for agent in told:
                key = uuid_text(agent.workspace_id)
                if key not in picture:
                    continue
                before.setdefault(key, picture[key])
                changed = agents.setdefault(key, dict(picture[key].agents))
                if upsert:
                    changed[uuid_text(agent.id)] = agent.name
                else:
                    changed.pop(uuid_text(agent.id), None)
        for key, changed in agents.items():
            picture[key] = TailnetWorkspace(picture[key].name, picture[key].status, changed)
        return Told(picture, frozenset(key for key, old in before.items() if picture.get(key) != old))


def read_update(data: bytes) -> pb.WorkspaceUpdate:
    """One message of the stream. Raises ProtocolError."""
    return read(pb.WorkspaceUpdate, data)


def difference(before: Picture, after: Picture) -> pb.WorkspaceUpdate | None:
    """What makes `after` of `before`; None when they are the same."""
    # most are the same object: only the others are compared
    changed = [key for key in before.keys() | after.keys() if before.get(key) is not after.get(key)]
    changed = [key for key in changed if before.get(key) != after.get(key)]
    if not changed:
        return None
    update = pb.WorkspaceUpdate()
    for key in sorted(changed):
        old, new = before.get(key), after.get(key)
        raw = uuid_bytes(key)
        if new is None:
            if old is not None:
                update.deleted_workspaces.add(id=raw, name=old.name, status=pb.Workspace.DELETED)
        elif old is None or (old.name, old.status) != (new.name, new.status):
            update.upserted_workspaces.add(id=raw, name=new.name, status=_VALUES.get(new.status, pb.Workspace.UNKNOWN))
        was, now = (old.agents if old else {}), (new.agents if new else {})
        for agent_id, name in now.items():
            if was.get(agent_id) != name:
                update.upserted_agents.add(id=uuid_bytes(agent_id), name=name, workspace_id=raw)
        for agent_id, name in was.items():
            if agent_id not in now:
                update.deleted_agents.add(id=uuid_bytes(agent_id), name=name, workspace_id=raw)
    return update
