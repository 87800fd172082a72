"""Deployments in `config.toml`: one table is added or taken away, every other byte stays.

The file belongs to a person, with comments and an order of its own. Writing needs one table at the end, removing
needs the lines of one table: too little for a TOML writer, and each edit is parsed again before it is believed.
"""

from __future__ import annotations

import json
import tomllib
from pathlib import Path
from typing import Any

from coder_tui import paths
from coder_tui.client.credentials import normalize_url
from coder_tui.config import Config, DeploymentConfig
from coder_tui.errors import ConfigError


def store(config: Config, name: str, url: str, token: str) -> None:
    """Add `[deployments.NAME]`, or replace the token of the one that is there. Raises ConfigError, StorageError."""
    path: Path = config.path
    paths.ensure_private(path.parent)
    known = config.deployments.get(name)
    if known and normalize_url(known.url) != url:
        raise ConfigError(
            f"deployment {name} exists already", why=f"it is {known.url}", fix="choose another name with --name"
        )
    token_file = known.token_file if known else _own_file(config, name)
    paths.write_private(token_file, token + "\n")
    if known:
        return
    text = _read(path)
    # a JSON string of printable ASCII is a TOML basic string too
    table = f"[deployments.{json.dumps(name)}]\nurl = {json.dumps(url)}\ntoken_file = {json.dumps(token_file.name)}\n"
    gap = "" if not text.strip() else "\n" if text.endswith("\n") else "\n\n"
    _write(path, text + gap + table)


def forget(config: Config, name: str) -> None:
    """Remove `[deployments.NAME]`, and its token file if it is one that `store` made.

    Raises ConfigError when the table is not written as one, StorageError.
    """
    entry: DeploymentConfig = config.deployments[name]
    _write(config.path, without(_read(config.path), name, config.path))
    if entry.token_file == _own_file(config, name):
        entry.token_file.unlink(missing_ok=True)


def without(text: str, name: str, path: Path) -> str:
    """`text` without the lines of `[deployments.NAME]`. Comments above the next table belong to that one."""
    lines = text.splitlines(keepends=True)
    wanted = tomllib.loads(text)
    del wanted["deployments"][name]
    for start, line in enumerate(lines):
        if not _opens(line, name):
            continue
        end = start + 1
        while end < len(lines) and not lines[end].lstrip().startswith("["):
            end += 1
        if end < len(lines):
            while end > start + 1 and not (lines[end - 1].strip() and not lines[end - 1].lstrip().startswith("#")):
                end -= 1
        kept = "".join(lines[:start] + lines[end:])
        if _same(kept, wanted):
            return _tidy("".join(lines[:start]), "".join(lines[end:]))
    raise ConfigError(
        f"cannot remove deployment {name} from {path}",
        why="it is not written as a table of its own",
        fix=f"remove [deployments.{name}] by hand",
    )


def _tidy(before: str, after: str) -> str:
    """No gap of two blank lines where the table stood."""
    if before.endswith(("\n\n", "\r\n\r\n")) and after.startswith(("\n", "\r\n")):
        after = after.removeprefix("\r").removeprefix("\n")
    return before + after


def _opens(line: str, name: str) -> bool:
    try:
        found = tomllib.loads(line) if line.lstrip().startswith("[") else {}
    except tomllib.TOMLDecodeError:
        return False
    return found == {"deployments": {name: {}}}


def _same(text: str, wanted: dict[str, Any]) -> bool:
    try:
        found = tomllib.loads(text)
    except tomllib.TOMLDecodeError:
        return False
    return {**found, "deployments": found.get("deployments", {})} == wanted


def _own_file(config: Config, name: str) -> Path:
    return config.path.parent / f"{name}.token"


def _read(path: Path) -> str:
    """As it is, line ends and all."""
    return path.read_bytes().decode("utf-8") if path.exists() else ""


def _write(path: Path, text: str) -> None:
    paths.write_private(path.resolve(), text)  # the file may be a link into somebody's dotfiles
