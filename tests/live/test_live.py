"""The client against a real deployment: `CODER_URL=... CODER_SESSION_TOKEN=... make test-live`. Never by accident."""

from __future__ import annotations

import os
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

from coder_tui.client.credentials import Credentials, find_credentials
from tests.live.checks import CHECKS, run, whole_cockpit

pytestmark = pytest.mark.skipif(
    not os.environ.get("CODER_TUI_LIVE"),
    reason="wants CODER_URL=... CODER_SESSION_TOKEN=... make test-live",
)


@pytest.fixture
def deployment() -> Credentials:
    (found,) = find_credentials()
    return found


@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.__name__)
async def test_check(check: Callable[[Credentials], Awaitable[None]], deployment: Credentials) -> None:
    await run(check, deployment)


async def test_the_whole_cockpit(deployment: Credentials, tmp_path: Path) -> None:
    await whole_cockpit(deployment, tmp_path)
