"""opencode's events, `{type, properties}` as our plugin hands them on."""

from __future__ import annotations

from coder_tui.report.hooks import Event, Said, text


def meaning(event: Event) -> Said | None:
    """Only the root session's events come here: the plugin knows which sessions are children."""
    given = event.get("properties")
    properties: Event = given if isinstance(given, dict) else {}
    match event.get("type"):
        case "session.status":
            found = properties.get("status")
            status: Event = found if isinstance(found, dict) else {}
            kind = status.get("type")
            if kind == "idle":
                return Said("idle")
            return Said("working", text(status, "message")) if kind in {"busy", "retry"} else None
        case "session.idle":
            return Said("idle")
        case "session.error":
            error = properties.get("error")
            data: object = error.get("data") if isinstance(error, dict) else None
            return Said("failure", (text(data, "message") if isinstance(data, dict) else "") or "session error")
        case "permission.asked" | "permission.updated":
            what, patterns = text(properties, "title", "permission"), properties.get("patterns")
            about = patterns[0] if isinstance(patterns, list) and patterns and isinstance(patterns[0], str) else ""
            return Said("idle", ": ".join(filter(None, (what, about[:2000]))) or "asks for a permission", True)
        case "question.asked":
            asked = properties.get("questions")
            first = asked[0] if isinstance(asked, list) and asked else properties
            return Said("idle", (text(first, "question") if isinstance(first, dict) else "") or "asks", True)
        case "permission.replied" | "question.replied" | "question.rejected":
            return Said("working")
        case _:
            return None
