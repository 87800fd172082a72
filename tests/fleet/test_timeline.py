from __future__ import annotations

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.fleet.build import NOW, ago, app, said

from coder_tui.fleet.timeline import Span, density, exact_age, merged, reach, short_age, timeline

HOUR = timedelta(hours=1)


def test_each_word_stands_until_the_next() -> None:
    asks, works, idles = said("blocked", 1), said("working", 5), said("idle", 9)
    spans = timeline(app(asks, works, idles))
    assert spans == (Span(asks, ago(1)), Span(works, ago(5), ago(1)), Span(idles, ago(9), ago(5)))
    assert [span.lasted(NOW) for span in spans] == [timedelta(minutes=minutes) for minutes in (1, 4, 4)]
    assert timeline(app()) == ()


def test_repeats_are_one_span_with_the_newest_link() -> None:
    repeats = (
        said("working", 1, "Reading"),
        said("working", 2, "Reading", uri="https://new.example"),
        said("working", 3, "Reading", uri="https://old.example"),
    )
    (merged, other) = timeline(app(*repeats, said("working", 4, "Cloning")))
    assert (merged.since, merged.until, merged.count) == (ago(3), None, 3)
    assert (merged.status.id, merged.status.uri) == ("working-1", "https://new.example")
    assert (other.until, other.count) == (ago(3), 1)
    assert len(timeline(app(said("working", 1, attention=True), said("working", 2)))) == 2


def test_a_rebuild_ends_what_was_said_before_it() -> None:
    spans = timeline(app(said("working", 1), said("working", 20), said("idle", 30), since=10))
    assert [(span.history, span.until) for span in spans] == [(False, None), (True, ago(10)), (True, ago(20))]
    (only,) = timeline(app(said("working", 20), since=10))
    assert only.lasted(NOW) == timedelta(minutes=10)


def test_a_clock_ahead_gives_no_negative_time() -> None:
    (span,) = timeline(app(said("working", -5)))
    assert span.lasted(NOW) == timedelta(0)


@pytest.mark.parametrize(
    ("seconds", "short", "exact"),
    [
        (-3, "0s", "0s"),
        (0.9, "0s", "0s"),
        (40, "40s", "40s"),
        (60, "1m", "1m"),
        (211, "3m", "3m31s"),
        (3599, "59m", "59m59s"),
        (3600, "1h", "1h"),
        (7500, "2h", "2h05m"),
        (4 * 86400 + 59, "4d", "4d"),
        (4 * 86400 + 3 * 3600, "4d", "4d03h"),
    ],
)
def test_ages(seconds: float, short: str, exact: str) -> None:
    assert short_age(timedelta(seconds=seconds)) == short
    assert exact_age(timedelta(seconds=seconds)) == exact


def test_the_spans_of_several_apps_are_one_timeline() -> None:
    one = app(said("idle", 1), said("working", 9), slug="one")
    two = app(said("complete", 4), slug="two")
    assert [(told.app.slug, told.span.status.state) for told in merged((one, two))] == [
        ("one", "idle"),
        ("two", "complete"),
        ("one", "working"),
    ]


def test_density_counts_reports_and_shows_what_stood() -> None:
    quiet = app(said("idle", 10), said("working", 35), said("blocked", 55))
    buckets = density((quiet,), NOW, span=HOUR, count=6)
    assert [bucket.reports for bucket in buckets] == [1, 0, 1, 0, 0, 1]
    assert [bucket.status and bucket.status.state for bucket in buckets] == [
        "blocked", "blocked", "blocked", "working", "working", "idle",
    ]  # fmt: skip
    assert density((app(said("working", 5), said("blocked", 90), since=80),), NOW, span=HOUR, count=2)[0].status is None
    both = density((quiet, app(said("failure", 58))), NOW, span=HOUR, count=6)
    assert [bucket.status and bucket.status.state for bucket in both] == ["blocked"] * 3 + ["failure"] * 3
    assert density((), NOW, span=HOUR, count=2) == [(0, None), (0, None)]


def test_a_look_reaches_as_far_back_as_there_is_something() -> None:
    assert reach((app(),), NOW) == timedelta(minutes=10)
    assert reach((app(said("idle", 10), said("idle", 61)),), NOW) == 3 * HOUR
    assert reach((app(said("idle", 60 * 23)),), NOW) == 24 * HOUR
    assert reach((app(said("idle", 10), said("idle", 60 * 100)),), NOW) == timedelta(minutes=10), (
        "what is older than a day is another day"
    )


@given(st.lists(st.integers(-5, 3000), max_size=8), st.integers(1, 40), st.sampled_from([1, 3, 24]))
def test_density_counts_each_report_of_that_time_once(ages: list[int], count: int, hours: int) -> None:
    busy = app(*(said("working", age, f"{place}") for place, age in enumerate(sorted(ages))))
    buckets = density((busy,), NOW, hours * HOUR, count)
    assert len(buckets) == count
    assert sum(bucket.reports for bucket in buckets) == sum(0 <= age <= hours * 60 for age in ages)
