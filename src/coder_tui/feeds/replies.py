"""Where a person's answer to an app can go, besides its terminal, and sending it there."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

from coder_tui.errors import ApiError
from coder_tui.fleet.snapshot import CHATS, Row
from coder_tui.text import one_line

if TYPE_CHECKING:
    from coder_tui.client.rest import RestClient

_PREFIXES = ("experimental", "v2")  # where chats have been; as `client.chats`


class WayKind(StrEnum):
    """What takes it."""

    TERMINAL = "terminal"
    AGENTAPI = "agentapi"
    CHAT = "chat"
    PERMISSION = "permission"


@dataclass(frozen=True, slots=True)
class Way:
    """One place an answer can go. `label` says where, `problem` why not now; both are safe to paint.

    A permission is asked by a hook that waits (`id`, `label` is what it asks): it takes a yes or a no, never a text.
    """

    kind: WayKind
    label: str
    problem: str = ""
    id: str = ""


async def ways(rest: RestClient, row: Row, *, is_hub: bool) -> list[Way]:
    """Permissions that wait, oldest first, then AgentAPI or the chat. Only a hub is asked. Raises CoderTuiError."""
    if row.workspace.id == CHATS:
        name = one_line(row.app.name or row.app.slug) if row.app else "this chat"
        return [Way(WayKind.CHAT, f"the chat {name} on {one_line(row.key.deployment)}")]
    if not is_hub or row.agent is None or row.app is None:
        return []
    try:
        found = await rest.reply_ways(row.agent.id, row.app.slug)
    except ApiError as error:
        if error.status != 404:
            raise
        return []  # it does not run, or the hub is older
    asked = [Way(WayKind.PERMISSION, one_line(one.message), id=one.id) for one in found.permissions]
    api = found.agentapi
    if api is None:
        return asked
    problem = "" if api.status == "stable" else f"it is {api.status}" if api.status else f"no answer: {api.why}"
    return [*asked, Way(WayKind.AGENTAPI, f"AgentAPI at {one_line(api.url)}", one_line(problem))]


async def send(rest: RestClient, row: Row, way: Way, text: str) -> None:
    """Send it there; a permission takes `allow` or `deny`. Raises CoderTuiError."""
    agent_id, slug = row.agent.id if row.agent else "", row.app.slug if row.app else ""
    match way.kind:
        case WayKind.PERMISSION:
            await rest.decide(agent_id, way.id, text)
        case WayKind.AGENTAPI:
            await rest.send_reply(agent_id, slug, text)
        case WayKind.CHAT:
            await _to_chat(rest, slug, text)
        case WayKind.TERMINAL:
            raise ValueError("what is typed goes over a terminal's own stream")


async def _to_chat(rest: RestClient, chat_id: str, text: str) -> None:
    for prefix in _PREFIXES:
        try:
            return await rest.send_chat(prefix, chat_id, text)
        except ApiError as error:
            if error.status != 404 or prefix == _PREFIXES[-1]:
                raise
