"""`coder-tui hub serve|start|stop|status`."""

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
