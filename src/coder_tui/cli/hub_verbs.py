"""The grammar of `hub` and its verbs."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any


def _port(text: str) -> int:
    if not text.isdecimal() or int(text) > 65535:
        raise argparse.ArgumentTypeError(f"{text!r} is not a port (0 to 65535; 0 picks a free one)")
    return int(text)


def add(verbs: Any, kind: type[argparse.ArgumentParser]) -> None:
    """Add `hub` to the verbs of the command line; its own verbs' parsers are of `kind`."""
    hub = verbs.add_parser("hub", help="the embedded server for this machine")
    hub_verbs = hub.add_subparsers(title="verbs", metavar="VERB", required=True, parser_class=kind)
    data = kind(add_help=False)
    data.add_argument("--data", type=Path, metavar="DIR", help="data directory (default: the user's)")
    serve = hub_verbs.add_parser("serve", parents=[data], help="serve in the foreground until SIGTERM")
    serve.add_argument("--host", default="127.0.0.1", help="address to listen on (default: loopback)")
    serve.add_argument("--port", type=_port, default=0, help="port, 0 picks a free one (default)")
    serve.add_argument("--owned", action="store_true", help=argparse.SUPPRESS)
    serve.set_defaults(run="coder_tui.cli.hub:serve")
    for name, help_text in (
        ("start", "start in the background, or find the running one"),
        ("stop", "stop the running one; its terminals end"),
        ("status", "is it running, and where"),
    ):
        verb = hub_verbs.add_parser(name, parents=[data], help=help_text)
        if name == "status":
            verb.add_argument("--json", action="store_true", help="for programs")
        verb.set_defaults(run=f"coder_tui.cli.hub:{name}")
    password = hub_verbs.add_parser(
        "password",
        parents=[data],
        help="allow signing in with a password, read from stdin",
        description="Sets the password for signing in. To switch that off, delete hub.password in the data directory.",
    )
    password.set_defaults(run="coder_tui.cli.hub:password")
    token = hub_verbs.add_parser("token", help="tokens that may report for one app, and nothing else")
    token_verbs = token.add_subparsers(title="verbs", metavar="VERB", required=True, parser_class=kind)
    verb = token_verbs.add_parser("create", parents=[data], help="print a new one, once")
    verb.add_argument("app", metavar="APP", help="WORKSPACE/SLUG or WORKSPACE.AGENT/SLUG")
    verb.add_argument("--name", default="", help="to revoke it by (default: made of APP)")
    verb.set_defaults(run="coder_tui.cli.hub_token:create")
    verb = token_verbs.add_parser("list", parents=[data], help="their names, apps and last use")
    verb.set_defaults(run="coder_tui.cli.hub_token:every")
    verb = token_verbs.add_parser("revoke", parents=[data], help="refuse one from now on")
    verb.add_argument("name", metavar="NAME")
    verb.set_defaults(run="coder_tui.cli.hub_token:revoke")
    link = hub_verbs.add_parser("link", parents=[data], help="store a token, read from stdin, for external auth")
    link.add_argument("provider", metavar="ID", help="id of an [[external_auth]] of hub.toml")
    link.set_defaults(run="coder_tui.cli.hub:link")
