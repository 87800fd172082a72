"""Codex: `notify` (JSON as the last argument, only the end of a turn) and hooks (JSON on stdin, like Claude's)."""

from __future__ import annotations

from coder_tui.report.hooks import Event, Said, subject, text, tool


def meaning(event: Event) -> Said | None:
    """A permission that is granted automatically is followed by PostToolUse at once: whoever shows it waits a bit."""
    if event.get("type") == "agent-turn-complete":
        return Said("idle", text(event, "last-assistant-message"))
    if text(event, "agent_id"):
        asks = event.get("hook_event_name") == "PermissionRequest"
        return Said("idle", f"may it use {subject(event)}?", True) if asks else None
    match event.get("hook_event_name"):
        case "SessionStart":
            return None if event.get("source") == "compact" else Said("idle")
        case "UserPromptSubmit":
            return Said("working", text(event, "prompt"))
        case "PreToolUse" | "PostToolUse" | "PreCompact":
            return Said("working", tool(event))
        case "PermissionRequest":
            return Said("idle", f"may it use {subject(event)}?", True)
        case "Stop":
            return Said("idle", text(event, "last_assistant_message"))
        case _:
            return None
