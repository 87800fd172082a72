"""Calls over one session, sans-I/O: each yamux stream carries one dRPC call with stream id 1. What both sides share.

`caller.Caller` makes calls, `callee.Callee` answers them. Both take bytes in any chunking and give what happened; after
anything, `take()` holds what is to be sent, and `blocked(call)` says that the peer has no room for more of that call.
Source: contract, tailnet RPC, "call patterns".
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Generic, NamedTuple, TypeVar

from coder_tui.errors import CoderTuiError, ProtocolError
from coder_tui.wire.tailnet.drpc import Kind, Packet, Receiver, Sender
from coder_tui.wire.tailnet.yamux import WINDOW, Session
from coder_tui.wire.tailnet.yamux_frames import Data, Finished, GoneAway, Opened, Reset, Writable

_QUEUED = WINDOW  # bytes of messages that may wait for their reader before the peer is slowed down


class CallError(CoderTuiError):
    """The peer answered a call with an error. `code` is dRPC's: 12 where the method is not offered, mostly 0."""

    exit_code = 6

    def __init__(self, what: str, *, code: int, why: str = "") -> None:
        super().__init__(what, why=why)
        self.code = code


class Reply(NamedTuple):
    """The callee sent a message. Say `took` when it is done with."""

    call: int
    data: bytes


class Ended(NamedTuple):
    """Nothing more comes of this call: as it should, or for this reason."""

    call: int
    error: CoderTuiError | None


class Drained(NamedTuple):
    """The call is blocked no longer."""

    call: int


class Called(NamedTuple):
    """A caller began a call of the method `path`."""

    call: int
    path: str


class Request(NamedTuple):
    """The caller sent a message. Say `took` when it is done with."""

    call: int
    data: bytes


class RequestsOver(NamedTuple):
    """The caller sends no more, and waits for the answer."""

    call: int


class Cancelled(NamedTuple):
    """The caller does not want the rest."""

    call: int


class Call:
    """What is kept of one call."""

    __slots__ = ("done", "out", "queued", "receiver", "sender", "started", "unary", "unread")

    def __init__(self) -> None:
        self.sender, self.receiver = Sender(), Receiver()
        self.out = bytearray()  # what there is no room for yet
        self.queued = 0  # bytes of messages that nobody took
        self.unread = 0  # bytes that count against the peer's window
        self.unary = self.started = self.done = False


H = TypeVar("H")
_MESSAGE = Kind.MESSAGE


class Peer(Generic[H]):
    """One side of a session, and its calls. `_message` makes the event of a message."""

    _message: Callable[[int, bytes], H]

    def __init__(self, *, client: bool, now: float) -> None:
        self._session = Session(client=client, now=now)
        self._calls: dict[int, Call] = {}
        self._unsent: dict[int, Call] = {}  # calls with something that was not offered to the session yet

    @property
    def calls(self) -> int:
        """How many are open."""
        return len(self._calls)

    def take(self) -> bytes:
        """What is to be sent, once. What a call wrote since the last time goes out as one."""
        if self._unsent:
            for call, found in self._unsent.items():
                self._flush(call, found)
            self._unsent.clear()
        return self._session.take()

    def tick(self, now: float) -> float:
        """Do what is due; when to call again. Raises ProtocolError when the session is dead."""
        return self._session.tick(now)

    def leave(self) -> None:
        """Say that no new calls are taken or made here."""
        self._session.go_away()

    def message(self, call: int, data: bytes) -> None:
        """Send one message. Wait for `Drained` first while `blocked`. Raises ValueError over 4 MiB."""
        found = self._calls.get(call)
        if found is not None and not found.done:
            self._write(call, found, found.sender.message(data))

    def blocked(self, call: int) -> bool:
        """Whether what was sent last waits for room."""
        found = self._calls.get(call)
        if found is None or not found.out:
            return False
        self._flush(call, found)
        return bool(found.out)

    def took(self, call: int, data: bytes) -> None:
        """A message is done with."""
        found = self._calls.get(call)
        if found is not None:
            found.queued -= len(data)
            if found.unread:
                self._credit(call, found)

    def receive(self, data: bytes, now: float) -> list[H | Drained]:
        """What these bytes make happen. Raises ProtocolError when the session is dead."""
        happened: list[H | Drained] = []
        for event in self._session.receive(data, now):
            if type(event) is Data:  # nearly all of them
                self._data(*event, happened)
                continue
            match event:
                case Writable(call):
                    found = self._calls.get(call)
                    if found is not None and found.out:
                        self._flush(call, found)
                        if not found.out and not found.done:
                            happened.append(Drained(call))
                case Opened(call):
                    self._calls[call] = Call()
                case Finished(call) | Reset(call):
                    self._over(call, happened)
                case GoneAway():
                    pass  # `open` refuses from now on
        return happened

    def _data(self, call: int, part: bytes, happened: list[H | Drained]) -> None:
        found = self._calls.get(call)
        if found is None or found.done:
            self._session.consumed(call, len(part))
            return
        found.unread += len(part)
        try:
            for packet in found.receiver.feed(part):
                if packet.kind is _MESSAGE and found.started and not found.done:
                    found.queued += len(packet.data)
                    happened.append(self._message(call, packet.data))
                else:
                    self._packet(call, found, packet, happened)
        except ProtocolError as error:
            self._session.reset(call)
            self._broken(call, error, happened)
            return
        self._credit(call, found)

    def _packet(self, call: int, found: Call, packet: Packet, happened: list[H | Drained]) -> None:
        raise NotImplementedError

    def _over(self, call: int, happened: list[H | Drained]) -> None:
        raise NotImplementedError

    def _broken(self, call: int, error: ProtocolError, happened: list[H | Drained]) -> None:
        raise NotImplementedError

    def _credit(self, call: int, found: Call) -> None:
        if found.unread and found.queued <= _QUEUED:
            self._session.consumed(call, found.unread)
            found.unread = 0

    def _write(self, call: int, found: Call, data: bytes) -> None:
        found.out += data
        self._unsent[call] = found

    def _flush(self, call: int, found: Call) -> None:
        with memoryview(found.out) as out:
            sent = self._session.send(call, out)
        del found.out[:sent]
