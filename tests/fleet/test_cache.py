"""The last known fleet as text: what was written is read back equal, and nothing else is read."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.fleet.build import agent, app, said, workspace

from coder_tui.fleet.cache import FleetText, read_workspaces
from coder_tui.fleet.snapshot import Agent, App, LogSource, Status, Workspace

_texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=12)
_ids = st.uuids().map(str)
_times = st.datetimes(timezones=st.just(UTC))
_maybe = st.none() | _times
_statuses = st.builds(Status, _texts, _times, _texts, _texts, _texts, st.booleans())
_apps = st.builds(App, _texts, _texts, _texts, statuses=st.lists(_statuses, max_size=3).map(tuple), since=_maybe)
_agents = st.builds(
    Agent,
    _texts,
    _texts,
    _texts,
    _texts,
    parent_id=st.none() | _texts,
    created_at=_maybe,
    logs_length=st.integers(0, 2**40),
    log_sources=st.lists(st.builds(LogSource, _texts, _texts), max_size=2).map(tuple),
    apps=st.lists(_apps, max_size=2).map(tuple),
)
_workspaces = st.builds(
    Workspace,
    _texts,
    _ids,
    *[_texts] * 4,
    build_at=_maybe,
    favorite=st.booleans(),
    agents=st.lists(_agents, max_size=2).map(tuple),
    last_status=st.none() | _statuses,
    seen_at=_maybe,
)


def dump(workspaces: tuple[Workspace, ...]) -> str:
    text = FleetText().of(workspaces)
    assert text is not None
    return text


@settings(max_examples=40, deadline=None)
@given(st.lists(_workspaces, max_size=3, unique_by=lambda one: one.id).map(tuple))
def test_the_cache_reads_what_it_wrote(workspaces: tuple[Workspace, ...]) -> None:
    loaded = tuple(read_workspaces(dump(workspaces)))
    assert loaded == workspaces
    assert [one.seen_at for one in loaded] == [one.seen_at for one in workspaces]


GOOD = dump((workspace(agent(app(said("working"))), name="api"),))
HEAD = GOOD.partition("\n")[0]


@pytest.mark.parametrize(
    "text",
    [
        "",
        "{",
        "null",
        "[]",
        "[" * 100_000,
        f"{HEAD}\n" + "[" * 100_000,
        "\ud800",
        GOOD[:-1],
        GOOD.replace("fleet", "fleets", 1),
        GOOD.replace("+00:00", ""),
        GOOD.replace("+00:00", "x"),
        GOOD.replace("false", "0"),
        GOOD.replace('"api"', "null"),
        GOOD + "\n",
        f"{HEAD}\n{{}}",
        f"{HEAD}\n[]",
    ],
)
def test_a_broken_cache_is_a_value_error(text: str) -> None:
    assert list(read_workspaces(GOOD))
    with pytest.raises(ValueError):
        list(read_workspaces(text))


def test_only_what_changed_is_written_anew() -> None:
    texts = FleetText()
    first, second = workspace(name="one"), workspace(name="two")
    before = texts.of([first, second])
    assert texts.of([first, second]) is None
    after = texts.of([first, replace(second, outdated=True)])
    assert before is not None
    assert after is not None
    assert [a == b for a, b in zip(before.splitlines(), after.splitlines(), strict=True)] == [True, True, False]
    assert texts.of([first]) == "\n".join(before.splitlines()[:2])


@settings(max_examples=60, deadline=None)
@given(st.integers(0, len(GOOD)), _texts, st.integers(0, 5))
def test_a_damaged_cache_raises_nothing_else(at: int, text: str, lost: int) -> None:
    try:
        list(read_workspaces(GOOD[:at] + text + GOOD[at + lost :]))
    except ValueError:
        return
