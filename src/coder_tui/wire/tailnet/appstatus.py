"""`coder.agentsocket.v1.UpdateAppStatusRequest` by hand: a reporter has no time to load protobuf's runtime.

Two fields are ours, `icon` and `needs`, under numbers that Coder will not come to use; its agent skips them. Source:
`agentsocket.proto`, the protobuf encoding.
"""

from __future__ import annotations

from typing import NamedTuple

from coder_tui.errors import ProtocolError

UPDATE = "/coder.agentsocket.v1.AgentSocket/UpdateAppStatus"
STATES = ("working", "idle", "complete", "failure")
"""`AppStatusState` by number."""

_TEXTS = {1: "slug", 3: "message", 4: "uri", 10_001: "icon", 10_002: "needs"}
_STATE = 2
_VARINT, _FIXED64, _BYTES, _FIXED32 = 0, 1, 2, 5  # wire types
_SKIPPED = {_FIXED64: 8, _FIXED32: 4}


class AppStatus(NamedTuple):
    """One report. `state` is a name of `STATES`, or a number in digits that we do not know."""

    slug: str = ""
    state: str = "working"
    message: str = ""
    uri: str = ""
    icon: str = ""
    needs: str = ""


def encode(report: AppStatus) -> bytes:
    """The message. Raises ValueError for an unknown state."""
    from coder_tui.wire.tailnet.drpc import varint  # loaded where there is a socket to write to

    out = bytearray()
    for number, name in _TEXTS.items():
        if text := getattr(report, name).encode("utf-8", "replace"):
            out += varint(number << 3 | _BYTES) + varint(len(text)) + text
        if number == 1 and (state := STATES.index(report.state)):  # zero is left out; ascending, as everybody does it
            out += bytes((_STATE << 3 | _VARINT, state))
    return bytes(out)


def decode(data: bytes) -> AppStatus:
    """Read one message; unknown fields are skipped, of a repeated one the last counts. Raises ProtocolError."""
    values: dict[str, str] = {}
    at = 0
    while at < len(data):
        key, at = _number(data, at)
        number, kind = key >> 3, key & 7
        if kind == _VARINT:
            value, at = _number(data, at)
            if number == _STATE:
                values["state"] = STATES[value] if value < len(STATES) else str(value)
        elif kind == _BYTES:
            length, at = _number(data, at)
            if length > len(data) - at:
                raise _broken()
            if name := _TEXTS.get(number):
                try:
                    values[name] = data[at : at + length].decode()
                except UnicodeDecodeError:
                    raise _broken() from None
            at += length
        elif kind in _SKIPPED and number:
            at += _SKIPPED[kind]
        else:
            raise _broken()
        if not number or at > len(data):
            raise _broken()
    return AppStatus(**values)


def _number(data: bytes, at: int) -> tuple[int, int]:
    """A varint, and where it ends."""
    value = 0
    for shift in range(0, 70, 7):
        if at >= len(data):
            break
        byte = data[at]
        at += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value & 0xFFFF_FFFF_FFFF_FFFF, at
    raise _broken()


def _broken() -> ProtocolError:
    return ProtocolError("the peer sent an unreadable UpdateAppStatusRequest")
