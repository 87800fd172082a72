"""A report of an app's status, however it came: checked, made clean, weighed, on disk."""

from __future__ import annotations

from typing import TYPE_CHECKING

from coder_tui.hub.agents import LiveAgent
from coder_tui.hub.problems import Refused
from coder_tui.hub.sanitize import ui_text
from coder_tui.hub.witnesses import Report
from coder_tui.report.states import HOOK_ICON, NEEDS
from coder_tui.wire.statuses import MESSAGE_LIMIT, AppState, PatchHubAppStatus

if TYPE_CHECKING:
    from coder_tui.hub.core import Hub

_STATES = {state.value for state in AppState}
_WAITS = {"permission": "waits for a permission", "question": "waits for an answer", "auth": "waits for a login"}


async def report(hub: Hub, agent: LiveAgent, body: PatchHubAppStatus, only: str = "") -> None:
    """Checks in Coder's order (since v2.32): state, message, slug; `only` is the one slug that is allowed, "" for any.

    What a hook says is weighed against what else is known of the app, and stored where it changes the state. Raises
    Refused (400), StorageError.
    """
    state = body.state.lower()
    if state not in _STATES:
        raise Refused(400, "Failed to parse request.", f"Invalid state: {body.state[:80]}")
    if len(body.message.encode()) > MESSAGE_LIMIT:
        rule = f"Message must be less than {MESSAGE_LIMIT} characters."
        raise Refused(400, "Message is too long.", rule, fields={"message": rule})
    if body.app_slug not in ({only} if only else agent.apps):
        hub.refuse(agent.id, ui_text(body.app_slug[:80]))
        raise Refused(400, "Failed to get workspace app.", f'No app found with slug "{body.app_slug[:80]}"')
    asks = body.needs if body.needs in NEEDS else "attention" if body.needs or body.needs_user_attention else ""
    found = Report(
        state,
        ui_text(body.message) or _WAITS.get(asks, ""),
        body.uri.replace("\0", ""),
        body.icon.replace("\0", ""),
        asks,
    )
    watch = hub.witnesses.of(agent, body.app_slug)
    await (watch.hooked(found) if found.icon == HOOK_ICON else watch.reported(found))
