from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.fleet.build import DUE, NOW, QUIET, agent, app, deployment, said, workspace

from coder_tui.fleet.events import AcksChanged, DeploymentChanged, FleetListed, WorkspaceChanged
from coder_tui.fleet.store import Store
from coder_tui.notify.records import CLEAR, LIMIT, QUERY, Records, Sieve
from coder_tui.report.osc import Scanner
from coder_tui.report.signals import Query, Status


def read(text: str) -> list[Status]:
    found = []
    for signal in Scanner().feed(text.encode()):
        assert isinstance(signal, Status)
        found.append(signal)
    return found


def fleet(*names: str) -> Store:
    store = Store(QUIET, DUE)
    spaces = tuple(workspace(agent(app(said("working", message="Reading"))), name=name) for name in names)
    store.apply(DeploymentChanged(deployment()), FleetListed("acme", spaces, NOW))
    return store


def test_every_agent_is_a_child_and_only_differences_are_told() -> None:
    store, records = fleet("api", "web"), Records()
    own, api, web = read(records.update(store.snapshot))
    assert (own.id, own.state, own.app) == ("", "working", "coder-tui")
    assert (api.id, api.state, api.app, api.title, api.msg) == (
        "acme/api/main/claude",
        "working",
        "claude",
        "kira/api",
        "Reading",
    )
    assert web.id == "acme/web/main/claude"
    assert records.update(store.snapshot) == ""

    asks = replace(said("blocked", 0.5, "May I?"), id="e1")
    store.apply(WorkspaceChanged(workspace(agent(app(asks)), name="api"), NOW))
    own, api = read(records.update(store.snapshot))
    assert (own.state, api.state, api.kind, api.msg) == ("blocked", "blocked", "question", "May I?")
    store.apply(AcksChanged(frozenset({"e1"})))
    own, api = read(records.update(store.snapshot))
    assert (own.state, api.state) == ("working", "idle"), "acknowledged: nobody is called"
    store.apply(FleetListed("acme", (), NOW))
    gone = read(records.update(store.snapshot))
    assert [(one.state, one.id) for one in gone] == [
        ("clear", "acme/api/main/claude"),
        ("clear", "acme/web/main/claude"),
        ("idle", ""),
    ]
    assert read(CLEAR)[0].state == "clear"


@pytest.mark.parametrize(
    ("state", "told"), [("failure", "error"), ("complete", "done"), ("blocked", "blocked"), ("idle", "idle")]
)
def test_states(state: str, told: str) -> None:
    store = Store(QUIET, DUE)
    spaces = (workspace(agent(app(said(state)))),)
    store.apply(DeploymentChanged(deployment()), FleetListed("acme", spaces, NOW))
    assert read(Records().update(store.snapshot))[1].state == told


def test_a_large_fleet_is_cut_to_those_that_need_a_person_first() -> None:
    names = [f"w{number}" for number in range(LIMIT + 20)]
    store = fleet(*names)
    last = workspace(agent(app(said("failure"))), name="w99z")
    store.apply(FleetListed("acme", (*store.snapshot.workspaces, last), NOW))
    told = read(Records().update(store.snapshot))
    assert len(told) == LIMIT + 1
    assert (told[1].id, told[1].state) == ("acme/w99z/main/claude", "error")


@settings(max_examples=40, deadline=None)
@given(st.text(max_size=60), st.text(max_size=60), st.text(max_size=900))
def test_names_and_messages_of_strangers_make_valid_reports(name: str, slug: str, message: str) -> None:
    store = Store(QUIET, DUE)
    spaces = (workspace(agent(app(said("working", message=message), slug=slug)), name=name, owner=name),)
    store.apply(DeploymentChanged(deployment()), FleetListed("acme", spaces, NOW))
    told = read(Records().update(store.snapshot))
    assert [one.state for one in told] == ["working", "working"]


ANSWER = QUERY


def test_the_answer_is_no_key() -> None:
    sieve = Sieve()
    assert sieve.feed("j" + ANSWER + "k") == "jk"
    assert sieve.answered
    [asked] = Scanner().feed(QUERY.encode())
    assert isinstance(asked, Query)
    assert Sieve().feed(asked.reply.decode()) == ""


@settings(max_examples=60, deadline=None)
@given(st.integers(2, len(ANSWER) - 1), st.booleans(), st.sampled_from(["", "x", "\x1b[A", "\x1b"]))
def test_an_answer_may_come_in_pieces(cut: int, bell: bool, before: str) -> None:
    answer = ANSWER.replace("\x1b\\", "\x07") if bell else ANSWER
    sieve = Sieve()
    passed = sieve.feed(before + answer[:cut]) + sieve.feed(answer[cut:] + "y")
    assert (passed, sieve.answered) == (before + "y", True)


@settings(max_examples=60, deadline=None)
@given(st.lists(st.text(alphabet="\x1b]7501;?\\ab[A\x07", max_size=8), max_size=6))
def test_keys_are_never_lost(pieces: list[str]) -> None:
    text = "".join(pieces)
    sieve = Sieve()
    passed = "".join(map(sieve.feed, pieces)) + sieve.release()
    if not sieve.answered:
        assert passed == text
    assert len(passed) + (len(ANSWER) - 1) * sieve.answered <= len(text)


def test_alt_bracket_is_a_key() -> None:
    sieve = Sieve()
    assert sieve.feed("\x1b]") == ""
    assert sieve.release() == "\x1b]"
    assert sieve.feed("\x1b") == "\x1b"
