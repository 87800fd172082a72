from __future__ import annotations

import unicodedata
from datetime import timedelta
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st
from tests.fleet.build import NOW, ago

from coder_tui.fleet.convert import STATUS_LIMIT, TEXT_LIMIT, URL_LIMIT, workspace_row
from coder_tui.fleet.snapshot import Workspace
from coder_tui.text import one_line
from coder_tui.wire.base import ZERO_UUID
from coder_tui.wire.workspaces import Workspace as WireWorkspace

APP, OTHER = "00000000-0000-0000-0000-00000000000a", "00000000-0000-0000-0000-00000000000b"


def wire(
    *apps: dict[str, Any], latest: dict[str, Any] | None = None, transition: str = "start", **more: Any
) -> WireWorkspace:
    agent = {"id": "agent-1", "name": "main", "status": "connected", "lifecycle_state": "ready", "apps": list(apps)}
    build = {
        "id": "build-1",
        "created_at": ago(60).isoformat(),
        "transition": transition,
        "status": "running",
        "resources": [{"agents": [agent]}, {"agents": None}],
    }
    return WireWorkspace.model_validate(
        {"id": "w", "name": "api", "owner_name": "kira", "latest_build": build, "latest_app_status": latest} | more
    )


def status(number: int, minutes: float, state: str = "working", **more: Any) -> dict[str, Any]:
    return {"id": f"s{number}", "created_at": ago(minutes).isoformat(), "state": state, "app_id": APP} | more


def row(workspace: WireWorkspace) -> Workspace:
    return workspace_row("acme", workspace, NOW)


def test_statuses_are_sorted_newest_first_whatever_the_server_does() -> None:
    found = row(
        wire({"id": APP, "slug": "claude", "statuses": [status(2, 5), status(3, 1), status(1, 5), status(0, 9)]})
    )
    (app,) = found.agents[0].apps
    assert [one.id for one in app.statuses] == ["s3", "s2", "s1", "s0"]
    assert app.latest is app.statuses[0]
    assert found.seen_at == NOW


def test_what_predates_the_running_build_is_history() -> None:
    old = {"id": APP, "slug": "claude", "statuses": [status(1, 61), status(2, 90)]}
    (app,) = row(wire(old, latest=status(1, 61))).agents[0].apps
    assert len(app.statuses) == 2
    assert app.latest is None
    assert row(wire(old, latest=status(1, 61))).last_status is None
    stopped = row(wire(old, latest=status(1, 61), transition="stop"))
    assert stopped.agents[0].apps[0].latest
    assert stopped.last_status
    assert stopped.last_status.id == "s1"


def test_the_workspaces_newest_status_fills_an_app_without() -> None:
    latest = status(7, 5, "idle")
    named, other = {"id": APP, "slug": "claude"}, {"id": OTHER, "slug": "codex"}
    apps = row(wire(named, other, latest=latest)).agents[0].apps
    assert [[one.id for one in app.statuses] for app in apps] == [["s7"], []]
    (app,) = row(wire(other, latest=latest)).agents[0].apps
    assert [one.id for one in app.statuses] == ["s7"], "the only app there is; its id was new with this build"
    apps = row(wire(other, other | {"id": "x"}, latest=latest)).agents[0].apps
    assert not any(app.statuses for app in apps), "with two of them we do not guess"
    (app,) = row(wire(named | {"statuses": [status(1, 9)]}, latest=latest)).agents[0].apps
    assert [one.id for one in app.statuses] == ["s1"]
    (app,) = row(wire(named, latest=status(7, 61))).agents[0].apps
    assert app.latest is None
    assert app.statuses, "it stays in the timeline"


def test_bounds() -> None:
    many = [
        status(n, 50 - n / 100, message="m" * 9999, uri="https://" + "x" * URL_LIMIT) for n in range(STATUS_LIMIT + 50)
    ]
    (app,) = row(wire({"id": APP, "slug": "claude", "statuses": many})).agents[0].apps
    assert len(app.statuses) == STATUS_LIMIT
    assert app.statuses[0].id == f"s{STATUS_LIMIT + 49}"
    assert len(app.statuses[0].message) == TEXT_LIMIT
    assert app.statuses[0].uri == "", "half a link is none"


def test_zero_times_are_none_and_unknown_words_are_kept() -> None:
    found = row(
        wire({"id": APP, "slug": "c", "hidden": True, "health": "odd", "statuses": [status(1, 1, "Pondering")]})
    )
    assert found.last_used_at is None
    assert found.deadline is None
    assert not found.dormant
    agent = found.agents[0]
    assert (agent.created_at, agent.disconnected_at, agent.parent_id) == (None, None, None)
    assert agent.apps[0].hidden
    assert agent.apps[0].health == "odd"
    assert agent.apps[0].statuses[0].state == "Pondering"
    far = row(wire(last_used_at="9999-12-31T23:59:59-08:00", dormant_at="2025-01-01T00:00:00"))
    assert far.last_used_at is None
    assert far.dormant


def test_text_from_strangers_is_made_safe() -> None:
    evil = "\x1b]8;;http://x\x07click\x1b[2J\u202ehere\n now"
    found = row(wire({"id": APP, "slug": "c", "command": "a\nb", "statuses": [status(1, 1, message=evil)]}, name=evil))
    assert found.name == one_line(evil) == "clickhere now"
    assert found.agents[0].apps[0].statuses[0].message == "clickhere now"
    assert found.agents[0].apps[0].command == "a\nb", "a command is run, not painted"


def test_a_status_without_id_gets_one_of_its_own() -> None:
    nameless = [status(0, 1, id=ZERO_UUID), status(0, 2, id="")]
    (app,) = row(wire({"id": APP, "slug": "c", "statuses": nameless})).agents[0].apps
    assert len({one.id for one in app.statuses}) == 2
    assert all(APP in one.id for one in app.statuses)


def test_sub_agents_follow_their_parent() -> None:
    agents = [
        {"id": "3", "name": "zed", "parent_id": ZERO_UUID},
        {"id": "2", "name": "box", "parent_id": "1"},
        {"id": "1", "name": "main"},
    ]
    build = {"transition": "start", "resources": [{"agents": agents}]}
    found = row(WireWorkspace.model_validate({"latest_build": build}))
    assert [(agent.name, agent.parent_id) for agent in found.agents] == [("main", None), ("box", "1"), ("zed", None)]


_texts = st.text(max_size=20)
_any_time = st.one_of(st.just(""), st.datetimes().map(lambda at: at.isoformat()), st.just("9999-12-31T23:59:59-12:00"))


@settings(max_examples=60, deadline=None)
@given(
    st.lists(
        st.fixed_dictionaries(
            {"id": _texts, "created_at": _any_time, "state": _texts, "message": _texts, "uri": _texts}
        ),
        max_size=4,
    ),
    _any_time,
    _texts,
)
def test_whatever_a_server_says_becomes_a_row(statuses: list[dict[str, str]], begun: str, name: str) -> None:
    build = {
        "created_at": begun,
        "transition": "start",
        "resources": [{"agents": [{"name": name, "apps": [{"slug": name, "statuses": statuses}]}]}],
    }
    found = workspace_row("d", WireWorkspace.model_validate({"latest_build": build, "name": name}), NOW)
    (app,) = found.agents[0].apps
    assert [one.at for one in app.statuses] == sorted((one.at for one in app.statuses), reverse=True)
    for text in (found.name, app.slug, *(one.message + one.state + one.uri for one in app.statuses)):
        assert not {unicodedata.category(letter) for letter in text} & {"Cc", "Cs"}
    assert all(one.at.utcoffset() == timedelta(0) for one in app.statuses)
