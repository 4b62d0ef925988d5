"""One at a time for each key: no two writes to one resource of the hub."""

import asyncio
from collections.abc import Hashable
from types import TracebackType


class Turns:
    """Locks by key that exist only while somebody holds or awaits them."""

    def __init__(self) -> None:
        self._locks: dict[Hashable, _Counted] = {}

    def of(self, *key: Hashable) -> "_Turn":
        """Hold the turn of *key*, after whoever has it, as long as the context lasts."""
        return _Turn(self._locks, key)


class _Counted(asyncio.Lock):
    """A lock that knows how many hold or await it."""

    users = 0


class _Turn:
    """A context manager by hand: made for every write, and a generator's costs several times as much."""

    __slots__ = ("_key", "_locks")

    def __init__(self, locks: dict[Hashable, _Counted], key: Hashable) -> None:
        self._locks = locks
        self._key = key

    async def __aenter__(self) -> None:
        lock = self._locks.get(self._key) or self._locks.setdefault(self._key, _Counted())
        lock.users += 1
        try:
            await lock.acquire()
        except BaseException:
            self._leave(lock)
            raise

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        lock = self._locks[self._key]
        lock.release()
        self._leave(lock)

    def _leave(self, lock: _Counted) -> None:
        lock.users -= 1
        if not lock.users:
            del self._locks[self._key]
