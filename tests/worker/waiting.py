"""Waiting for something to become so, with a deadline: never for a time to pass."""

import asyncio
import time
from collections.abc import Awaitable, Callable


async def until(condition: Callable[[], Awaitable[object]], *, within_s: float = 20.0, every_s: float = 0.02) -> None:
    """Return once *condition* holds. Raises: AssertionError after *within_s* seconds."""
    deadline = time.monotonic() + within_s
    while not await condition():
        assert time.monotonic() < deadline, f"not so within {within_s} s"
        await asyncio.sleep(every_s)


async def eventually(condition: Callable[[], object]) -> None:
    """The same for what needs no asking."""
    deadline = time.monotonic() + 30
    while not condition():
        assert time.monotonic() < deadline, "not so within 30 s"
        await asyncio.sleep(0.01)
