"""The hub's one template, `local`: a directory of this machine and, if wanted, a command to run in it."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path

from coder_tui.errors import UsageError
from coder_tui.hub.problems import invalid
from coder_tui.report.agentapi import base_url
from coder_tui.wire.workspaces import WorkspaceBuildParameter

NAME = re.compile(r"[a-z0-9]+(?:-[a-z0-9]+)*")
"""Names of workspaces and agents, slugs of apps."""
MAX_NAME = 32
_INSTANCE = re.compile(r"[A-Za-z0-9][A-Za-z0-9._:/-]{0,127}")
_VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")


def check_name(text: str, name: str) -> None:
    """Coder's rule for names. Raises Refused naming the field."""
    if not NAME.fullmatch(name) or len(name) > MAX_NAME:
        rule = f"must be lower-case letters, digits and single hyphens, at most {MAX_NAME} characters"
        raise invalid(**{text: f"{name[:80]!r} {rule}"})


@dataclass(frozen=True, slots=True)
class Parameters:
    """The rich parameters of a build. `command` empty: no program of its own, only shells and reports.

    `instance_id` is the cloud's name of the machine whose proof of identity gets this agent's token. `agentapi` is the
    base URL of an AgentAPI that watches the command.
    """

    directory: str = ""
    command: str = ""
    app: str = "agent"
    app_name: str = ""
    agent: str = "main"
    instance_id: str = ""
    agentapi: str = ""
    env: dict[str, str] = field(default_factory=dict)

    @property
    def expanded_directory(self) -> str:
        """The directory as an absolute path; relative ones, and none, start at the user's home."""
        return os.path.normpath(Path.home() / os.path.expanduser(self.directory))

    def with_values(self, values: Sequence[WorkspaceBuildParameter]) -> Parameters:
        """These parameters changed by name. Raises Refused (400) for an unknown name or a bad value."""
        texts = self.texts()
        for value in values:
            if value.name not in texts:
                raise invalid(**{value.name[:80] or "name": f"the template has no parameter {value.name[:80]!r}"})
            if "\0" in value.value:
                raise invalid(**{value.name: "must not hold a NUL character"})
            texts[value.name] = value.value
        changed = Parameters(
            directory=texts["directory"],
            command=texts["command"].strip(),
            app=texts["app"] or "agent",
            app_name=texts["app_name"],
            agent=texts["agent"] or "main",
            instance_id=texts["instance_id"].strip(),
            agentapi=_read_url(texts["agentapi"]),
            env=_read_env(texts["env"]),
        )
        check_name("app", changed.app)
        check_name("agent", changed.agent)
        if changed.instance_id and not _INSTANCE.fullmatch(changed.instance_id):
            raise invalid(instance_id="must be a cloud's name of a machine: at most 128 letters, digits and . _ : / -")
        return changed

    def texts(self) -> dict[str, str]:
        """Name to value as the wire has them."""
        values = asdict(self)
        values["env"] = json.dumps(self.env, separators=(",", ":")) if self.env else ""
        return values

    def dump(self) -> str:
        """For storage."""
        return json.dumps(asdict(self), separators=(",", ":"))

    @classmethod
    def load(cls, text: str) -> Parameters:
        """From storage."""
        return cls(**json.loads(text))


def _read_url(text: str) -> str:
    try:
        return base_url(text, anywhere=True) if text.strip() else ""  # whose machine it is on is asked by who sets it
    except UsageError as error:
        raise invalid(agentapi=str(error)) from None


def _read_env(text: str) -> dict[str, str]:
    if not text.strip():
        return {}
    try:
        env = json.loads(text)
    except (ValueError, RecursionError):
        raise invalid(env="must be a JSON object") from None
    if not isinstance(env, dict):
        raise invalid(env="must be a JSON object")
    for name, value in env.items():
        if not _VARIABLE.fullmatch(name):
            raise invalid(env=f"{name[:80]!r} is no name for a variable")
        if not isinstance(value, str) or "\0" in value:
            raise invalid(env=f"the value of {name} must be a string without NUL")
    return env
