"""Waits on a port for a call that does not come, and says nothing meanwhile. Anybody may call: `curl` ends the wait."""

from __future__ import annotations

import socket
import sys

from coder_tui.demo.agents.kit import Kit, main


def work(kit: Kit) -> None:
    """Listen on a free loopback port; report each call."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        while True:
            kit.report("working", f"Waiting for the preview build to call back on port {port}")
            kit.log([f"listening on 127.0.0.1:{port}"], source="preview")
            kit.say(f"curl http://127.0.0.1:{port}/ would end this wait.", "dim")
            connection, (host, _) = server.accept()
            with connection:
                request = connection.recv(4096).partition(b"\r\n")[0].decode("ascii", "replace")
                connection.sendall(b"HTTP/1.0 204 No Content\r\n\r\n")
            kit.log([f"{host}: {request}"], source="preview")
            kit.report("complete", f"The preview build called back from {host}")
            kit.pause(20)


if __name__ == "__main__":
    sys.exit(main("quiet", work))
