"""The outer terminal is rung, notified and told of every agent, and what it answers is no key."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from typing import Any

import httpx
import pytest

from coder_tui.report.osc import Scanner
from coder_tui.report.signals import Bell, Notice, Query, Signal, Status
from tests.e2e.conftest import Home
from tests.e2e.term import Term

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(120)]

BLUR = "\x1b[O"  # another window has the focus


class Speaking(Term):
    """A terminal that takes reports of agents (OSC 7501) and notes what it is told."""

    def __init__(self, *arguments: Any, **options: Any) -> None:
        self.signals: list[Signal] = []
        self._scanner, self._scanned = Scanner(), 0
        super().__init__(*arguments, **options)

    def _answer(self) -> None:
        super()._answer()
        fresh, self._scanned = bytes(self._raw[self._scanned :]), len(self._raw)
        for signal in self._scanner.feed(fresh):
            if isinstance(signal, Query):
                os.write(self._master, signal.reply)
            self.signals.append(signal)

    def hears(self, wanted: Callable[[Signal], bool]) -> None:
        """Block until it was told that."""
        self.wait_for(lambda _: any(map(wanted, self.signals)))


def test_a_terminal_that_speaks_osc_7501(home: Home) -> None:
    (home.root / "config").mkdir()
    (home.root / "config" / "config.toml").write_text('[notify]\nterminal = "osc777"\n')
    home.run("new", "spike", "--directory", str(home.work), "--app", "helper", "--", "cat")
    address = json.loads((home.root / "data" / "hub.json").read_text())
    token = (home.root / "data" / "hub.token").read_text().strip()
    with httpx.Client(base_url=f"{address['url']}/api/v2", headers={"Coder-Session-Token": token}) as hub:
        [space] = hub.get("/workspaces").json()["workspaces"]
        agent = hub.get(f"/workspaces/{space['id']}/external-agent/main/credentials").json()["agent_token"]
        with Speaking(home.program, env=home.env, columns=140, rows=40) as term:
            term.wait_for(r"live")
            term.hears(lambda one: isinstance(one, Status) and (one.app, one.state) == ("coder-tui", "idle"))
            term.send(BLUR)
            said = {"app_slug": "helper", "state": "idle", "message": "May I;?", "needs_user_attention": True}
            hub.patch("/workspaceagents/me/app-status", json=said, headers={"Coder-Session-Token": agent})
            child = "local/spike/main/helper", "blocked", "May I;?"
            term.hears(lambda one: isinstance(one, Status) and (one.id, one.state, one.msg) == child)
            term.hears(lambda one: isinstance(one, Notice) and one.body == "May I;?")
            assert any(isinstance(one, Bell) for one in term.signals)
            screen = term.wait_for(r"Needs you \(1\)")
            assert "Timeline" in screen
            assert "Acknowledge this alert" not in screen, "the answer was taken for keys: ? is help"
            term.send("q")
            assert term.wait_exit() == 0
            assert [one.state for one in term.signals if isinstance(one, Status)][-1] == "clear"
