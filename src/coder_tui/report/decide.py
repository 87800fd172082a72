"""A permission that Claude Code asks for, decided by a person at the hub. Standard library only.

Its `PermissionRequest` hook runs beside its own dialog, and whoever answers first counts. A background subagent waits
for the hook before it shows its dialog: there we have nothing to say. Every doubt leaves it to the dialog.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from http.client import HTTPException

from coder_tui.errors import CoderTuiError
from coder_tui.report.hooks import Event, subject, text
from coder_tui.report.reporter import Reporter
from coder_tui.text import one_line

PATIENCE = 605.0
"""Seconds to wait: a little more than the hub, which ends it; the hook's timeout in Claude's configuration is less."""
_BEHAVIORS = ("allow", "deny")


def decision(event: Event, app: str, environ: Mapping[str, str] = os.environ) -> str:
    """What to print: JSON, or "" where nobody decided, or there is no hub. Never raises."""
    if event.get("hook_event_name") != "PermissionRequest" or text(event, "agent_id") or not subject(event):
        return ""
    try:
        with Reporter.from_env(environ, app=app, timeout=PATIENCE) as reporter:
            behavior = reporter.permission(one_line(subject(event)))
    except (CoderTuiError, OSError, HTTPException):
        return ""
    if behavior not in _BEHAVIORS:
        return ""
    said = {"hookEventName": "PermissionRequest", "decision": {"behavior": behavior}}
    return json.dumps({"hookSpecificOutput": said}, separators=(",", ":"))
