"""Which TCP ports programs of a terminal session listen on."""

from __future__ import annotations

from collections.abc import Iterable

import psutil

from coder_tui.hub.process import session_pids
from coder_tui.wire.agents import ListeningPort

_LOWEST = 9
_SERVICES = frozenset(
    {20, 21, 22, 23, 25, 53, 110, 143, 179, 389, 465, 587, 636, 989, 990, 993, 995, 3306, 3389, 5432}
    | {27017, 27018, 27019, 28017}
    | set(range(6000, 6064))
)
"""Ports of well-known services that are no web pages (contract `03-agents`), X11's displays among them."""


def listening_ports(leaders: Iterable[int]) -> list[ListeningPort]:
    """Ports of all programs in these sessions, lowest first, without what Coder hides. Blocks."""
    names: dict[int, str] = {}
    for pid in set().union(*(session_pids(leader) for leader in leaders)):
        try:
            process = psutil.Process(pid)
            for connection in process.net_connections(kind="tcp"):
                if connection.status == psutil.CONN_LISTEN and connection.laddr:
                    names.setdefault(connection.laddr.port, process.name())
        except psutil.Error:
            continue  # it ended, or is not ours to look at
    return [
        ListeningPort(process_name=name, network="tcp", port=port)
        for port, name in sorted(names.items())
        if port >= _LOWEST and port not in _SERVICES
    ]
