"""The Network page: ways, regions, latencies; and the tabs that hold all pages."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.tui.closeup_kit import stage
from tests.tui.closeup_values import MEASURED, NETWORK

from coder_tui.feeds.source import Network
from coder_tui.tui.layout import RIGHT, TOP, Page
from coder_tui.tui.plot import FAILED
from coder_tui.tui.reach import SHOWN, lines_of, node_words
from coder_tui.tui.widgets.trail import labels
from coder_tui.wire.network import AgentConnectionInfo, DerpMap, DerpNode, DerpRegion


def facts_of(network: Network) -> dict[str, str]:
    return {one.label: one.value for one in lines_of(network) if one.kind == "fact"}


def test_regions_stand_nearest_first_and_home_is_marked() -> None:
    lines = lines_of(MEASURED)
    regions = [(one.label, one.ours, one.theirs, one.home) for one in lines if one.kind == "region"]
    assert regions == [
        ("Frankfurt", 14.6, 11.7, True),
        ("Coder Embedded Relay", 71.3, 61.4, False),
        ("Sydney", None, 291.0, False),  # of the agent only
    ]
    nodes = {one.label: (one.value, one.aside, one.voice) for one in lines if one.kind == "node"}
    assert nodes == {
        "derp1.acme.io": ("relay https:443, STUN 3478", "HTTPS 18 ms, STUN 15 ms", "muted"),
        "stun1.acme.io": ("STUN 19302", "no answer in time", "failed"),
        "dev.acme.io": ("relay https:443", "HTTPS 71 ms", "muted"),
    }
    facts = facts_of(MEASURED)
    assert facts["Direct"] == "allowed"
    assert facts["Agent's home"] == "Frankfurt"
    assert facts["Agent's addresses"] == "10.0.0.7:41641, 198.51.100.4:41641"
    assert facts["Our address"] == "203.0.113.9:51820"
    assert facts["API round trip"] == "23 ms from here"
    assert facts["Our clock"] == "in step with the deployment's"
    assert facts["Names end in"] == ".coder"


def test_the_path_comes_first_with_why_then_warnings_with_their_fix() -> None:
    words = [(one.kind, one.label) for one in lines_of(MEASURED)]
    assert words[:6] == [
        ("heading", "Path"),
        ("path", "direct"),
        ("text", "UDP works from here, and the agent offers 2 addresses."),
        ("heading", "Warnings"),
        ("warning", "1 of 2 STUN servers do not answer (stun1.acme.io: no answer in time)"),
        ("text", "Allow outgoing UDP to it; one that answers is enough."),
    ]
    disabled = MEASURED.info.model_copy(update={"disable_direct_connections": True})
    relayed = lines_of(replace(MEASURED, info=disabled))[1]
    assert (relayed.label, relayed.voice, relayed.aside) == ("relayed by Frankfurt", "quiet", "about 26 ms")
    assert MEASURED.measured is not None
    running = replace(MEASURED, measured=replace(MEASURED.measured, complete=False, done=1, total=3))
    assert [one.label for one in lines_of(running)][1] == "measuring 1 of 3 nodes…"
    assert not [one for one in lines_of(running) if one.kind == "warning"]  # half a netcheck warns of nothing
    nothing = lines_of(Network(AgentConnectionInfo(), {}))
    assert nothing[1].label == "through the deployment's API only"


def test_the_plot_shows_failures_and_gaps() -> None:
    plots = [one for one in lines_of(MEASURED) if one.kind == "plot"]
    assert [one.label for one in plots] == ["API round trip", "30 ms (21 to 68)", "Frankfurt", "18 ms (12 to 18)"]
    api, relay = plots[0].slots, plots[2].slots
    assert (len(api), api[12], relay[20]) == (40, FAILED, relay[21])  # a hole of one slot is none
    assert {one.top for one in plots} == {100.0}


def test_a_map_of_a_thousand_regions_is_listed_in_part() -> None:
    regions = {str(number): DerpRegion(region_id=number, region_name=f"R{number}") for number in range(1, 1001)}
    lines = lines_of(Network(AgentConnectionInfo(derp_map=DerpMap(regions=regions)), {}))
    assert len([one for one in lines if one.kind == "region"]) == SHOWN
    assert [one.value for one in lines if one.key == "more"] == [f"{1000 - SHOWN} regions more"]


def test_node_words() -> None:
    assert node_words(DerpNode(derp_port=8080, force_http=True, stun_port=-1, insecure_for_tests=True)) == (
        "relay http:8080, certificate not checked"
    )


def test_what_is_not_known_is_not_claimed() -> None:
    facts = facts_of(Network(AgentConnectionInfo(disable_direct_connections=True, derp_force_websockets=True), {}))
    assert facts["Direct"].startswith("disabled")
    assert facts["Relays speak"] == "WebSockets only"
    assert facts["None"] == "the deployment has no relay"
    assert "Agent's home" not in facts
    assert "API round trip" not in facts


@given(
    st.dictionaries(
        st.text(max_size=3), st.builds(DerpRegion, region_id=st.integers(0, 9), region_name=st.text(max_size=3))
    )
)
def test_any_map_has_lines_with_keys_of_their_own(regions: dict[str, DerpRegion]) -> None:
    unique = {str(one.region_id): one for one in regions.values()}  # keyed by region id on the wire
    lines = lines_of(Network(AgentConnectionInfo(derp_map=DerpMap(regions=unique)), {}))
    keys = [one.key for one in lines if one.key is not None]
    assert len(keys) == len(set(keys))


async def test_what_is_shown_and_follows() -> None:
    async with stage(Page.NETWORK) as on:
        on.source.network_look.tell(MEASURED)
        text = await on.shows("✓ home")
        home = next(line for line in text.splitlines() if line.startswith("   Frankfurt ✓ home"))
        assert "15 ms" in home
        assert "agent 12 ms" in home
        info = NETWORK.info.model_copy(update={"disable_direct_connections": True})
        on.source.network_look.tell(replace(MEASURED, info=info))
        await on.shows("relayed by Frankfurt")
        await on.shows("Direct connections are disabled on this deployment.")
        assert on.source.measured == []
        await on.press("m")
        assert on.source.measured == ["acme"]
        await on.to("node/1/0/1a")
        await on.press("y")
        assert on.pilot.app.clipboard == "derp1.acme.io"


async def test_every_line_fits_every_width_and_ascii_is_ascii(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CODER_TUI_ASCII", "1")
    async with stage(Page.NETWORK) as on:
        on.source.network_look.tell(MEASURED)
        await on.shows("v home")
        for index, item in enumerate(on.pane.items):
            for width in range(30, 230, 9):
                text = "".join(segment.text for segment in on.pane.paint(index, 0, width))
                assert len(text) <= width, (item, width)
                assert text.isascii(), (item, width)


async def test_sentences_break_where_the_window_ends() -> None:
    async with stage(Page.NETWORK) as on:
        on.source.network_look.tell(MEASURED)
        await on.shows("1 of 2 STUN servers do not answer (stun1.acme.io: no answer in time)")
        await on.pilot.resize_terminal(60, 40)
        text = await on.shows("1 of 2 STUN servers do not answer")
        assert "\n     no answer in time)" in text


async def test_wide_tabs_stand_in_the_border_and_switch_by_mouse() -> None:
    async with stage(Page.NETWORK) as on:
        screen = on.screen
        assert screen.tabs.region.y == screen.closeups[Page.NETWORK].region.y
        assert str(on.pane.border_title) == "kira/api-refactor · main"
        label = screen.tabs.render_line(0).text.index("Ports")
        await on.pilot.click(screen.tabs, offset=(label, 0))
        await on.pilot.pause()
        assert screen.focused_pane() is screen.closeups[Page.PORTS]
        assert not screen.timeline.display
        await on.press("plus")  # zoomed: no tabs, so the title names the page
        assert not screen.tabs.display
        assert str(screen.closeups[Page.PORTS].border_title) == "Ports · kira/api-refactor · main"


async def test_the_upper_right_stays_what_it_was_and_tab_goes_through_it() -> None:
    async with stage(Page.NETWORK) as on:
        await on.press("3", "1")
        assert on.pane.display
        assert on.screen.logs.display
        on.screen.agents.focus()
        await on.pilot.pause()
        await on.press("tab")
        assert on.screen.focused_pane() is on.pane


@pytest.mark.parametrize("pages", [RIGHT, TOP, tuple(Page)])
def test_tabs_fit_or_shrink_to_numbers(pages: tuple[Page, ...]) -> None:
    for here in pages:
        for width in range(120):
            words = labels(pages, here, width)
            assert words[pages.index(here)] == here.value.capitalize()
            if words[0] in ("1", "2") or words[-1] == "8":
                continue
            assert sum(len(word) + 3 for word in words) <= width
    assert labels(pages, pages[0], 120) == [page.value.capitalize() for page in pages]


async def test_a_title_keeps_workspace_and_app() -> None:
    async with stage(Page.NETWORK) as on:
        timeline = on.screen.timeline
        await on.press("2")
        assert str(timeline.border_title) == "kira/api-refactor · claude"  # 31 cells beside the tabs
        await on.pilot.resize_terminal(220, 60)
        assert str(timeline.border_title) == "kira/api-refactor · main · claude"
        await on.pilot.resize_terminal(100, 30)
        assert str(timeline.border_title) == "Timeline · kira/api-refactor · main · claude"
