"""The Ports page: who listens, and how to get there."""

from __future__ import annotations

from tests.tui.closeup_kit import stage
from tests.tui.closeup_values import PORTS
from tests.tui.small_fleet import NOW, StoreSource, agent, app, status, workspace

from coder_tui.feeds.source import Ports
from coder_tui.fleet.events import WorkspaceChanged
from coder_tui.fleet.snapshot import Deployment
from coder_tui.tui.layout import Page
from coder_tui.tui.panes.ports import reach

ON_CODER = "coder port-forward kira/api-refactor --tcp 3000"


async def test_ports_of_coder_are_forwarded() -> None:
    async with stage(Page.PORTS) as on:
        text = await on.shows("3000")
        lines = [line.split()[:3] for line in text.splitlines()]
        assert lines == [["3000", "tcp", "node"], ["8000", "tcp", "uvicorn"], ["9229", "tcp", "unnamed"]]
        assert ON_CODER in text
        await on.press("y")
        assert on.pilot.app.clipboard == ON_CODER
        assert on.toasts.endswith(f"Copied {ON_CODER}")


async def test_ports_of_this_machine_are_there_already() -> None:
    async with stage(Page.PORTS, hub=True) as on:
        text = await on.shows("127.0.0.1:8000")
        assert "port-forward" not in text
        await on.press("j", "enter")
        assert on.pilot.app.clipboard == "127.0.0.1:8000"


async def test_nobody_listens_then_somebody() -> None:
    async with stage(Page.PORTS, known=False) as on:
        on.source.port_look.tell(Ports(()))
        text = await on.shows("Nothing listens in kira/api-refactor main.")
        assert "Ports show here as programs open them" in text
        await on.press("y")
        assert "nothing to copy" in on.toasts
        on.source.port_look.tell(PORTS)
        await on.shows("uvicorn")
        on.source.port_look.tell(Ports(PORTS.ports[1:]))
        await on.until(lambda: "node" not in on.text)


async def test_half_a_command_is_not_shown() -> None:
    async with stage(Page.PORTS, size=(60, 24)) as on:
        text = await on.shows("3000")
        assert "coder" not in text
        await on.press("y")
        assert on.pilot.app.clipboard == ON_CODER


async def test_an_agent_that_is_away_is_not_asked() -> None:
    def fleet(state: str) -> StoreSource:
        one = agent(app("claude", status("working", "x", NOW)), state=state)
        return StoreSource(workspace("kira", "api", one), names=("acme",))

    async with stage(Page.PORTS, fleet("disconnected")) as on:
        text = await on.shows("The agent is disconnected.")
        assert "Its ports show here when it is back." in text
        await on.pilot.pause(0.3)  # longer than the selection takes to settle
        assert not on.source.port_look.asked
        back = agent(app("claude", status("working", "x", NOW)))
        on.source.apply(WorkspaceChanged(workspace("kira", "api", back), NOW))
        await on.shows("uvicorn")


def test_reach_names_the_agent_where_there_are_several() -> None:
    one = workspace("kira", "my api", agent(app("a")), agent(app("b"), name="gpu", ident="gpu"))
    row = StoreSource(one, names=("acme",)).snapshot.rows[1]
    assert reach(53, "udp", row, Deployment("acme")) == "coder port-forward 'kira/my api.gpu' --udp 53"
    assert reach(53, "udp", row, Deployment("acme", is_hub=True)) == "127.0.0.1:53"
    assert reach(53, "udp", None, Deployment("acme")) == ""
