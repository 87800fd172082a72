"""The reconnect policy: full jitter, and a reset that has to be earned."""

from __future__ import annotations

import asyncio

import pytest
from hypothesis import given
from hypothesis import strategies as st

from coder_tui.client.backoff import Backoff, Clock
from tests.client.support import FakeTime


def ceilings(backoff: Backoff, time: FakeTime, tries: int) -> list[float]:
    """The delays chosen when chance is at its highest."""
    return [(backoff.lost() - time.now()).total_seconds() for _ in range(tries)]


def test_the_delay_doubles_up_to_the_cap() -> None:
    time = FakeTime(random=1.0)
    assert ceilings(Backoff(time.clock, base=1, cap=10), time, 6) == [1, 2, 4, 8, 10, 10]


@given(st.floats(0, 1, exclude_max=True), st.integers(0, 200))
def test_any_delay_is_within_its_ceiling(chance: float, tries: int) -> None:
    time = FakeTime(random=chance)
    backoff = Backoff(time.clock, base=0.5, cap=30)
    *_, last = [0.0, *ceilings(backoff, time, tries)]
    assert 0 <= last <= 30


@pytest.mark.parametrize(
    ("proved", "lived", "resets"),
    [(False, 3600.0, False), (True, 4.9, False), (True, 5.0, True)],
    ids=["said nothing", "died young", "proved itself"],
)
def test_what_resets_it(proved: bool, lived: float, resets: bool) -> None:
    time = FakeTime(random=1.0)
    backoff = Backoff(time.clock, base=1, cap=100, proof=5)
    ceilings(backoff, time, 3)
    backoff.opened()
    if proved:
        backoff.proved()
    time.seconds += lived
    assert ceilings(backoff, time, 1) == [1 if resets else 8]
    assert ceilings(backoff, time, 1) == [2 if resets else 16], "an old proof counts once"


async def test_a_nudge_ends_the_pause() -> None:
    async def never(_: float) -> None:
        await asyncio.Event().wait()

    backoff = Backoff(Clock(sleep=never))
    backoff.lost()
    pause = asyncio.create_task(backoff.pause())
    await asyncio.sleep(0)
    assert not pause.done()
    backoff.nudge()
    await asyncio.wait_for(pause, 5)
    backoff.lost()
    again = asyncio.create_task(backoff.pause())
    await asyncio.sleep(0)
    assert not again.done(), "a nudge is for one pause only"
    again.cancel()
