"""`coder-tui report`: one status, from inside a workspace. Loads the standard library only."""

from __future__ import annotations

import os
import sys
from argparse import Namespace
from typing import TYPE_CHECKING

from coder_tui.errors import UnreachableError, UsageError
from coder_tui.report.agent_socket import find, tell
from coder_tui.wire.tailnet.appstatus import AppStatus

if TYPE_CHECKING:
    from coder_tui.report.reporter import Reporter  # HTTP, which a socket need not wait for


def run(arguments: Namespace) -> int:
    """Send the status and say nothing; what cannot be sent now is kept and sent later, in order.

    The agent's socket comes first, where there is one. Raises UsageError, CredentialsError, ApiError; UnreachableError
    where it cannot be kept either.
    """
    needs = arguments.needs or ("attention" if arguments.needs_attention else "")
    state = arguments.state or ("idle" if needs else "")
    if not state:
        raise UsageError("there is nothing to report", fix="give --state, or --needs")
    status = AppStatus(arguments.app, state, arguments.message, arguments.link, needs=needs)
    try:
        if arguments.auth or not tell(status):
            _over_http(status, arguments.auth)
    except UnreachableError as error:
        if not _keep(status):
            raise
        print(f"coder-tui: {error.what}: the report is kept, and sent later", file=sys.stderr)
    return 0


def _over_http(status: AppStatus, auth: str) -> None:
    from coder_tui.cli.agent_auth import as_agent

    def send(reporter: Reporter) -> None:
        reporter.status(status.state, status.message, status.uri, needs=status.needs)

    as_agent(send, auth=auth, app=status.slug)


def _keep(status: AppStatus) -> bool:
    from coder_tui.report.background import send_soon
    from coder_tui.report.spool import Spool, directory

    app = status.slug or os.environ.get("CODER_MCP_APP_STATUS_SLUG", "")
    token = os.environ.get("CODER_AGENT_TOKEN") or os.environ.get("CODER_AGENT_TOKEN_FILE")
    if not app or not (token or find()):
        return False
    spool = Spool(directory())
    try:
        if spool.put(app, status.state, status.message, status.uri, needs=status.needs):
            send_soon(spool)
    except OSError:
        return False
    return True
