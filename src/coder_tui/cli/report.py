"""`coder-tui report`: one status, from inside a workspace. Loads the standard library only."""

from __future__ import annotations

import os
import sys
from argparse import Namespace

from coder_tui.cli.agent_auth import as_agent
from coder_tui.errors import UnreachableError
from coder_tui.report.reporter import Reporter


def run(arguments: Namespace) -> int:
    """Send the status and say nothing; what cannot be sent now is kept and sent later, in order.

    Raises CredentialsError, ApiError; UnreachableError where it cannot be kept either.
    """

    def send(reporter: Reporter) -> None:
        reporter.status(arguments.state, arguments.message, arguments.link, needs_attention=arguments.needs_attention)

    try:
        as_agent(send, auth=arguments.auth, app=arguments.app)
    except UnreachableError as error:
        if not _keep(arguments):
            raise
        print(f"coder-tui: {error.what}: the report is kept, and sent later", file=sys.stderr)
    return 0


def _keep(arguments: Namespace) -> bool:
    from coder_tui.report.background import send_soon
    from coder_tui.report.spool import Spool, directory

    app = arguments.app or os.environ.get("CODER_MCP_APP_STATUS_SLUG", "")
    token = os.environ.get("CODER_AGENT_TOKEN") or os.environ.get("CODER_AGENT_TOKEN_FILE")
    if not app or not token:
        return False
    spool = Spool(directory())
    try:
        if spool.put(app, arguments.state, arguments.message, arguments.link, attention=arguments.needs_attention):
            send_soon(spool)
    except OSError:
        return False
    return True
