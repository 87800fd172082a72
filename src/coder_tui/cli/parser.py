"""The words of the command line. Only argparse is loaded here; a verb's module is imported when it runs."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NoReturn

from coder_tui import __version__
from coder_tui.cli import reporter_verbs
from coder_tui.errors import UsageError
from coder_tui.report.states import LEVELS

PUSH = "logs push"
"""Two words on the command line, one verb: `logs` itself takes any word."""


class Parser(argparse.ArgumentParser):
    """argparse that raises UsageError instead of printing a usage block and leaving, and takes no half words."""

    def __init__(self, **options: Any) -> None:
        super().__init__(**options, allow_abbrev=False)

    def error(self, message: str) -> NoReturn:
        """One sentence, like every other error."""
        raise UsageError(message, fix=f"see {self.prog} --help")


def _seconds(text: str) -> float:
    try:
        seconds = float(text)
    except ValueError:
        seconds = -1
    if not 0 < seconds < 1e6:
        raise argparse.ArgumentTypeError(f"{text!r} is not a number of seconds")
    return seconds


def _speed(text: str) -> float:
    try:
        speed = float(text)
    except ValueError:
        speed = -1
    if not 0.01 <= speed <= 1000:
        raise argparse.ArgumentTypeError(f"{text!r} is no speed (0.01 to 1000)")
    return speed


def _connection() -> Parser:
    """Which deployment: given before or after the verb. There is no flag for a token, only for its file.

    A new one for each verb: parsers share the objects of a parent, and so their defaults.
    """
    flags = Parser(add_help=False, argument_default=argparse.SUPPRESS)
    group = flags.add_argument_group("deployment")
    group.add_argument("--url", help="a Coder deployment or a hub (default: CODER_URL, our config, the coder CLI)")
    group.add_argument("--token-file", type=Path, metavar="FILE", help="file with the session token for --url")
    group.add_argument(
        "--deployment",
        metavar="NAME",
        action="append",
        help="a deployment of the configuration, `local` for the hub, or `all`; may be given several times",
    )
    return flags


def build(*, verbs_too: bool = True) -> Parser:
    """The whole grammar, or that of the cockpit alone. Parsed arguments carry `run`: `module:function`, called with
    them."""
    parser = Parser(
        prog="coder-tui",
        parents=[_connection()],
        description="The terminal cockpit for people who run AI agents. Without a verb: the cockpit.",
        epilog="A token is never given on the command line: use --token-file, CODER_SESSION_TOKEN or login.",
    )
    parser.set_defaults(
        run="coder_tui.cli.cockpit:run", url="", token_file=None, deployment=[], read_only=False, theme=""
    )
    parser.add_argument("--version", action="version", version=f"coder-tui {__version__}")
    parser.add_argument("--read-only", action="store_true", help="disable every action that changes a deployment")
    parser.add_argument("--theme", help="theme for this run")
    if not verbs_too:
        return parser
    from coder_tui.cli import fleet_verbs, hub_verbs  # a report need not wait for them

    verbs = parser.add_subparsers(title="verbs", metavar="VERB", parser_class=Parser)

    demo = verbs.add_parser("demo", help="real little agents on a temporary hub")
    demo.add_argument("--seconds", type=_seconds, metavar="N", help="end by itself after N seconds")
    demo.add_argument("--headless", action="store_true", help="no screen; prints the fleet as JSON at the end")
    demo.add_argument("--json", action="store_true", help="print the fleet as JSON at the end, with a screen too")
    demo.set_defaults(run="coder_tui.cli.demo:run")

    hub_verbs.add(verbs, Parser)

    new = verbs.add_parser(
        "new",
        parents=[_connection()],
        usage="coder-tui new NAME [options] [-- CMD...]",
        help="a workspace on the hub, running CMD in a terminal that outlives us",
    )
    new.add_argument("name", metavar="NAME")
    new.add_argument("--directory", type=Path, metavar="DIR", help="where CMD runs (default: here)")
    new.add_argument("--app", metavar="SLUG", help="slug to report under (default: the command's name)")
    _agentapi(new)
    new.add_argument("--ttl", default="", metavar="2h", help="stop the workspace after this time")
    new.set_defaults(run="coder_tui.cli.new:run", command=[])

    run = verbs.add_parser(
        "run",
        usage="coder-tui run [options] -- CMD...",
        help="CMD on the hub in a terminal that outlives us, and attach to it",
    )
    run.add_argument("--name", default="", help="of the workspace (default: the directory's)")
    run.add_argument("--cwd", type=Path, metavar="DIR", help="where CMD runs (default: here)")
    run.add_argument(
        "--worktree", default="", metavar="BRANCH", help="run in a Git worktree for BRANCH, made if needed"
    )
    run.add_argument("--app", metavar="SLUG", help="slug to report under (default: the command's name)")
    _agentapi(run)
    run.add_argument("--detach", action="store_true", help="do not attach; prints the name")
    run.set_defaults(run="coder_tui.cli.run:run", command=[])
    stop = verbs.add_parser("stop", parents=[_connection()], help="stop a workspace: its programs end")
    stop.set_defaults(run="coder_tui.cli.lifecycle:stop")
    remove = verbs.add_parser("rm", parents=[_connection()], help="delete a workspace and what is known of it")
    remove.add_argument("--yes", action="store_true", help="without a question")
    remove.set_defaults(run="coder_tui.cli.lifecycle:remove")
    for verb in (stop, remove):
        verb.add_argument("what", metavar="WORKSPACE", nargs="+", help="NAME or OWNER/NAME")
    send = verbs.add_parser("send", parents=[_connection()], help="type into a program's terminal without attaching")
    send.add_argument("what", metavar="WHAT", help="OWNER/NAME[.AGENT][/APP], or a filter as in ls")
    send.add_argument("text", metavar="TEXT", nargs="+", help="pasted, then Return is pressed; - reads stdin")
    send.add_argument("--keys", action="store_true", help="TEXT is names of keys: enter, escape, ctrl+c, up, y")
    send.add_argument("--no-enter", action="store_true", help="do not press Return after the text")
    send.set_defaults(run="coder_tui.cli.send:run")

    ls = verbs.add_parser("ls", parents=[_connection()], help="the fleet, once")
    ls.add_argument("filter", metavar="FILTER", nargs="*", help="words, state:asks, owner:me, age>10m, /re/, !not, |")
    ls.add_argument("--json", action="store_true", help="for programs")
    ls.set_defaults(run="coder_tui.cli.ls:run")

    fleet_verbs.add(verbs, _connection)

    network = verbs.add_parser(
        "network", parents=[_connection()], help="DERP regions, and each agent's latency to them"
    )
    network.add_argument("filter", metavar="FILTER", nargs="*", help="which agents, as in ls")
    network.set_defaults(run="coder_tui.cli.network:run")
    netcheck = verbs.add_parser(
        "netcheck",
        parents=[_connection()],
        help="measure relays and STUN servers; would it be direct or relayed, and why",
    )
    netcheck.add_argument("what", metavar="WHAT", nargs="*", help="an agent: NAME, OWNER/NAME[.AGENT], or a filter")
    netcheck.set_defaults(run="coder_tui.cli.netcheck:run")
    ports = verbs.add_parser("ports", parents=[_connection()], help="who listens in a workspace")
    ports.set_defaults(run="coder_tui.cli.inside:ports")
    containers = verbs.add_parser("containers", parents=[_connection()], help="containers beside an agent")
    containers.set_defaults(run="coder_tui.cli.inside:containers")
    for verb in (ports, containers):
        verb.add_argument("what", metavar="WHAT", nargs="+", help="NAME, OWNER/NAME, with .AGENT; or a filter as in ls")
    for verb in (network, netcheck, ports, containers):
        verb.add_argument("--json", action="store_true", help="for programs")

    logs = verbs.add_parser(
        "logs",
        parents=[_connection()],
        help="the log of an agent, a build, a file or a pipe",
        description=(
            "Prints the log of the agents that WHAT means; of a build where there is no agent. A FILE, or - for stdin, "
            "is shown in our log pane; without a terminal on stdout it is filtered to it."
        ),
    )
    logs.add_argument("what", metavar="WHAT", nargs="+", help="OWNER/NAME[.AGENT], a filter as in ls, FILE, or -")
    logs.add_argument("-f", "--follow", action="store_true", help="go on as lines are written")
    logs.add_argument("--since", default="", metavar="TIME", help="14:02, 2026-03-01 14:02, or 10m")
    logs.add_argument("--grep", default="", metavar="REGEX", help="only lines that match; without capitals in any case")
    logs.add_argument("--build", action="store_true", help="the newest build's log")
    logs.add_argument("--json", action="store_true", help="one object a line, for programs")
    logs.set_defaults(run="coder_tui.cli.log_read:run")
    push = verbs.add_parser(
        PUSH,
        help="append the lines of stdin to this agent's log (inside a workspace)",
        description="Never breaks the pipe: what cannot be delivered is counted and told at the end.",
    )
    push.add_argument("--source", default="", metavar="NAME", help="log source (default: External)")
    push.add_argument("--level", default="info", choices=LEVELS, help="of every line (default: info)")
    push.set_defaults(run="coder_tui.cli.logs:push")

    attach = verbs.add_parser(
        "attach",
        parents=[_connection()],
        usage="coder-tui attach WHAT [options] [-- CMD...]",
        help="a terminal elsewhere in this terminal, without the cockpit; ctrl+] leaves it",
        description=(
            "The terminal of an app, or a shell, or CMD in a session of its own. ctrl+] leaves it, twice sends it. "
            "In a pipe, stdin is typed and output printed. Exit code 0 when left or ended: a terminal tells none."
        ),
    )
    attach.add_argument("what", metavar="WHAT", nargs="+", help="OWNER/NAME[.AGENT][/APP], or a filter as in ls")
    attach.add_argument("--record", type=Path, metavar="FILE", help="write what is shown as asciicast v2")
    attach.add_argument("--record-input", action="store_true", help="and what is typed: passwords too")
    attach.set_defaults(run="coder_tui.cli.attach:run", command=[])

    play = verbs.add_parser("play", help="show a recording (asciicast v2, v3)")
    play.add_argument("file", type=Path, metavar="FILE")
    play.add_argument("--speed", type=_speed, default=1.0, metavar="N", help="times as fast")
    play.add_argument("--idle-limit", type=_seconds, metavar="S", help="no pause longer than S seconds")
    play.add_argument("--raw", action="store_true", help="into this terminal as it is, for recordings you trust")
    play.set_defaults(run="coder_tui.cli.play:run")

    reporter_verbs.add(verbs, Parser)

    login = verbs.add_parser("login", help="remember a deployment; by default with a token from your browser")
    login.add_argument("address", metavar="URL")
    how = login.add_mutually_exclusive_group()
    how.add_argument("--token-stdin", action="store_true", help="read the session token from stdin")
    how.add_argument("--password", action="store_true", help="ask for email and password on the terminal")
    login.add_argument("--name", default="", help="name of the deployment (default: its host)")
    login.set_defaults(run="coder_tui.cli.login:run")

    logout = verbs.add_parser("logout", help="end the session of a deployment and forget it")
    logout.add_argument("name", metavar="NAME", nargs="?", default="", help="default: the only one there is")
    logout.set_defaults(run="coder_tui.cli.logout:run")

    deployments = verbs.add_parser("deployments", parents=[_connection()], help="every deployment, and what answers")
    deployments.add_argument("--json", action="store_true", help="for programs")
    deployments.set_defaults(run="coder_tui.cli.links:run")

    doctor = verbs.add_parser("doctor", parents=[_connection()], help="what is installed, and what answers")
    doctor.set_defaults(run="coder_tui.cli.doctor:run")
    return parser


def _cockpit(words: Sequence[str]) -> argparse.Namespace | None:
    """What `words` mean when there is no verb among them. All verbs take some 10 ms, and the first frame waits."""
    if {"-h", "--help"}.intersection(words):
        return None
    try:
        arguments, more = build(verbs_too=False).parse_known_args(words)
    except UsageError:  # the whole grammar says it better
        return None
    return None if more else arguments


def _agentapi(verb: Parser) -> None:
    verb.add_argument("--agentapi", default="", metavar="URL", help="AgentAPI that watches CMD, and takes replies")
    verb.add_argument("--agentapi-anywhere", action="store_true", help="URL may be of another machine")


def parse(argv: Sequence[str]) -> argparse.Namespace:
    """Parse `argv`; what follows `--` is taken word for word, by verbs that have a command. Raises UsageError."""
    words, command = list(argv), []
    if "--" in words:
        border = words.index("--")
        words, command = words[:border], words[border + 1 :]
    if any(word == "--token" or word.startswith("--token=") for word in words):
        # others on this machine can read it there; and it is not repeated in an error about unknown words
        raise UsageError("a token is never given on the command line", fix="use --token-file or CODER_SESSION_TOKEN")
    for place in range(len(words) - 1):
        if words[place : place + 2] == PUSH.split():
            words[place : place + 2] = [PUSH]
            break
    if words[:1] == ["report"]:
        report = Parser(prog="coder-tui report")
        reporter_verbs.report(report)
        arguments = report.parse_args(words[1:])
    else:
        arguments = _cockpit(words) or build().parse_args(words)
    if command and not hasattr(arguments, "command"):
        raise UsageError(
            f"nothing may follow --: {command[0]!r}", fix="only `new`, `run`, `attach` and `gitssh` take a command"
        )
    if command:
        arguments.command = command
    return arguments
