"""The cockpit with one page in front, driven by keys."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

from tests.tui.closeup_values import CONTAINERS, DETAILS, NETWORK, PORTS
from tests.tui.small_fleet import NOW, Look, StoreSource, small_fleet
from textual.pilot import Pilot

from coder_tui.fleet.events import DeploymentChanged
from coder_tui.fleet.snapshot import Deployment
from coder_tui.tui.app import CockpitApp
from coder_tui.tui.layout import Page
from coder_tui.tui.panes.closeup import CloseUp
from coder_tui.tui.screens.cockpit import CockpitScreen


@dataclass
class Stage:
    """One page of the cockpit and the source under it."""

    pilot: Pilot[None]
    screen: CockpitScreen
    source: StoreSource
    page: Page

    @property
    def pane(self) -> CloseUp[Any, Any]:
        return self.screen.closeups[self.page]

    @property
    def looks(self) -> dict[Page, Look[Any]]:
        source = self.source
        return {
            Page.DETAILS: source.detail_look,
            Page.PORTS: source.port_look,
            Page.CONTAINERS: source.container_look,
            Page.NETWORK: source.network_look,
        }

    async def turn(self, page: Page) -> None:
        """To another page, by its key."""
        self.page = page
        await self.press(str(page.number))

    @property
    def text(self) -> str:
        """What the page shows, without its border."""
        return "\n".join(self.pane.render_line(y).text.rstrip() for y in range(self.pane.size.height)).rstrip()

    @property
    def toasts(self) -> str:
        return " | ".join(one.message for one in self.pilot.app._notifications)

    async def press(self, *keys: str) -> None:
        for key in keys:
            await self.pilot.press(key)
            await self.pilot.pause()

    async def shows(self, words: str) -> str:
        """Wait until the page shows `words`; everything it shows then."""
        for _ in range(300):
            if words in self.text:
                return self.text
            await self.pilot.pause(0.01)
        raise AssertionError(f"{words!r} is not in:\n{self.text}")

    async def until(self, holds: Any) -> None:
        """Wait until `holds()`."""
        for _ in range(300):
            if holds():
                return
            await self.pilot.pause(0.01)
        raise AssertionError("it did not happen")

    async def to(self, key: object) -> None:
        """Put the cursor on the line with that key."""
        await self.until(lambda: self.pane.items)
        assert self.pane.go(key), key
        await self.pilot.pause()


@asynccontextmanager
async def stage(
    page: Page,
    source: StoreSource | None = None,
    *,
    size: tuple[int, int] = (140, 60),
    known: bool = True,
    hub: bool = False,
    read_only: bool = False,
) -> AsyncIterator[Stage]:
    """The first row is selected (the one that asks), and `page` has the focus."""
    source = source or StoreSource(*small_fleet())
    if hub:
        acme = source.snapshot.deployments["acme"]
        source.apply(DeploymentChanged(Deployment("acme", acme.url, is_hub=True, link=acme.link)))
    if known:
        source.detail_look.tell(DETAILS)
        source.port_look.tell(PORTS)
        source.container_look.tell(CONTAINERS)
        source.network_look.tell(NETWORK)
    running = CockpitApp(source, clock=lambda: NOW, read_only=read_only)
    async with running.run_test(size=size) as pilot:
        await source.running.wait()
        await pilot.pause()
        await pilot.press(str(page.number))
        await pilot.pause()
        yield Stage(pilot, running.cockpit, source, page)
