"""Several endless streams read as one."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from contextlib import aclosing
from typing import Any


async def together(*sources: AsyncGenerator[Any, None]) -> AsyncGenerator[Any, None]:
    """What any of them yields, in the order it comes. Ends when all have; closes them all, whatever happens."""
    queue: asyncio.Queue[tuple[Any, BaseException | None, bool]] = asyncio.Queue()

    async def pump(source: AsyncGenerator[Any, None]) -> None:
        fault: BaseException | None = None
        try:
            async with aclosing(source):
                async for event in source:
                    queue.put_nowait((event, None, False))
        except Exception as error:  # raised again where it is read
            fault = error
        queue.put_nowait((None, fault, True))

    tasks = [asyncio.create_task(pump(source), name=f"look:{place}") for place, source in enumerate(sources)]
    left = len(tasks)
    try:
        while left:
            event, fault, over = await queue.get()
            if fault is not None:
                raise fault
            if over:
                left -= 1
            else:
                yield event
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.wait(tasks)
