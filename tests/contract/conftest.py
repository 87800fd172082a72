from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from tests.contract.world import World, a_world


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def world(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[World]:
    """One filled hub for all tests of a module, whose user has a plain shell."""
    async with a_world(tmp_path_factory.mktemp("contract") / "hub") as filled:
        yield filled
