"""Containers and dev containers as lines. Pure: what to say, not how it looks.

Texts are raw, from outside: whoever paints or prints them makes them safe.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from coder_tui.wire.containers import ContainerList, ContainerPort

_DEV_VOICES = {"running": "done", "starting": "quiet", "stopping": "quiet", "error": "failed"}


@dataclass(frozen=True, slots=True)
class Line:
    """One container, dev container or warning. `container` is what a terminal asks for: empty where there is none."""

    key: str
    kind: str  # container, devcontainer, warning
    name: str
    detail: str = ""  # image, or the folder of a dev container
    status: str = ""
    ports: str = ""
    running: bool = False
    container: str = ""
    voice: str = "muted"


def lines_of(value: ContainerList) -> list[Line]:
    """Warnings, then dev containers, then the other containers; running ones first, by name."""
    lines = [Line(f"warning/{text}", "warning", text, voice="due") for text in value.warnings]
    inside: set[str] = set()
    for dev in value.devcontainers:
        found = dev.container
        if found is not None:
            inside.add(found.id)
        status = dev.error or (f"{dev.status}, changed" if dev.dirty else dev.status)
        lines.append(
            Line(
                f"dev/{dev.id}",
                "devcontainer",
                dev.name or dev.workspace_folder,
                dev.workspace_folder,
                status,
                published(found.ports) if found else "",
                dev.status == "running",
                found.id if found and found.running else "",
                _DEV_VOICES.get("error" if dev.error else dev.status, "muted"),
            )
        )
    others = [one for one in value.containers if one.id not in inside]
    for one in sorted(others, key=lambda one: (not one.running, one.name)):
        lines.append(
            Line(
                f"container/{one.id}",
                "container",
                one.name or one.id[:12],
                one.image,
                one.status,
                published(one.ports),
                one.running,
                (one.id or one.name) if one.running else "",
                "done" if one.running else "muted",
            )
        )
    return lines


def published(ports: Sequence[ContainerPort]) -> str:
    """`8080>80`: the host's port, then the container's; once each, whatever the number of addresses."""
    words = (f"{one.host_port}>{one.port}" if one.host_port else str(one.port) for one in ports)
    return " ".join(dict.fromkeys(words))
