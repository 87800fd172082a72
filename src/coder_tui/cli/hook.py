"""`coder-tui hook AGENT`: what agents call. Prints nothing, always succeeds, never waits for the network.

But for `hook claude answer`, which waits for a person's decision and prints it: see `report.decide`.
"""

from __future__ import annotations

import os
import select
import sys
from collections.abc import Sequence


def run(words: Sequence[str]) -> int:
    """Take an event from stdin (or the last word), and leave what it says to a sender in the background."""
    try:
        _run(words)
    except Exception:  # nothing of ours may stand in an agent's way; KeyboardInterrupt ends us as it should
        return 0
    return 0


def _run(words: Sequence[str]) -> None:
    app = os.environ.get("CODER_MCP_APP_STATUS_SLUG", "")
    if not words or not app or not (os.environ.get("CODER_AGENT_URL") or os.environ.get("CODER_AGENT_SOCKET_PATH")):
        return  # not under a hub or in a workspace
    from coder_tui.report import hooks

    if list(words) == ["claude", hooks.ANSWER]:
        from coder_tui.report.decide import decision

        sys.stdout.write(decision(hooks.parse(_stdin()), app))
        return
    said = hooks.read(words[0], _stdin() if len(words) < 2 and words[0] != "aider" else b"", words[1:])
    if said is None:
        return
    from coder_tui.report.background import send_soon
    from coder_tui.report.spool import Spool, directory
    from coder_tui.report.states import HOOK_ICON
    from coder_tui.text import one_line

    spool = Spool(directory())
    if spool.put(app, said.state, one_line(said.message), needs="attention" if said.asks else "", icon=HOOK_ICON):
        send_soon(spool)


def _stdin() -> bytes:
    """All of it, up to the limit; nothing from a terminal, or from somebody who says nothing for two seconds."""
    from coder_tui.report.hooks import INPUT_LIMIT

    if sys.stdin is None or os.isatty(0):
        return b""
    parts: list[bytes] = []
    size = 0
    while size <= INPUT_LIMIT and select.select([0], [], [], 2.0)[0]:
        part = os.read(0, 1 << 16)
        if not part:
            break
        parts.append(part)
        size += len(part)
    return b"".join(parts)
