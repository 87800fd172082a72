"""Puts our hook into an agent's own configuration, and takes it out again: everything else stays byte for byte.

JSON and TOML are edited as text, at the place where the entry belongs; a file that cannot be understood is left alone.
Our entries are known by what they are, so that nothing has to be remembered for taking them out.
"""

from __future__ import annotations

import difflib
import json
import os
import tomllib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from coder_tui.errors import ConfigError, StorageError, UsageError
from coder_tui.report.hooks import ANSWER
from coder_tui.report.hooks.text_edit import MADE, add_member, blank_comments, remove_member

COMMAND = "coder-tui hook"
_DECIDES = 600  # seconds a person may take
_CLAUDE = (
    *("SessionStart", "UserPromptSubmit", "PreToolUse", "PostToolUse", "PostToolUseFailure", "PermissionRequest"),
    *("PermissionDenied", "Elicitation", "Notification", "Stop", "StopFailure", "SessionEnd"),
)
_CODEX = ("SessionStart", "UserPromptSubmit", "PreToolUse", "PermissionRequest", "PostToolUse", "Stop")
_GEMINI = ("SessionStart", "SessionEnd", "BeforeAgent", "AfterAgent", "BeforeTool", "AfterTool", "Notification")

_PLUGIN = """\
// Tells coder-tui how this agent is doing. Written by `coder-tui hooks install opencode`.
import { spawn } from "node:child_process"

const children = new Set()

export const CoderTui = async () => ({
  event: async ({ event }) => {
    const info = event.properties?.info
    if (event.type === "session.created" && info?.parentID) children.add(info.id)
    const session = event.properties?.sessionID
    if (session && children.has(session)) return
    if (!/^(session\\.(status|idle|error)|permission\\.|question\\.)/.test(event.type)) return
    const hook = spawn("coder-tui", ["hook", "opencode"], { stdio: ["pipe", "ignore", "ignore"] })
    hook.on("error", () => {})
    hook.stdin.on("error", () => {})
    hook.stdin.end(JSON.stringify({ type: event.type, properties: event.properties }))
  },
})
"""


@dataclass(frozen=True, slots=True)
class Plan:
    """A change of one file. `before` is None where there is none yet, `after` None where it goes."""

    path: Path
    before: str | None
    after: str | None

    @property
    def diff(self) -> str:
        """As `diff -u` shows it; empty when nothing changes."""
        if self.before == self.after:
            return ""
        old, new = (self.before or "").splitlines(keepends=True), (self.after or "").splitlines(keepends=True)
        name = str(self.path)
        return "".join(
            line if line.endswith("\n") else f"{line}\n"
            for line in difflib.unified_diff(old, new, name if old else "/dev/null", name if new else "/dev/null")
        )

    def carry_out(self) -> None:
        """Write it, through symbolic links, keeping the file's mode. Raises StorageError."""
        target = self.path.resolve()
        try:
            if self.after is None:
                target.unlink(missing_ok=True)
                return
            if target.exists() and not os.access(target, os.W_OK):
                raise PermissionError(13, "it may not be written")
            target.parent.mkdir(parents=True, exist_ok=True)
            mode = target.stat().st_mode & 0o777 if target.exists() else 0o600
            temporary = target.with_name(f".{target.name}.{os.getpid()}")
            try:
                handle = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode)
                with open(handle, "w", encoding="utf-8", newline="") as file:
                    file.write(self.after)
                    file.flush()
                    os.fsync(file.fileno())
                os.chmod(temporary, mode)
                temporary.replace(target)
            finally:
                temporary.unlink(missing_ok=True)
        except OSError as error:
            raise StorageError(f"cannot write {self.path}", why=error.strerror or str(error)) from None


def plan(
    agent: str, *, install: bool, project: Path | None = None, home: Path | None = None, answer: bool = False
) -> Plan:
    """What installing or uninstalling changes. `project`: that directory's configuration, not the user's. `answer`:
    with the hook that lets a person decide in the cockpit (claude); uninstalling takes it out in any case.

    Raises ConfigError for a file that cannot be understood, UsageError, StorageError.
    """
    path, edit = _place(agent, project, home or Path.home(), answer=answer or not install)
    try:
        with path.open(encoding="utf-8", newline="") as file:
            before: str | None = file.read()
    except FileNotFoundError:
        before = None
    except (OSError, UnicodeDecodeError) as error:
        raise StorageError(f"cannot read {path}", why=getattr(error, "strerror", None) or "it is not text") from None
    if before is None and not install:
        return Plan(path, None, None)
    try:
        return Plan(path, before, edit(before or "", install))
    except ValueError as error:
        raise ConfigError(f"cannot edit {path}", why=str(error), fix="repair it, then try again") from None


Edit = Callable[[str, bool], str | None]


def _place(agent: str, project: Path | None, home: Path, *, answer: bool) -> tuple[Path, Edit]:
    base = project or home
    match agent:
        case "claude":
            directory = Path(os.environ.get("CLAUDE_CONFIG_DIR") or home / ".claude")
            entries = [(event, _entry(agent, 5) | {"async": True}) for event in _CLAUDE]
            if answer:
                entries.append(("PermissionRequest", _entry(f"{agent} {ANSWER}", _DECIDES)))
            return (project / ".claude" if project else directory) / "settings.json", _json(entries)
        case "gemini":
            return base / ".gemini" / "settings.json", _json([(event, _entry(agent, 5000)) for event in _GEMINI])
        case "codex":
            directory = Path(os.environ.get("CODEX_HOME") or home / ".codex")
            place = (project / ".codex" if project else directory) / "hooks.json"
            return place, _json([(event, _entry(agent, 5)) for event in _CODEX])
        case "opencode":
            config = Path(os.environ.get("XDG_CONFIG_HOME") or home / ".config") / "opencode"
            return (project / ".opencode" if project else config) / "plugins" / "coder-tui.js", _plugin
        case "aider":
            return base / ".aider.conf.yml", _aider
        case _:
            raise UsageError(f"there are no hooks for {agent!r}")


def _entry(words: str, timeout: int) -> dict[str, Any]:
    """Our command. `timeout` in the agent's unit."""
    return {"type": "command", "command": f"{COMMAND} {words}", "timeout": timeout}


def _json(commands: Sequence[tuple[str, dict[str, Any]]]) -> Edit:
    """Hooks of the form `{"hooks": {EVENT: [{"hooks": [COMMAND]}]}}`."""

    def edit(text: str, install: bool) -> str | None:
        if not text.strip():
            text = text or f"{MADE['{']}\n" if install else text
        if not text.strip():
            if text and install:
                raise ValueError("it is blank")
            return text
        value = json.loads(blank_comments(text))
        if not isinstance(value, dict) or not isinstance(value.get("hooks", {}), dict):
            raise ValueError("it is not an object with hooks")
        for event, command in reversed(commands) if install else commands:
            entry = {"hooks": [command]}
            entries = value.get("hooks", {}).get(event, [])
            if not isinstance(entries, list):
                raise ValueError(f"hooks.{event} is not a list")
            ours = entry in entries
            if install and not ours:
                text = add_member(text, ("hooks", event), entry)
            elif not install and ours:
                text = remove_member(text, ("hooks", event), entry)
        json.loads(blank_comments(text))
        return None if not install and text == f"{MADE['{']}\n" else text

    return edit


def _plugin(text: str, install: bool) -> str | None:
    if install:
        return _PLUGIN
    return None if text == _PLUGIN else text


_AIDER = f"notifications: true\nnotifications-command: {COMMAND} aider\n"


def _aider(text: str, install: bool) -> str | None:
    """Two lines of YAML at the end; a notifications-command of the user's own is not touched."""
    if _AIDER in text:
        rest = text if install else text.replace(_AIDER, "", 1)
        return rest or None
    if not install:
        return text
    if any(line.startswith("notifications") for line in text.splitlines()):
        raise ValueError("it has a notifications setting of its own")
    if text and not text.endswith("\n"):
        raise ValueError("its last line has no end")
    return text + _AIDER


def codex_hooks_on(text: str) -> bool:
    """Whether config.toml switches Codex's hooks on. Raises ValueError."""
    features = tomllib.loads(text).get("features", {})
    return isinstance(features, dict) and features.get("hooks") is True
