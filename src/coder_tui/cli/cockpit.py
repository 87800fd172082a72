"""Plain `coder-tui`: the cockpit over every deployment that can be found, else over the hub of this machine."""

from __future__ import annotations

import asyncio
import gc
import sys
from argparse import Namespace
from collections.abc import Sequence
from functools import partial
from typing import TYPE_CHECKING

from coder_tui.errors import UsageError

if TYPE_CHECKING:
    from coder_tui.client.credentials import Credentials
    from coder_tui.config import Config


def run(arguments: Namespace) -> int:
    """0 after `q`; 128 + signal when ended by one. No deployment is asked anything before the first frame.

    Raises UsageError without a terminal, ConfigError, CredentialsError, StorageError, HubError.
    """
    if not (sys.stdin.isatty() and sys.stdout.isatty()):
        raise UsageError(
            "the cockpit needs a terminal", why="stdin or stdout is none", fix="use `coder-tui ls` in scripts and pipes"
        )
    gc.disable()  # until the first frame: what is loaded now stays, and looking at it took a tenth of the start
    from coder_tui.cli.deployments import chosen_or_hub, configuration

    config = configuration(arguments)
    return asyncio.run(_show(arguments, config, chosen_or_hub(arguments, config)))


async def _show(arguments: Namespace, config: Config, credentials: Sequence[Credentials]) -> int:
    from coder_tui.cli.deployments import HUB_NAME, chosen_again
    from coder_tui.cli.screen import show
    from coder_tui.cli.signals import EndSignals
    from coder_tui.feeds.cockpit import Cockpit
    from coder_tui.paths import state_dir

    cockpit = Cockpit(
        credentials,
        state_dir=state_dir(),
        quiet_after=config.quiet_after,
        due_within=config.due_within,
        hub_names=[HUB_NAME],
        history_days=config.history_days,
        again=partial(chosen_again, arguments),
    )
    signals = EndSignals(lambda: None)
    try:
        await show(
            cockpit,
            signals,
            read_only=arguments.read_only,
            theme=config.theme,
            calls=config.notify,
            clipboard=config.clipboard,
            log_bytes=config.log_megabytes << 20,
            state_dir=state_dir(),
        )
    finally:
        await cockpit.aclose()
    for warning in cockpit.warnings:
        print(f"coder-tui: {warning}", file=sys.stderr)
    return signals.code
