"""Reports over the agent's unix socket, where a workspace has one: no HTTP, no token. This is a hot path.

`coder.agentsocket.v1.AgentSocket`, since v2.32: dRPC straight on the socket. Source: contract, "agent unix socket".
"""

from __future__ import annotations

import os
import stat
from collections.abc import Mapping

from coder_tui.errors import ApiError, CoderTuiError, ProtocolError, UnreachableError, UsageError
from coder_tui.report.states import cut
from coder_tui.wire.tailnet.appstatus import UPDATE, AppStatus, encode

DEFAULT = os.path.join(os.sep, "tmp", "coder-agent.sock")
"""Where Coder's agent listens unless `CODER_AGENT_SOCKET_PATH` says otherwise."""
_ANSWER = 64 << 10  # bytes of an answer


def find(environ: Mapping[str, str] = os.environ) -> str:
    """The path of this workspace's socket; "" where there is none, or it is another user's."""
    path = environ.get("CODER_AGENT_SOCKET_PATH", "")
    if not path and environ.get("CODER") == "true":  # the default is in a directory where anybody may put things
        path = DEFAULT
    try:
        found = os.stat(path) if path else None
    except (OSError, ValueError):
        return ""
    if found is None or not stat.S_ISSOCK(found.st_mode) or os.getuid() not in {found.st_uid, 0}:
        return ""
    return path


def tell(report: AppStatus, environ: Mapping[str, str] = os.environ, *, timeout: float = 10.0) -> bool:
    """Report over the socket; False where it has to go over HTTP: there is no socket, or it did not take it.

    The slug is the report's, else CODER_MCP_APP_STATUS_SLUG. `timeout` in seconds bounds each step. Raises UsageError,
    and where there is no HTTP either UnreachableError or ApiError.
    """
    path = find(environ)
    if not path:
        return False
    slug = report.slug or environ.get("CODER_MCP_APP_STATUS_SLUG", "")
    if not slug:
        raise UsageError("no app to report for", why="CODER_MCP_APP_STATUS_SLUG is not set", fix="name the app")
    try:
        _call(path, encode(report._replace(slug=slug, message=cut(report.message))), timeout)
    except CoderTuiError:
        # whatever the socket does not take goes the long way, whose answer is the one that counts
        if environ.get("CODER_AGENT_URL"):
            return False
        raise
    return True


def _call(path: str, message: bytes, timeout: float) -> None:
    import socket  # most who come here have none

    from coder_tui.wire.tailnet.drpc import Kind, Receiver, Sender, fault

    sender, receiver = Sender(), Receiver(_ANSWER)
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as link:
        link.settimeout(timeout)
        try:
            link.connect(path)
            link.sendall(sender.invoke(UPDATE) + sender.message(message) + sender.close_send())
            while data := link.recv(_ANSWER):
                for packet in receiver.feed(data):
                    if packet.kind is Kind.ERROR:
                        raise _refusal(*fault(packet.data))
                    if packet.kind is Kind.MESSAGE:
                        link.sendall(sender.close())
                        return
            raise ProtocolError("the agent's socket gave no answer", why="it closed first")
        except OSError as error:
            why = error.strerror or str(error) or type(error).__name__
            raise UnreachableError("cannot reach the agent's socket", why=why, fix="start the agent again") from None


def _refusal(code: int, text: str) -> ApiError:
    from coder_tui.text import one_line
    from coder_tui.wire.tailnet.drpc import UNIMPLEMENTED

    status = 501 if code == UNIMPLEMENTED else 400
    return ApiError("the workspace's agent refused the report", status=status, why=one_line(text)[:300].rstrip("."))
