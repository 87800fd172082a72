"""Who feeds a core without end does not keep out who paints it."""

from __future__ import annotations

import threading
import time

from coder_tui.terminal.turns import Turns


def test_who_waits_is_next() -> None:
    turns, order = Turns(), list[str]()

    def paint() -> None:
        with turns:
            order.append("painter")

    painter = threading.Thread(target=paint)
    with turns:
        painter.start()
        deadline = time.monotonic() + 10
        while not turns._next.locked() and time.monotonic() < deadline:
            pass  # until it waits
    with turns:
        order.append("feeder")
    painter.join(10)
    assert order == ["painter", "feeder"]


def test_an_error_inside_gives_it_back() -> None:
    turns = Turns()
    try:
        with turns:
            raise ValueError
    except ValueError:
        pass
    with turns:
        assert turns._held.locked()
    assert not turns._held.locked()
