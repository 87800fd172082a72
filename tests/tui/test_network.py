"""The Network page: ways, regions, latencies; and the tabs that hold all pages."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.tui.closeup_kit import stage
from tests.tui.closeup_values import NETWORK

from coder_tui.feeds.source import Network
from coder_tui.tui.layout import RIGHT, TOP, Page
from coder_tui.tui.reach import lines_of, node_words
from coder_tui.tui.widgets.trail import labels
from coder_tui.wire.network import AgentConnectionInfo, DerpMap, DerpNode, DerpRegion


def test_regions_stand_nearest_first_and_home_is_marked() -> None:
    lines = lines_of(NETWORK)
    regions = [(one.label, one.latency, one.preferred) for one in lines if one.kind == "region"]
    assert regions == [
        ("Frankfurt", 11.7, True),
        ("Coder Embedded Relay", 61.4, False),
        ("Sydney", 291.0, False),  # of the agent only
    ]
    nodes = {one.label: one.value for one in lines if one.kind == "node"}
    assert nodes == {
        "derp1.acme.io": "relay https:443, STUN 3478",
        "stun1.acme.io": "STUN 19302",
        "dev.acme.io": "relay https:443",
    }
    facts = {one.label: one.value for one in lines if one.kind == "fact"}
    assert facts["Direct"] == "allowed"
    assert facts["Agent's home"] == "Frankfurt"
    assert facts["API round trip"] == "23 ms from here"
    assert facts["Names end in"] == ".coder"


def test_node_words() -> None:
    assert node_words(DerpNode(derp_port=8080, force_http=True, stun_port=-1, insecure_for_tests=True)) == (
        "relay http:8080, certificate not checked"
    )


def test_what_is_not_known_is_not_claimed() -> None:
    lines = lines_of(Network(AgentConnectionInfo(disable_direct_connections=True, derp_force_websockets=True), {}))
    facts = {one.label: one.value for one in lines if one.kind == "fact"}
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
        text = await on.shows("DERP regions")
        home = next(line for line in text.splitlines() if line.startswith("   Frankfurt"))
        assert home.split()[-3:] == ["home", "12", "ms"]
        info = NETWORK.info.model_copy(update={"disable_direct_connections": True})
        on.source.network_look.tell(replace(NETWORK, info=info))
        await on.shows("disabled: everything goes through a relay")
        await on.to("node/1/1a")
        await on.press("y")
        assert on.pilot.app.clipboard == "derp1.acme.io"


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
