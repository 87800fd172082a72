"""watch, wait, explain, ack and its kind, and the past, against a real hub."""

from __future__ import annotations

import contextlib
import json
import signal
import subprocess
import sys
import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta

import httpx
import pytest
from tests.fleet.build import NOW, app, deployment, workspace
from tests.fleet.build import agent as fleet_agent
from tests.fleet.build import said as fleet_said

from coder_tui.cli.following import TIMED_OUT, Waiting
from coder_tui.cli.main import main
from coder_tui.fleet.events import DeploymentChanged, FleetListed
from coder_tui.fleet.outcome import Outcome
from coder_tui.fleet.snapshot import LinkState
from coder_tui.fleet.store import Store
from coder_tui.hub.daemon import HubAddress

Out = pytest.CaptureFixture[str]


@dataclass
class Agent:
    """An agent in a workspace of its own, that says what a test wants."""

    name: str
    url: str
    token: str

    def says(self, state: str, message: str = "", *, attention: bool = False) -> None:
        body = {"app_slug": "claude", "state": state, "message": message, "uri": "", "needs_user_attention": attention}
        answer = httpx.patch(
            f"{self.url}/api/v2/workspaceagents/me/app-status", json=body, headers={"Coder-Session-Token": self.token}
        )
        assert answer.status_code == 200, answer.text


@pytest.fixture
def agent(hub: HubAddress, capsys: Out) -> Agent:
    name = f"w-{uuid.uuid4().hex[:12]}"
    assert main(["new", name, "--app", "claude", "--", "/bin/sleep", "600"]) == 0
    capsys.readouterr()
    headers = {"Coder-Session-Token": hub.token_file.read_text().strip()}
    with httpx.Client(base_url=f"{hub.url}/api/v2", headers=headers) as client:
        found = client.get("/workspaces", params={"q": f"name:{name}"}).json()["workspaces"]
        [one] = [space for space in found if space["name"] == name]
        answer = client.get(f"/workspaces/{one['id']}/external-agent/main/credentials")
    return Agent(name, hub.url, answer.json()["agent_token"])


@contextlib.contextmanager
def watching(*words: str) -> Iterator[Callable[[str], dict[str, object]]]:
    """A running `watch --json`; gives a function that reads until an event of that kind."""
    process = subprocess.Popen(
        [sys.executable, "-m", "coder_tui", "watch", "--json", *words], stdout=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    lines = process.stdout

    def until(event: str) -> dict[str, object]:
        for line in lines:
            found: dict[str, object] = json.loads(line)
            if found["event"] == event:
                return found
        raise AssertionError(f"watch ended before {event}")

    try:
        yield until
    finally:
        process.send_signal(signal.SIGTERM)
        lines.read()
        lines.close()
        assert process.wait(20) == 128 + signal.SIGTERM


def said(capsys: Out) -> str:
    return capsys.readouterr().out


def test_alerts_are_hushed_and_taken_back(agent: Agent, capsys: Out) -> None:
    agent.says("idle", "May I?", attention=True)
    assert main(["snooze", f"{agent.name}/claude", "--for", "2h"]) == 0
    assert said(capsys).rstrip().endswith("main claude: asks")
    assert main(["ls", f"is:snoozed workspace:{agent.name}"]) == 0
    assert "asks snoozed" in said(capsys)
    assert main(["explain", f"{agent.name}.main"]) == 0
    assert "snoozed for 1h59m" in said(capsys)
    assert main(["undo"]) == 0
    assert main(["mute", agent.name]) == 0
    assert main(["ls", "--json", f"is:muted workspace:{agent.name}"]) == 0
    out = said(capsys)
    [space] = json.loads(out[out.index("{") :])["workspaces"]
    assert space["agents"][0]["apps"][0]["attention"]["standing"] == "muted"
    assert main(["unmute", agent.name]) == 0
    assert main(["ack", agent.name]) == 0
    capsys.readouterr()
    assert main(["ack", agent.name]) == 9, "nothing calls any more"
    assert main(["explain", "--json", agent.name]) == 0
    [row] = json.loads(said(capsys))["rows"]
    assert row["explanation"]["state"] == "asks (acknowledged)"
    for step in range(4):
        assert main(["undo"]) == (0 if step < 3 else 9)
    capsys.readouterr()
    assert main(["ls", f"is:open workspace:{agent.name}"]) == 0
    assert agent.name in said(capsys)


def test_a_hub_is_told_and_explain_knows_what_it_refused(agent: Agent, hub: HubAddress, capsys: Out) -> None:
    agent.says("idle", "May I?", attention=True)
    assert main(["ack", agent.name]) == 0
    headers = {"Coder-Session-Token": hub.token_file.read_text().strip()}
    shared = httpx.get(f"{hub.url}/api/v2/coder-tui/shared", headers=headers).json()
    assert shared["standings"][-1]["kind"] == "ack"
    # another client says otherwise
    word = shared["standings"][-1] | {"on": False, "at": "2999-01-01T00:00:00Z"}
    httpx.patch(f"{hub.url}/api/v2/coder-tui/standings", headers=headers, json={"standings": [word]})
    wrong = httpx.patch(
        f"{hub.url}/api/v2/workspaceagents/me/app-status",
        json={"app_slug": "cluade", "state": "idle"},
        headers={"Coder-Session-Token": agent.token},
    )
    assert wrong.status_code == 400
    capsys.readouterr()
    assert main(["explain", agent.name]) == 0
    out = said(capsys)
    assert "acknowledged" not in out
    assert "unknown slug: 1 report for an app called cluade was refused" in out


def test_snoozes_end_at_other_times(agent: Agent, capsys: Out) -> None:
    agent.says("failure", "which one?")
    assert main(["snooze", agent.name, "--until-tomorrow"]) == 0
    assert "08:00" in said(capsys)
    assert main(["snooze", agent.name, "--until-next-event"]) == 0
    assert "next event" in said(capsys)
    agent.says("failure", "or that one?")
    assert main(["ls", f"is:open workspace:{agent.name}"]) == 0
    assert "or that one?" in said(capsys)
    assert main(["snooze", agent.name, "--for", "soon"]) == 2


@pytest.mark.parametrize(
    ("state", "goal", "code"),
    [
        ("complete", "complete", 0),
        ("failure", "complete", 3),
        ("failure", "failed", 0),
        ("idle", "idle", 0),
        ("asks", "complete", 4),
        ("asks", "asks", 0),
        ("lost", "complete", 5),
    ],
)
def test_wait_ends_with_what_became_of_it(agent: Agent, capsys: Out, state: str, goal: str, code: int) -> None:
    agent.says({"asks": "idle", "lost": "working"}.get(state, state), "now", attention=state == "asks")
    if state == "lost":
        assert main(["stop", agent.name]) == 0
    assert main(["wait", "--for", goal, "--timeout", "30m", agent.name]) == code
    assert (f"is {'failed' if state == 'failure' else state}" in capsys.readouterr().err) == bool(code)


def test_wait_is_lost_when_what_it_waits_for_goes_away(capsys: Out) -> None:
    store = Store(timedelta(minutes=10), timedelta(minutes=30))
    waiting = Waiting("workspace:api", Outcome.COMPLETE)
    listed = FleetListed("acme", (workspace(fleet_agent(app(fleet_said("working")))),), NOW)
    assert waiting.update(store.apply(DeploymentChanged(deployment()), listed)) is None
    dead = deployment(state=LinkState.RETRYING)
    assert waiting.update(store.apply(DeploymentChanged(dead))) is None, "what is not confirmed decides nothing"
    gone = FleetListed("acme", (), NOW)
    assert waiting.update(store.apply(DeploymentChanged(deployment()), gone)) == 5
    assert "main claude is lost" in capsys.readouterr().err


def test_wait_gives_up_and_refuses(agent: Agent, capsys: Out) -> None:
    agent.says("working")
    assert main(["wait", agent.name, "--timeout", "1s"]) == TIMED_OUT
    assert "not complete" in capsys.readouterr().err
    assert main(["wait", "nobody-is-called-this", "--timeout", "30s"]) == 9
    assert main(["wait", "state:"]) == 2


def test_watch_tells_each_change_and_the_past_knows_it(agent: Agent, capsys: Out) -> None:
    with watching(f"workspace:{agent.name}") as until:
        assert until("listed")["outcome"] == "unknown"
        agent.says("working", "on it")
        first = until("changed")
        assert (first["schema"], first["outcome"], first["app"]) == (1, "working", "claude")
        agent.says("idle", "May I?", attention=True)
        asked = until("changed")
        assert asked["outcome"] == "asks"
        assert isinstance(asked["attention"], dict)
        assert asked["attention"]["standing"] == "new"
        agent.says("complete", "done")
        assert until("changed")["outcome"] == "complete"

    def ours(one: dict[str, str]) -> bool:
        return one["workspace"].endswith(agent.name)  # the hub is shared with other tests

    capsys.readouterr()
    assert main(["digest", "--since", "1h", "--json"]) == 0
    found = json.loads(said(capsys))
    assert [(call["message"], call["ended"]) for call in found["asked"] if ours(call)] == [("May I?", "answered")]
    assert [call["message"] for call in found["missed"] if ours(call)] == ["done"]
    assert main(["digest"]) == 0
    assert "Asked (" in said(capsys)
    assert main(["stats", "--json"]) == 0
    found = json.loads(said(capsys))
    assert [one["waits"] for one in found["apps"] if ours(one)] == [1]
    assert main(["stats"]) == 0
    assert agent.name in said(capsys)
    assert main(["replay", "--at", datetime.now().astimezone().isoformat(), f"workspace:{agent.name}"]) == 0
    assert f"{agent.name}  main/claude  done" in said(capsys)
    assert main(["replay", "--at", "1h"]) == 9


def test_no_past(directories: object, capsys: Out) -> None:
    for words in (["digest"], ["stats"], ["replay", "--at", "14:02"]):
        assert main(words) == 9
        assert "no history yet" in capsys.readouterr().err
    assert main(["replay", "--at", "teatime"]) == 2
