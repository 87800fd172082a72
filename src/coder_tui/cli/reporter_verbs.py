"""The grammar of what agents call inside a workspace: report, hook, bridge, mcp, gitssh; and of `hooks`."""

from __future__ import annotations

import argparse
from typing import Any

from coder_tui.report.states import NEEDS, STATES


def add(verbs: Any, kind: type[argparse.ArgumentParser]) -> None:
    """Add them to the verbs of the command line; parsers of verbs of verbs are of `kind`."""
    report(verbs.add_parser("report", help="say how an agent is doing (inside a workspace)"))

    hook = verbs.add_parser("hook", help="what agents call with their events; prints nothing, always succeeds")
    hook.add_argument("agent", choices=("claude", "codex", "gemini", "opencode", "aider"))
    hooks = verbs.add_parser("hooks", help="our hook in an agent's own configuration")
    hooks_verbs = hooks.add_subparsers(title="verbs", metavar="VERB", required=True, parser_class=kind)
    for name, help_text in (
        ("install", "put it in; shows what changes first"),
        ("uninstall", "take it out again, exactly"),
        ("status", "where it is"),
    ):
        verb = hooks_verbs.add_parser(name, help=help_text)
        agents = ("claude", "codex", "gemini", "opencode", "aider")
        verb.add_argument("agent", metavar="AGENT", nargs="*" if name == "status" else "+", help=", ".join(agents))
        verb.add_argument("--project", action="store_true", help="in this directory's configuration, not the user's")
        if name != "status":
            verb.add_argument("--yes", action="store_true", help="without a question")
            if name == "install":
                verb.add_argument(
                    "--answer", action="store_true", help="claude: permissions can be decided in the cockpit too"
                )
            verb.add_argument("--dry-run", action="store_true", help="only show what would change")
        verb.set_defaults(run=f"coder_tui.cli.hooks:{name}")

    bridge = verbs.add_parser(
        "bridge",
        usage="coder-tui bridge [--app SLUG] -- CMD...",
        help="run CMD as it is, and report what its terminal says about it (inside a workspace)",
    )
    bridge.add_argument("--app", default="", metavar="SLUG", help="default: CODER_MCP_APP_STATUS_SLUG, else CMD's name")
    bridge.set_defaults(run="coder_tui.cli.bridge:run", command=[])
    mcp = verbs.add_parser("mcp", help="MCP server over stdio: the tool coder_report_task (needs the extra `mcp`)")
    mcp.add_argument("--app", default="", metavar="SLUG", help="default: CODER_MCP_APP_STATUS_SLUG")
    mcp.set_defaults(run="coder_tui.cli.mcp:run")

    gitssh = verbs.add_parser(
        "gitssh",
        usage="coder-tui gitssh -- SSH-ARGS...",
        help="ssh with the workspace owner's Git key (inside a workspace)",
        description='For Git inside a workspace: GIT_SSH_COMMAND="coder-tui gitssh --"',
    )
    gitssh.set_defaults(run="coder_tui.cli.gitssh:run", command=[])


def report(parser: argparse.ArgumentParser) -> None:
    """The words of `report`: on their own too, since that is a hot path and all verbs take some 10 ms."""
    parser.add_argument("--state", default="", choices=STATES, help="default with --needs: idle")
    parser.add_argument("--message", default="", help="one line, at most 160 bytes are sent")
    parser.add_argument("--link", default="", help="where the result is")
    parser.add_argument("--app", default="", metavar="SLUG", help="default: CODER_MCP_APP_STATUS_SLUG")
    parser.add_argument("--needs", default="", choices=NEEDS, help="a person must act, and on what")
    parser.add_argument("--needs-attention", action="store_true", help="the same as --needs attention")
    parser.add_argument(
        "--auth",
        default="",
        choices=("token", "aws-instance-identity", "azure-instance-identity", "google-instance-identity"),
        help="how the agent proves who it is (default: CODER_AGENT_AUTH, else token)",
    )
    parser.set_defaults(run="coder_tui.cli.report:run")
