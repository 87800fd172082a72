"""The calling side of a session, sans-I/O. See `rpc`."""

from __future__ import annotations

from coder_tui.errors import CoderTuiError, ProtocolError
from coder_tui.wire.tailnet.drpc import Kind, Packet, fault
from coder_tui.wire.tailnet.rpc import Call, CallError, Drained, Ended, Peer, Reply

Answer = Reply | Ended


class Caller(Peer[Answer]):
    """The side that dialled."""

    _message = Reply

    def __init__(self, now: float) -> None:
        super().__init__(client=True, now=now)

    def call(self, path: str, *messages: bytes, more: bool = False, unary: bool = False) -> int:
        """Call a method. `more`: messages follow, until `over`. `unary`: one answer is all there is.

        Raises ProtocolError when the peer takes no calls.
        """
        call = self._session.open()
        found = self._calls[call] = Call()
        found.unary, found.started = unary, True
        sender = found.sender
        head = sender.invoke(path) + b"".join(map(sender.message, messages))
        if unary and not more:
            head += sender.close_send()
        self._write(call, found, head)
        self._flush(call, found)
        if not unary and not more:
            self._write(call, found, sender.close_send())
            self._flush(call, found)
        return call

    def over(self, call: int) -> None:
        """No more messages from here; answers may still come."""
        found = self._calls.get(call)
        if found is not None and not found.done:
            self._write(call, found, found.sender.close_send())

    def cancel(self, call: int) -> None:
        """The rest is not wanted: nothing happens with this call any more."""
        if self._calls.pop(call, None) is not None:
            self._unsent.pop(call, None)
            self._session.finish(call)

    def _packet(self, call: int, found: Call, packet: Packet, happened: list[Answer | Drained]) -> None:
        if found.done:
            return
        error: CoderTuiError | None = None
        if packet.kind is Kind.ERROR:
            code, text = fault(packet.data)
            error = CallError("the server refused a call", code=code, why=_line(text))
        elif packet.kind not in {Kind.CLOSE, Kind.CLOSE_SEND}:
            raise ProtocolError("the server's dRPC is broken", why=f"{packet.kind.name} from the side that answers")
        if found.unary and error is None:
            self._write(call, found, found.sender.close())
        self._end(call, error, happened)

    def _over(self, call: int, happened: list[Answer | Drained]) -> None:
        if call in self._calls:
            self._end(call, ProtocolError("a call broke off", why="the server closed it without a word"), happened)

    def _broken(self, call: int, error: ProtocolError, happened: list[Answer | Drained]) -> None:
        self._end(call, error, happened)

    def _end(self, call: int, error: CoderTuiError | None, happened: list[Answer | Drained]) -> None:
        found = self._calls.pop(call)
        found.done = True
        self._flush(call, found)
        self._unsent.pop(call, None)
        self._session.finish(call)
        happened.append(Ended(call, error))


def _line(text: str) -> str:
    """The beginning of a stranger's text, as one printable line."""
    return "".join(char if char.isprintable() else " " for char in text[:200]).strip()
