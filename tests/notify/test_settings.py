from __future__ import annotations

from datetime import time
from math import inf

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from coder_tui.fleet.snapshot import Level
from coder_tui.notify.settings import CHECKS, QuietHours, Settings, looking, parse_quiet_hours

times = st.times().map(lambda moment: moment.replace(second=0, microsecond=0))


@settings(max_examples=50, deadline=None)
@given(times, times, times)
def test_quiet_hours_end_where_the_rest_of_the_day_begins(start: time, end: time, moment: time) -> None:
    if start == end:
        return
    hours = QuietHours(start, end)
    assert hours.covers(start)
    assert not hours.covers(end)
    assert hours.covers(moment) != QuietHours(end, start).covers(moment)
    assert parse_quiet_hours(str(hours)) == hours


@pytest.mark.parametrize("value", ["22:00", "25:00-08:00", "22:60-08:00", "a-b", "", 22, None, "08:00-08:00"])
def test_other_quiet_hours_are_refused(value: object) -> None:
    with pytest.raises(ValueError, match="times"):
        parse_quiet_hours(value)


@pytest.mark.parametrize(
    ("key", "good", "bad", "expected"),
    [
        ("when", "always", "sometimes", '"always", "unfocused" or "never"'),
        ("terminal", "osc99", "osc8", '"osc777" or "none"'),
        ("command", ["a", "b"], "a b", "a program and its arguments"),
        ("command", [], [""], "no name"),
        ("title", False, 0, "true or false"),
        ("asks", ["desktop"], ["horn"], '"bell", "terminal", "desktop", "command"'),
    ],
)
def test_keys_say_what_they_expect(key: str, good: object, bad: object, expected: str) -> None:
    CHECKS[key](good)
    with pytest.raises(ValueError, match=expected):
        CHECKS[key](bad)


@pytest.mark.parametrize(
    ("focused", "idle", "there"),
    [(True, 299, True), (True, 301, False), (None, 59, True), (None, 61, False), (False, 0, False), (None, inf, False)],
)
def test_who_looks(focused: bool | None, idle: float, there: bool) -> None:
    assert looking(focused, idle) == there


def test_each_level_of_attention_has_channels() -> None:
    one = Settings(quiet=("desktop",), done=())
    assert {level: one.channels(level) for level in Level} == {
        Level.ASKS: {"bell", "terminal", "command"},
        Level.FAILED: {"bell", "terminal", "command"},
        Level.LOST: {"bell", "terminal", "command"},
        Level.DONE: set(),
        Level.QUIET: {"desktop"},
    }
    assert one.used == {"bell", "terminal", "command", "desktop"}
    assert set(CHECKS) >= set(Level)
    assert not one.channels("when"), "a setting is no level"
