"""What a start build needs beside a terminal: a check of its command, and the agent's rows."""

from __future__ import annotations

import asyncio
import json
import os
import re
import shlex
import sqlite3
import uuid

from coder_tui.hub.agents import LiveAgent
from coder_tui.hub.logs import add_source, hub_source_id
from coder_tui.hub.process import child_environment, login_shell
from coder_tui.hub.template import Parameters
from coder_tui.wire.agents import LifecycleState

_PLAIN_WORD = re.compile(r"[A-Za-z0-9/._+@%][A-Za-z0-9/._+@%-]*")


class BuildError(Exception):
    """Why a build failed, in one sentence for its `job.error`."""


def check_directory(directory: str) -> None:
    """Raises BuildError when it cannot be entered."""
    if not os.path.isdir(directory):
        raise BuildError(f"no such directory: {directory}")
    if not os.access(directory, os.R_OK | os.X_OK):
        raise BuildError(f"the directory may not be entered: {directory}")


def insert_agent(db: sqlite3.Connection, agent: LiveAgent, build_id: str, parameters: Parameters, now: int) -> None:
    """The rows of a new agent, its app and its log source."""
    db.execute(
        "INSERT INTO agents (id, build_id, workspace_id, resource_id, name, token, directory, environment, lifecycle,"
        " created_at, updated_at, instance_id) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?10, ?11)",
        (
            agent.id,
            build_id,
            agent.workspace_id,
            str(uuid.uuid4()),
            agent.name,
            agent.token,
            agent.directory,
            json.dumps(dict(agent.env)),
            LifecycleState.STARTING,
            now,
            parameters.instance_id,
        ),
    )
    db.execute(
        "INSERT INTO apps (agent_id, slug, id, display_name, command) VALUES (?, ?, ?, ?, ?)",
        (agent.id, agent.slug, agent.app_id, parameters.app_name, agent.command),
    )
    add_source(db, now, agent.id, hub_source_id(agent.id), "coder-tui")


async def check_command(parameters: Parameters, directory: str) -> None:
    """Ask the shell whether it knows the first word, where that can be told. Raises BuildError."""
    try:
        words = shlex.split(parameters.command)
    except ValueError as error:
        raise BuildError(f"the command is not a shell command: {error}") from None
    word = next((word for word in words if "=" not in word), "")
    if word not in parameters.command.split() or not _PLAIN_WORD.fullmatch(word):
        return  # quoting, expansion or grammar: only running it will tell
    if "/" in word:
        path = os.path.join(directory, word)
        if not os.path.exists(path):
            raise BuildError(f"cannot start the command: no such file: {word}")
        if os.path.isdir(path) or not os.access(path, os.X_OK):
            raise BuildError(f"cannot start the command: not executable: {word}")
        return
    process = await asyncio.create_subprocess_exec(
        login_shell(),
        *("-c", f"command -v {word}"),
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.DEVNULL,
        stderr=asyncio.subprocess.DEVNULL,
        cwd=directory,
        env=child_environment(parameters.env),
    )
    if await process.wait() != 0:
        raise BuildError(f"cannot start the command: {word} not found")
