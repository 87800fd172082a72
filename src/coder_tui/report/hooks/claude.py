"""Claude Code's hooks: JSON on stdin. An event of a subagent (it has `agent_id`) says nothing about the root."""

from __future__ import annotations

from coder_tui.report.hooks import Event, Said, question, subject, text, tool

_ASKING = frozenset({"AskUserQuestion", "ExitPlanMode"})
_ASKS = frozenset({"permission_prompt", "elicitation_dialog", "elicitation_url_dialog", "agent_needs_input"})


def meaning(event: Event) -> Said | None:
    """Events as in the agent SDK's types. `idle_prompt` is no question: it fires after a minute of rest."""
    if text(event, "agent_id"):
        # a permission is asked of the person, whoever needs it
        asks = event.get("hook_event_name") == "PermissionRequest"
        return Said("idle", f"may it use {subject(event)}?", True) if asks else None
    match event.get("hook_event_name"):
        case "SessionStart":
            # compaction happens in the middle of a turn
            return None if event.get("source") == "compact" else Said("idle")
        case "UserPromptSubmit":
            return Said("working", text(event, "prompt"))
        case "PreToolUse" if event.get("tool_name") in _ASKING:
            return Said("idle", question(event) or tool(event), True)
        case "PreToolUse" | "PostToolUse" | "PermissionDenied":
            return Said("working", tool(event))
        case "PostToolUseFailure":
            return Said("idle", "interrupted") if event.get("is_interrupt") is True else Said("working", tool(event))
        case "PermissionRequest":
            return Said("idle", f"may it use {subject(event)}?", True)
        case "Elicitation":
            return Said("idle", text(event, "message"), True)
        case "Notification" if event.get("notification_type") in _ASKS:
            return Said("idle", text(event, "message", "title"), True)
        case "Stop":
            said = text(event, "last_assistant_message")
            return Said("working" if event.get("background_tasks") else "idle", said)
        case "StopFailure":
            return Said("failure", text(event, "error_details", "error", "last_assistant_message"))
        case "SessionEnd":
            return Said("idle")
        case _:
            return None
