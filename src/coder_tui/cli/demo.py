"""`coder-tui demo`: the stage, the agents, and the cockpit on top (or no screen). Cleans up after every kind of end."""

from __future__ import annotations

import asyncio
import json
import sys
from argparse import Namespace
from collections.abc import Sequence
from contextlib import suppress
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from coder_tui.cli.signals import EndSignals
from coder_tui.demo.stage import DUE_WITHIN, QUIET_AFTER, stage
from coder_tui.paths import state_dir

if TYPE_CHECKING:
    from coder_tui.client.credentials import Credentials
    from coder_tui.wire.workspaces import CreateWorkspace

HEADLESS_SECONDS = 20.0


def run(arguments: Namespace) -> int:
    """0 at the end of the time or after `q`; 128 + signal when told to end by one."""
    headless: bool = arguments.headless
    seconds: float | None = arguments.seconds
    if not headless and not (sys.stdin.isatty() and sys.stdout.isatty()):
        headless, seconds = True, seconds or HEADLESS_SECONDS
        print(f"coder-tui: no terminal here: the demo runs headless for {seconds:g} seconds", file=sys.stderr)
    return asyncio.run(_play(arguments, seconds, headless=headless))


async def _play(arguments: Namespace, seconds: float | None, *, headless: bool) -> int:
    task = asyncio.current_task()
    signals = EndSignals(lambda: task and task.cancel())
    try:
        with stage() as the:
            opening = asyncio.create_task(asyncio.to_thread(the.address), name="demo-hub")
            await asyncio.sleep(0)
            # imported while the hub starts
            from coder_tui.cli.deployments import of_hub
            from coder_tui.feeds.cockpit import Cockpit
            from coder_tui.fleet.codec import snapshot_json

            if not headless:
                from coder_tui.cli.screen import show
            credentials = of_hub(await opening)
            await act(credentials, the.bodies())
            cockpit = Cockpit(
                [credentials],
                state_dir=state_dir(),
                quiet_after=QUIET_AFTER,
                due_within=DUE_WITHIN,
                hub_names=[credentials.name],
                history_days=1,
            )
            try:
                if headless:
                    with suppress(TimeoutError):
                        async with asyncio.timeout(seconds or HEADLESS_SECONDS):
                            await cockpit.run()
                else:
                    look = {"note": "demo", "read_only": arguments.read_only, "theme": arguments.theme}
                    await show(cockpit, signals, seconds=seconds, state_dir=state_dir(), **look)
            finally:
                await cockpit.aclose()
            if (headless or arguments.json) and not signals.code:
                print(json.dumps(snapshot_json(cockpit.snapshot, datetime.now(UTC)), indent=2))
    except asyncio.CancelledError:
        if not signals.code:
            raise
    return signals.code


async def act(credentials: Credentials, bodies: Sequence[CreateWorkspace]) -> None:
    """Create the workspaces; the hub starts their agents."""
    from coder_tui.client.rest import RestClient

    async with RestClient(credentials) as client:
        await asyncio.gather(*(client.create_workspace(body) for body in bodies))
