"""`coder-tui report`: one status, from inside a workspace. Loads the standard library only."""

from __future__ import annotations

from argparse import Namespace

from coder_tui.report.reporter import Reporter


def run(arguments: Namespace) -> int:
    """Send the status and say nothing. Raises CredentialsError, UnreachableError, ApiError."""
    with Reporter.from_env(app=arguments.app) as reporter:
        reporter.status(arguments.state, arguments.message, arguments.link, needs_attention=arguments.needs_attention)
    return 0
