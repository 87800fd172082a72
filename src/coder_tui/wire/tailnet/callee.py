"""The answering side of a session, sans-I/O. See `rpc`."""

from __future__ import annotations

from coder_tui.errors import ProtocolError
from coder_tui.wire.tailnet.drpc import Kind, Packet
from coder_tui.wire.tailnet.rpc import Call, Called, Cancelled, Drained, Peer, Request, RequestsOver

LINGER = 60.0
"""Seconds after its end that a caller may take to close its side of a call."""

Asked = Called | Request | RequestsOver | Cancelled


class Callee(Peer[Asked]):
    """The side that was dialled."""

    _message = Request

    def __init__(self, now: float) -> None:
        super().__init__(client=False, now=now)
        self._ended: dict[int, float] = {}
        self._now = now

    def tick(self, now: float) -> float:
        """As the other side's; calls that ended, but whose caller does not close them, are dropped."""
        self._now = now
        for call in [one for one, at in self._ended.items() if now - at >= LINGER]:
            self._session.reset(call)
            self._forget(call)
        return min([super().tick(now), *(at + LINGER for at in self._ended.values())])

    def receive(self, data: bytes, now: float) -> list[Asked | Drained]:
        """What these bytes make happen. Raises ProtocolError when the session is dead."""
        self._now = now
        return super().receive(data, now)

    def end(self, call: int) -> None:
        """The answer is complete."""
        found = self._calls.get(call)
        if found is not None:
            self._last(call, found.sender.close_send())

    def fail(self, call: int, code: int, text: str) -> None:
        """Answer with an error."""
        found = self._calls.get(call)
        if found is not None:
            self._last(call, found.sender.error(code, text))

    def _last(self, call: int, data: bytes) -> None:
        found = self._calls[call]
        if not found.done:
            self._flush(call, found)
            self._write(call, found, data)
            found.done = True
            self._ended[call] = self._now  # the stream is closed once the caller did

    def _packet(
        self,
        call: int,
        found: Call,
        packet: Packet,
        happened: list[Asked | Drained],
    ) -> None:
        kind = packet.kind
        if found.done:
            return
        if kind is Kind.INVOKE and not found.started:
            found.started = True
            happened.append(Called(call, packet.data.decode("utf-8", "replace")))
        elif kind is Kind.INVOKE_METADATA and not found.started:
            pass
        elif kind is Kind.CLOSE_SEND and found.started:
            happened.append(RequestsOver(call))
        elif kind in {Kind.CANCEL, Kind.CLOSE, Kind.ERROR} and found.started:
            found.done = True
            self._ended[call] = self._now
            happened.append(Cancelled(call))
        else:
            raise ProtocolError("the caller's dRPC is broken", why=f"{kind.name} at the wrong time")

    def _over(self, call: int, happened: list[Asked | Drained]) -> None:
        found = self._calls.get(call)
        if found is None:
            return
        if found.started and not found.done:
            happened.append(Cancelled(call))
        self._session.finish(call)
        self._forget(call)

    def _broken(
        self,
        call: int,
        error: ProtocolError,
        happened: list[Asked | Drained],
    ) -> None:
        if self._calls[call].started:
            happened.append(Cancelled(call))
        self._forget(call)

    def _forget(self, call: int) -> None:
        self._calls.pop(call, None)
        self._unsent.pop(call, None)
        self._ended.pop(call, None)
