"""Renders the real app over a real hub with the demo's real agents to SVG and PNG. Run by `make screenshots`.

Nothing here is painted by hand: an agent reported it, or a shell printed it. Also renews the README's key table.
"""

from __future__ import annotations

import asyncio
import re
import sys
from collections.abc import Awaitable, Callable
from datetime import timedelta
from pathlib import Path
from typing import cast

from textual.pilot import Pilot

from coder_tui.cli.demo import act
from coder_tui.cli.deployments import of_hub
from coder_tui.client.credentials import Credentials
from coder_tui.demo.stage import DUE_WITHIN, stage
from coder_tui.feeds.cockpit import Cockpit
from coder_tui.fleet.snapshot import Row
from coder_tui.paths import state_dir
from coder_tui.tui.actions import key_table
from coder_tui.tui.app import CockpitApp
from coder_tui.tui.layout import Page

HERE = Path(__file__).parent
PATIENCE = 60.0
QUIET_AFTER = timedelta(seconds=6)
FONT = "'DejaVu Sans Mono', 'Menlo', monospace"

Step = Callable[[Pilot[None]], Awaitable[None]]


async def until(pilot: Pilot[None], holds: Callable[[], bool]) -> None:
    """Let the app run until it shows what is wanted."""
    async with asyncio.timeout(PATIENCE):
        while not holds():
            await pilot.pause(0.1)
    await pilot.pause(0.3)


def levels(app: CockpitApp) -> set[str]:
    """The attention levels on the screen."""
    return {str(alert.level) for alert in app.source.snapshot.alerts if not alert.acked}


def row(app: CockpitApp, slug: str) -> Row:
    """The row of the app with that slug."""
    return next(row for row in app.source.snapshot.rows if row.key.app == slug)


def reports(app: CockpitApp, slug: str) -> int:
    """How often it has reported."""
    found = row(app, slug).app
    return len(found.statuses) if found else 0


def save(app: CockpitApp, name: str) -> None:
    """Write `name`.svg and `name`.png. The SVG names only local fonts and fetches nothing."""
    svg = app.export_screenshot(title="coder-tui")
    svg = re.sub(r"@font-face\s*\{.*?\}", "", svg, flags=re.DOTALL)
    svg = re.sub(r"font-family:\s*(Fira Code|arial)[^;]*;", f"font-family: {FONT};", svg)
    svg = svg.replace('font-family="Fira Code"', f'font-family="{FONT}"')
    (HERE / f"{name}.svg").write_text(svg, encoding="utf-8")
    from resvg_py import svg_to_bytes

    png = svg_to_bytes(svg_string=svg, monospace_family="DejaVu Sans Mono", font_family="DejaVu Sans Mono")
    (HERE / f"{name}.png").write_bytes(bytes(png))
    print(f"screenshots/{name}.png", file=sys.stderr)


async def shoot(credentials: Credentials, name: str, size: tuple[int, int], steps: Step, theme: str = "dark") -> None:
    """One picture: a fresh app over the running hub, some keys, then the shutter."""
    cockpit = Cockpit(
        [credentials],
        state_dir=state_dir(),
        quiet_after=QUIET_AFTER,
        due_within=DUE_WITHIN,
        hub_names=["local"],
    )
    app = CockpitApp(cockpit, title_note="demo", theme=theme)
    try:
        async with app.run_test(size=size) as pilot:
            await until(pilot, lambda: {"asks", "failed", "quiet"} <= levels(app))
            await steps(pilot)
            save(app, name)
    finally:
        await cockpit.aclose()


async def main() -> None:
    """All pictures, on one stage."""
    with stage() as the:
        credentials = of_hub(await asyncio.to_thread(the.address))
        await act(credentials, the.bodies())

        async def wide(pilot: Pilot[None]) -> None:
            app = cast(CockpitApp, pilot.app)
            await until(pilot, lambda: reports(app, "fixer") > 6)
            await pilot.press("slash", *"app:fixer", "enter")
            await pilot.pause(0.3)
            await pilot.press("s")
            await pilot.pause(1.5)
            for line in ("cd repo 2>/dev/null", "clear", "git log --oneline --stat | head -12"):
                await pilot.press(*line, "enter")
                await pilot.pause(0.5)
            await pilot.press("ctrl+right_square_bracket", "escape")
            await pilot.pause(1.0)

        async def terminal(pilot: Pilot[None]) -> None:
            await pilot.press("t")
            await pilot.pause(1.5)

        async def details(pilot: Pilot[None]) -> None:
            app = cast(CockpitApp, pilot.app)
            pane = app.cockpit.closeups[Page.DETAILS]
            app.cockpit.jump(row(app, "quiet").key)
            await pilot.press(str(Page.DETAILS.number))
            await until(pilot, lambda: any(str(one.key).startswith("metadata/") for one in pane.items))
            await until(pilot, lambda: not any("waiting" in one.value for one in pane.items))

        async def nothing(pilot: Pilot[None]) -> None:
            await pilot.pause(0.2)

        async def help_(pilot: Pilot[None]) -> None:
            await pilot.press("question_mark")
            await pilot.pause(0.5)

        await shoot(credentials, "terminal", (140, 40), terminal)
        await shoot(credentials, "details", (140, 40), details)
        await shoot(credentials, "light", (140, 40), nothing, "light")
        await shoot(credentials, "narrow", (80, 24), nothing)
        await shoot(credentials, "help", (120, 40), help_)
        await shoot(credentials, "wide", (160, 45), wide)
    readme = HERE.parent / "README.md"
    text = readme.read_text(encoding="utf-8")
    readme.write_text(
        re.sub(r"(<!-- keys:.*?-->\n).*?(<!-- /keys -->)", lambda m: m[1] + key_table() + m[2], text, flags=re.DOTALL),
        encoding="utf-8",
    )


if __name__ == "__main__":
    asyncio.run(main())
