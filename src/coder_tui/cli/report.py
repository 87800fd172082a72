"""`coder-tui report`: one status, from inside a workspace. Loads the standard library only."""

from __future__ import annotations

from argparse import Namespace

from coder_tui.cli.agent_auth import as_agent
from coder_tui.report.reporter import Reporter


def run(arguments: Namespace) -> int:
    """Send the status and say nothing. Raises CredentialsError, UnreachableError, ApiError."""

    def send(reporter: Reporter) -> None:
        reporter.status(arguments.state, arguments.message, arguments.link, needs_attention=arguments.needs_attention)

    as_agent(send, auth=arguments.auth, app=arguments.app)
    return 0
