"""One question for many askers: who asks in the same moment, or while an answer is awaited, shares the next one."""

import asyncio
from collections.abc import Awaitable, Callable, Collection, Sequence
from typing import Generic, TypeVar

A = TypeVar("A")


class Together(Generic[A]):
    """Asks *call* about all that came together; it answers with the places, from 0, of those for which it is so."""

    def __init__(self, call: Callable[[Sequence[A]], Awaitable[Collection[int]]]) -> None:
        self._call = call
        self._next: list[A] = []
        self._asking: asyncio.Task[Collection[int]] | None = None

    async def __call__(self, about: A) -> bool:
        """Whether it is so of *about*. Raises: what *call* raises, to all who asked with it."""
        asking = self._asking
        if asking is None or not self._next:
            asking = self._asking = asyncio.create_task(self._ask(asking))
        place = len(self._next)
        self._next.append(about)
        return place in await asyncio.shield(asking)  # who is cancelled takes no answer from the others

    async def _ask(self, before: "asyncio.Task[Collection[int]] | None") -> Collection[int]:
        """A task begins behind all that are ready by now, so that they come along."""
        if before is not None:
            await asyncio.wait([before])
        asked, self._next = self._next, []
        return await self._call(asked)
