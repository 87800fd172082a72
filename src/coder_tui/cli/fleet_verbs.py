"""The grammar of the verbs about the fleet as it changes: watch, wait, explain, ack and its kind, and the past."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from datetime import timedelta
from typing import Any

GOALS = ("complete", "asks", "idle", "failed")
"""What `wait` may wait for."""


def _span(text: str) -> timedelta:
    from coder_tui.config import parse_duration

    try:
        return parse_duration(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(f"{text!r}: {error}") from None


def add(verbs: Any, connection: Callable[[], argparse.ArgumentParser]) -> None:
    """Add them to the verbs of the command line; `connection` makes the flags that choose deployments."""
    watch = verbs.add_parser("watch", parents=[connection()], help="one line for every change, until Ctrl-C")
    watch.add_argument("filter", metavar="FILTER", nargs="*", help="as in ls")
    watch.set_defaults(run="coder_tui.cli.following:watch")

    wait = verbs.add_parser(
        "wait",
        parents=[connection()],
        help="until agents are complete, ask, idle or failed",
        description="Exit codes of this verb: 0 all got there; 3 one failed; 4 one asks; 5 one is lost; 124 timed out.",
    )
    wait.add_argument("--for", dest="goal", choices=GOALS, default="complete", help="default: complete")
    wait.add_argument("--timeout", type=_span, metavar="30m", help="give up after this time")
    wait.set_defaults(run="coder_tui.cli.following:wait")

    explain = verbs.add_parser("explain", parents=[connection()], help="why an agent is in its state")
    explain.set_defaults(run="coder_tui.cli.standing:explained")
    ack = verbs.add_parser("ack", parents=[connection()], help="acknowledge alerts")
    ack.set_defaults(run="coder_tui.cli.standing:ack")
    snooze = verbs.add_parser("snooze", parents=[connection()], help="hush alerts for a while")
    until = snooze.add_mutually_exclusive_group()
    until.add_argument("--for", dest="span", type=_span, default=timedelta(hours=1), metavar="1h", help="default: 1h")
    until.add_argument("--until-tomorrow", action="store_true", help="until eight in the morning")
    until.add_argument("--until-next-event", action="store_true", help="until the app reports something else")
    snooze.set_defaults(run="coder_tui.cli.standing:snooze")
    mute = verbs.add_parser("mute", parents=[connection()], help="hush all alerts of an app, until unmute")
    mute.set_defaults(run="coder_tui.cli.standing:mute", muted=True)
    unmute = verbs.add_parser("unmute", parents=[connection()], help="hear a muted app again")
    unmute.set_defaults(run="coder_tui.cli.standing:mute", muted=False)
    for verb in (wait, explain, ack, snooze, mute, unmute):
        verb.add_argument("what", metavar="WHAT", nargs="+", help="[OWNER/]NAME[.AGENT][/APP], or a filter as in ls")
    undo = verbs.add_parser("undo", help="take the last ack, snooze or mute back")
    undo.set_defaults(run="coder_tui.cli.standing:undo")

    digest = verbs.add_parser("digest", help="what finished, failed, asked and was missed")
    digest.set_defaults(run="coder_tui.cli.past:digest")
    stats = verbs.add_parser("stats", help="how long agents waited for you, and their time in each state")
    stats.set_defaults(run="coder_tui.cli.past:stats")
    for verb, default in ((digest, "8h"), (stats, "7d")):
        verb.add_argument(
            "--since", type=_span, default=default, metavar=default, help=f"how far back (default: {default})"
        )
    replay = verbs.add_parser("replay", help="the fleet as it was, as ls prints it")
    replay.add_argument("--at", required=True, metavar="14:02", help="14:02, 2026-03-01 14:02, or 10m (ago)")
    replay.add_argument("filter", metavar="FILTER", nargs="*", help="as in ls")
    replay.set_defaults(run="coder_tui.cli.past:replay")
    for verb in (watch, explain, digest, stats, replay):
        verb.add_argument("--json", action="store_true", help="for programs")
