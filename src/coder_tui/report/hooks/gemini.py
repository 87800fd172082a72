"""gemini-cli's hooks: JSON on stdin."""

from __future__ import annotations

from coder_tui.report.hooks import Event, Said, text, tool


def meaning(event: Event) -> Said | None:
    """Model calls say nothing that their turn does not."""
    match event.get("hook_event_name"):
        case "SessionStart" | "SessionEnd":
            return Said("idle")
        case "BeforeAgent":
            return Said("working", text(event, "prompt"))
        case "BeforeTool" | "AfterTool":
            return Said("working", tool(event))
        case "AfterAgent":
            return Said("idle", text(event, "prompt_response"))
        case "Notification" if event.get("notification_type") == "ToolPermission":
            return Said("idle", text(event, "message"), True)
        case _:
            return None
