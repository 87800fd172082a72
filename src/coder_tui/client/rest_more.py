"""More of the REST of a deployment: what is asked only while somebody looks, and the small writes. See `rest`."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from typing import TypeVar

from coder_tui.wire.base import WireModel
from coder_tui.wire.containers import ContainerList
from coder_tui.wire.network import AgentConnectionInfo
from coder_tui.wire.notifications import Inbox, InboxEvent, SetRead
from coder_tui.wire.shared import Said, Shared, Standing
from coder_tui.wire.shares import PortShare, PortShares, SharePort, UnsharePort
from coder_tui.wire.workspaces import UpdateTTL, WorkspaceBuild

M = TypeVar("M", bound=WireModel)
Query = Mapping[str, str | int | Sequence[str]]
"""Query parameters. Empty strings are left out; a sequence is one parameter several times."""


class Requests(ABC):
    """What groups of methods for `RestClient` call. See there."""

    @abstractmethod
    async def _read(
        self, model: type[M], method: str, path: str, body: WireModel | None = None, *, query: Query | None = None
    ) -> M: ...

    @abstractmethod
    async def _send(
        self, method: str, path: str, body: WireModel | None = None, query: Query | None = None
    ) -> bytes: ...


class RestMore(Requests):
    """The methods, for `RestClient`. Each raises as said there."""

    async def connection_info(self, agent_id: str = "") -> AgentConnectionInfo:
        """`GET /workspaceagents/{id}/connection`, or the same for no agent in particular."""
        path = f"workspaceagents/{agent_id}/connection" if agent_id else "workspaceagents/connection"
        return await self._read(AgentConnectionInfo, "GET", path)

    async def containers(self, agent_id: str, labels: Sequence[str] = ()) -> ContainerList:
        """`GET /workspaceagents/{id}/containers`: those that have every one of the labels (`key=value`)."""
        path = f"workspaceagents/{agent_id}/containers"
        return await self._read(ContainerList, "GET", path, query={"label": list(labels)})

    async def inbox(self, *, unread: bool = False, before: str = "", targets: Sequence[str] = ()) -> Inbox:
        """`GET /notifications/inbox`: at most 25, newest first, older than the notification with the id `before`."""
        query = {
            "read_status": "unread" if unread else "",
            "starting_before": before,
            "targets": ",".join(targets),
        }
        return await self._read(Inbox, "GET", "notifications/inbox", query=query)

    async def set_read(self, notification_id: str, read: bool = True) -> InboxEvent:
        """`PUT /notifications/inbox/{id}/read-status`: the notification as it is then."""
        path = f"notifications/inbox/{notification_id}/read-status"
        return await self._read(InboxEvent, "PUT", path, SetRead(is_read=read))

    async def mark_all_read(self) -> None:
        """`PUT /notifications/inbox/mark-all-as-read`."""
        await self._send("PUT", "notifications/inbox/mark-all-as-read")

    async def shared(self) -> Shared:
        """`GET /coder-tui/shared`: what the clients of a hub share. 404 at a deployment of Coder's."""
        return await self._read(Shared, "GET", "coder-tui/shared")

    async def say(self, standings: Sequence[Standing]) -> list[Standing]:
        """`PATCH /coder-tui/standings`: the same subjects as they stand then, in that order."""
        return (await self._read(Said, "PATCH", "coder-tui/standings", Said(standings=list(standings)))).standings

    async def port_shares(self, workspace_id: str) -> list[PortShare]:
        """`GET /workspaces/{id}/port-share`."""
        return (await self._read(PortShares, "GET", f"workspaces/{workspace_id}/port-share")).shares

    async def share_port(self, workspace_id: str, share: SharePort) -> PortShare:
        """`POST /workspaces/{id}/port-share`: share a port, or change how it is shared."""
        return await self._read(PortShare, "POST", f"workspaces/{workspace_id}/port-share", share)

    async def unshare_port(self, workspace_id: str, agent_name: str, port: int) -> None:
        """`DELETE /workspaces/{id}/port-share`: 404 when it was not shared."""
        body = UnsharePort(agent_name=agent_name, port=port)
        await self._send("DELETE", f"workspaces/{workspace_id}/port-share", body)

    async def cancel_build(self, build_id: str, *, expect: str = "") -> None:
        """`PATCH /workspacebuilds/{id}/cancel`. `expect` (`pending`, `running`): 412 when it is in another state.

        400 when the job has ended, or is being cancelled already.
        """
        await self._send("PATCH", f"workspacebuilds/{build_id}/cancel", query={"expect_status": expect})

    async def build_by_number(self, workspace_name: str, number: int, user: str = "me") -> WorkspaceBuild:
        """`GET /users/{user}/workspace/{name}/builds/{number}`."""
        path = f"users/{user}/workspace/{workspace_name}/builds/{number}"
        return await self._read(WorkspaceBuild, "GET", path)

    async def set_ttl(self, workspace_id: str, milliseconds: int | None) -> None:
        """`PUT /workspaces/{id}/ttl`: how long the workspace runs after each start; None: until it is stopped."""
        await self._send("PUT", f"workspaces/{workspace_id}/ttl", UpdateTTL(ttl_ms=milliseconds))

    async def set_favorite(self, workspace_id: str, favorite: bool) -> None:
        """`PUT` or `DELETE /workspaces/{id}/favorite`."""
        await self._send("PUT" if favorite else "DELETE", f"workspaces/{workspace_id}/favorite")
