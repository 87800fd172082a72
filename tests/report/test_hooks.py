"""What events of agents say: the tables, and whatever a newer agent may send."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from coder_tui.report.hooks import AGENTS, INPUT_LIMIT, Said, read

WORKING, IDLE = "working", "idle"


def event(name: str, **more: Any) -> dict[str, Any]:
    return {"hook_event_name": name, "session_id": "s", **more}


BASH = {"tool_name": "Bash", "tool_input": {"command": "make test"}}
ASKED = {"tool_name": "AskUserQuestion", "tool_input": {"questions": [{"question": "Which?"}]}}
TABLE: list[tuple[str, dict[str, Any], Said | None]] = [
    ("claude", event("SessionStart", source="startup"), Said(IDLE)),
    ("claude", event("SessionStart", source="compact"), None),
    ("claude", event("UserPromptSubmit", prompt="fix it"), Said(WORKING, "fix it")),
    ("claude", event("PreToolUse", **BASH), Said(WORKING, "Bash: make test")),
    ("claude", event("PreToolUse", **ASKED), Said(IDLE, "Which?", True)),
    ("claude", event("PreToolUse", tool_name="ExitPlanMode"), Said(IDLE, "ExitPlanMode", True)),
    ("claude", event("PostToolUse", **BASH), Said(WORKING, "Bash: make test")),
    ("claude", event("PostToolUse", agent_id="sub", **BASH), None),
    ("claude", event("Stop", agent_id="sub"), None),
    ("claude", event("SubagentStop", agent_id="sub"), None),
    ("claude", event("PostToolUseFailure", is_interrupt=True), Said(IDLE, "interrupted")),
    ("claude", event("PostToolUseFailure", error="no", **BASH), Said(WORKING, "Bash: make test")),
    ("claude", event("PermissionRequest", **BASH), Said(IDLE, "may it use Bash: make test?", True)),
    ("claude", event("PermissionRequest", agent_id="sub", **BASH), Said(IDLE, "may it use Bash: make test?", True)),
    ("claude", event("PermissionDenied", reason="x", **BASH), Said(WORKING, "Bash: make test")),
    ("claude", event("Elicitation", message="Your name?"), Said(IDLE, "Your name?", True)),
    ("claude", event("Notification", notification_type="permission_prompt", message="m"), Said(IDLE, "m", True)),
    ("claude", event("Notification", notification_type="idle_prompt", message="m"), None),
    ("claude", event("Notification", notification_type="agent_completed", message="m"), None),
    ("claude", event("Notification", message="m"), None),
    ("claude", event("Stop", last_assistant_message="Done."), Said(IDLE, "Done.")),
    ("claude", event("Stop", background_tasks=[{"id": 1}]), Said(WORKING)),
    ("claude", event("StopFailure", error="rate_limit"), Said("failure", "rate_limit")),
    ("claude", event("SessionEnd", reason="exit"), Said(IDLE)),
    ("claude", event("OfTheFuture"), None),
    ("codex", {"type": "agent-turn-complete", "last-assistant-message": "ok"}, Said(IDLE, "ok")),
    ("codex", {"type": "agent-turn-complete", "last-assistant-message": None}, Said(IDLE)),
    ("codex", {"type": "other"}, None),
    ("codex", event("PermissionRequest", **BASH), Said(IDLE, "may it use Bash: make test?", True)),
    ("codex", event("Stop", turn_id="1"), Said(IDLE)),
    ("gemini", event("BeforeAgent", prompt="p"), Said(WORKING, "p")),
    ("gemini", event("AfterAgent", prompt_response="r"), Said(IDLE, "r")),
    ("gemini", event("BeforeModel"), None),
    ("gemini", event("Notification", notification_type="ToolPermission", message="m"), Said(IDLE, "m", True)),
    ("opencode", {"type": "session.status", "properties": {"status": {"type": "busy"}}}, Said(WORKING)),
    ("opencode", {"type": "session.status", "properties": {"status": {"type": "idle"}}}, Said(IDLE)),
    ("opencode", {"type": "session.error", "properties": {"error": {"data": {"message": "e"}}}}, Said("failure", "e")),
    ("opencode", {"type": "permission.asked", "properties": {"permission": "bash"}}, Said(IDLE, "bash", True)),
    (
        "opencode",
        {"type": "permission.asked", "properties": {"permission": "bash", "patterns": ["rm -rf x"]}},
        Said(IDLE, "bash: rm -rf x", True),
    ),
    ("opencode", {"type": "question.asked", "properties": {"questions": [{"question": "q"}]}}, Said(IDLE, "q", True)),
    ("opencode", {"type": "permission.replied"}, Said(WORKING)),
    ("aider", {}, Said(IDLE, "ready for input")),
]


@pytest.mark.parametrize(("agent", "given_event", "said"), TABLE)
def test_the_tables(agent: str, given_event: dict[str, Any], said: Said | None) -> None:
    data = json.dumps(given_event)
    assert read(agent, data.encode(), ()) == said
    if agent != "aider":
        assert read(agent, b"", (data,)) == said


@pytest.mark.parametrize("agent", [agent for agent in AGENTS if agent != "aider"])
@pytest.mark.parametrize(
    "data", [b"", b"nonsense", b"[1]", b"null", b'"x"', b"\xff\xfe", b"{" * 5000, b"[" * 100_000, b" " * INPUT_LIMIT]
)
def test_what_is_no_event_says_nothing(agent: str, data: bytes) -> None:
    assert read(agent, data, ()) is None
    assert read("nobody", data, ()) is None


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=6,
)
NAMES = sorted({name for _, one, _ in TABLE for name in (one.get("hook_event_name"), one.get("type")) if name})


@settings(max_examples=150, deadline=None)
@given(
    st.sampled_from(AGENTS),
    st.sampled_from(NAMES),
    st.dictionaries(
        st.sampled_from(["tool_name", "tool_input", "message", "properties", "background_tasks", "prompt", "agent_id"]),
        JSON,
    ),
)
def test_members_of_any_type_do_no_harm(agent: str, name: str, members: dict[str, Any]) -> None:
    said = read(agent, json.dumps({"hook_event_name": name, "type": name, **members}).encode(), ())
    assert said is None or (said.state in {"working", "idle", "failure"} and isinstance(said.message, str))
