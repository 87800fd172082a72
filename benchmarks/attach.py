"""20 MB through `coder-tui attach` and the hub into a terminal of 200x50, against an attached tmux and plain `cat`.

All run at once, each in a terminal that drains what it is sent, and take turns stream by stream.
"""

from __future__ import annotations

import shlex
import statistics
import sys
from contextlib import ExitStack
from typing import Any

from _bench import emit, hub, median
from _terminal import COLUMNS, KINDS, ROWS, Terminal, in_tmux, program, size_of, tmux

ROUNDS = 5


def main() -> None:
    with program() as script, hub() as server, ExitStack() as stack:
        sizes = {kind: size_of(script, kind) for kind in KINDS}
        server.workspace("bench", str(script.parent), command=f"exec bash {shlex.quote(str(script))}")
        token_file = script.parent / "token"
        token_file.touch(0o600)
        token_file.write_text(server.token)
        argv = [sys.executable, "-m", "coder_tui", "attach", "bench", "--url", server.url]
        places = {
            "attach": ([*argv, "--token-file", str(token_file)], server.env),
            "cat": (["bash", str(script)], None),
        }
        terminals: dict[str, Terminal] = {}
        for name, (words, env) in places.items():
            terminals[name] = Terminal(words, COLUMNS, ROWS, env)
            stack.callback(terminals[name].close)
            terminals[name].type(b"", b"ready::")
        if tmux() is not None:
            terminals["tmux"] = stack.enter_context(in_tmux(script))
        took: dict[str, dict[str, list[float]]] = {kind: {name: [] for name in terminals} for kind in KINDS}
        for number in range(ROUNDS):
            for kind in KINDS:
                for name, terminal in terminals.items():
                    start, end = terminal.type(f"{kind} {number}\r".encode(), f"done:{kind}:{number}::".encode())
                    took[kind][name].append(end - start)
    detail: dict[str, Any] = {}
    ratios = []
    for kind in KINDS:
        size, times = sizes[kind] / 1e6, took[kind]
        peer = "tmux" if "tmux" in times else "cat"
        ratios.append(median([b / a for a, b in zip(times["attach"], times[peer], strict=True)]))
        detail[kind] = {"ratio": round(ratios[-1], 2)} | {
            f"{name}_mb_s": round(size / statistics.median(values), 1) for name, values in times.items()
        }
    emit("attach", min(ratios), ">= 1.0", peer, **detail)


if __name__ == "__main__":
    main()
