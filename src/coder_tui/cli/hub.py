"""`coder-tui hub serve|start|stop|status|password|link`."""

from __future__ import annotations

import json
import os
import signal
import sys
import threading
from argparse import Namespace
from pathlib import Path

from coder_tui.paths import data_dir


def _directory(arguments: Namespace) -> Path:
    return Path(arguments.data).expanduser().resolve() if arguments.data else data_dir()


def serve(arguments: Namespace) -> int:
    """Serve in the foreground until SIGTERM or Ctrl-C. Raises StorageError, HubError."""
    from coder_tui.hub.serve import serve as serve_hub

    if arguments.owned:
        threading.Thread(target=_end_with_owner, name="owner", daemon=True).start()
    serve_hub(_directory(arguments), host=arguments.host, port=arguments.port, out=sys.stdout)
    return 0


def _end_with_owner() -> None:
    """Our owner holds the other end of stdin: when it is gone, however it went, so are we."""
    while os.read(0, 4096):
        pass
    os.kill(os.getpid(), signal.SIGTERM)


def start(arguments: Namespace) -> int:
    """Print the address of the running hub, started if needed."""
    from coder_tui.hub import daemon

    address = daemon.start(_directory(arguments))
    print(json.dumps({"url": address.url, "token_file": str(address.token_file), "pid": address.pid}))
    return 0


def stop(arguments: Namespace) -> int:
    """Stop it; no hub is no error."""
    from coder_tui.hub import daemon

    directory = _directory(arguments)
    stopped = daemon.stop(directory)
    print("stopped" if stopped else f"no hub runs in {directory}", file=sys.stderr)
    return 0


def status(arguments: Namespace) -> int:
    """Where it is; exit code 9 when there is none."""
    from coder_tui.errors import NotFoundError
    from coder_tui.hub import daemon

    directory = _directory(arguments)
    address = daemon.discover(directory)
    if arguments.json:
        print(
            json.dumps(
                {"running": True, "url": address.url, "token_file": str(address.token_file), "pid": address.pid}
                if address
                else {"running": False}
            )
        )
    elif address:
        print(f"hub at {address.url}, process {address.pid}, data in {directory}")
    else:
        raise NotFoundError(f"no hub runs in {directory}", fix="start one with `coder-tui hub start`")
    return 0 if address else NotFoundError.exit_code


def password(arguments: Namespace) -> int:
    """Store the hash of a password from stdin; a running hub takes it at once. Raises UsageError, StorageError."""
    from coder_tui.errors import UsageError
    from coder_tui.hub.identity import local_email
    from coder_tui.hub.passwords import LONGEST, SHORTEST, store_password
    from coder_tui.paths import ensure_private

    directory = _directory(arguments)
    given = _secret("Password: ")
    if not len(given) >= SHORTEST or len(given.encode("utf-8", "replace")) > LONGEST:
        raise UsageError(
            "this cannot be a password",
            why=f"it must be {SHORTEST} characters at least, {LONGEST} bytes at most",
            fix="give another one on stdin",
        )
    store_password(ensure_private(directory), given)
    print(f"stored; sign in as {local_email()}", file=sys.stderr)
    return 0


def link(arguments: Namespace) -> int:
    """Store a token from stdin for a provider without a command. Raises NotFoundError, UsageError, StorageError."""
    from coder_tui.errors import NotFoundError, UsageError
    from coder_tui.hub.config import CONFIG_FILE, load_hub_config
    from coder_tui.hub.external_auth import is_token, token_path
    from coder_tui.paths import ensure_private, write_private

    directory = _directory(arguments)
    tables = {table.id: table for table in load_hub_config(directory).external_auth}
    table = tables.get(arguments.provider)
    if table is None:
        raise NotFoundError(
            f"{directory / CONFIG_FILE} has no external_auth with the id {arguments.provider!r}",
            fix=f"use one of {', '.join(tables)}" if tables else "add one",
        )
    if table.command:
        raise UsageError(f"{table.id} gets its tokens from a command", fix="remove `command` to store a token instead")
    token = _secret("Token: ").strip()
    if not is_token(token):
        raise UsageError("this cannot be a token", why="it must be one printable word", fix="give it on stdin")
    path = token_path(directory, table.id)
    ensure_private(path.parent)
    write_private(path, token + "\n")
    print(f"stored in {path}; who waits for {table.id} gets it now", file=sys.stderr)
    return 0


def _secret(prompt: str) -> str:
    """A line of stdin; typed without an echo where a person sits there."""
    if sys.stdin.isatty():
        from getpass import getpass

        return getpass(prompt)
    return sys.stdin.readline(1 << 16).rstrip("\r\n")
