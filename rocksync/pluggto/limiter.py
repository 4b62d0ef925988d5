"""How fast one tenant may ask: a bucket of tokens and a window of requests in flight, both slowing when the hub does.

That the hub limits at all is assumed (pluggto-api 6): no source shows a 429.
"""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable

from rocksync.domain.errors import PassError
from rocksync.domain.reasons import Reason

LONGEST_WAIT_S = 5.0
"""A longer wait ends the pass instead of holding it."""
_SLOW_S = 2.0
"""Latency that counts as slow, if it is also several times what it was at best."""
_SLOW_TIMES = 4.0
_SMOOTHING = 0.2
_SLOWEST = 0.1
_RECOVERY = 0.005
_UNTOLD_S = 1.0
"""The pause after a 429 that names none."""

Sleep = Callable[[float], Awaitable[object]]


class Limiter:
    """The pace of one tenant; cheap enough to have thousands of."""

    __slots__ = (
        "_best_s", "_burst", "_clock", "_in_flight", "_latency_s", "_most", "_next_at", "_paused_until", "_rate",
        "_share", "_sleep", "_waiting", "_window",
    )  # fmt: skip

    def __init__(self, *, rate: float, concurrency: int, clock: Callable[[], float], sleep: Sleep) -> None:
        self._rate = rate
        self._share = 1.0
        self._burst = max(concurrency, 1)
        self._most = float(self._burst)
        self._window = self._most
        self._clock = clock
        self._sleep = sleep
        self._next_at = 0.0
        self._paused_until = 0.0
        self._in_flight = 0
        self._latency_s: float | None = None
        self._best_s = 0.0
        self._waiting: deque[asyncio.Future[None]] = deque()

    @property
    def idle(self) -> bool:
        """Whether nothing would be lost by forgetting it."""
        rested = max(self._next_at, self._paused_until) <= self._clock()
        return rested and not self._in_flight and not self._waiting and self._share >= 1.0

    async def acquire(self) -> None:
        """Wait for a turn, to be given back by ``release``. Raises: PassError if that would take long."""
        if self._in_flight >= int(self._window) or self._waiting:
            await self._queue()
        else:
            self._in_flight += 1
        try:
            wait_s = self._reserve()
            while wait_s > 0:
                await self._sleep(wait_s)
                wait_s = self._short(self._paused_until - self._clock())
        except BaseException:
            self._leave()
            raise

    def _reserve(self) -> float:
        """Take the next token; seconds until it may be used. Raises: PassError, taking none, if they are many."""
        interval_s = 1.0 / (self._rate * self._share)
        now = self._clock()
        next_at = max(self._next_at, now)
        wait_s = self._short(max(next_at - now - (self._burst - 1) * interval_s, self._paused_until - now))
        self._next_at = next_at + interval_s
        return wait_s

    def _short(self, wait_s: float) -> float:
        if wait_s <= LONGEST_WAIT_S:
            return wait_s
        if self._paused_until > self._clock() or self._share < 1.0:
            raise limited(wait_s)
        raise PassError(
            f"rocksync itself sends {self._rate:g} requests a second for a tenant"
            f" (pluggto.requests_per_second_per_tenant); next try in {wait_s:.0f} s",
            reason=Reason.RATE_LIMITED,
            retry_after_s=wait_s,
        )

    async def _queue(self) -> None:
        """Wait behind the others for a place in the window; it is taken when this returns."""
        turn: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.append(turn)
        try:
            await turn
        except asyncio.CancelledError:
            if turn.done() and not turn.cancelled():
                self._leave()
            raise

    def _leave(self) -> None:
        self._in_flight -= 1
        while self._waiting and self._in_flight < int(self._window):
            turn = self._waiting.popleft()
            if not turn.done():  # who waited may have been cancelled
                self._in_flight += 1
                turn.set_result(None)

    def release(self, took_s: float | None) -> None:
        """Give the turn back; *took_s*: how long a good answer took, None for none."""
        if took_s is not None:
            self._learn(took_s)
        self._leave()

    def _learn(self, took_s: float) -> None:
        if self._latency_s is None:
            self._latency_s = self._best_s = took_s
        self._latency_s += _SMOOTHING * (took_s - self._latency_s)
        self._best_s = min(self._best_s * 1.001, self._latency_s)
        if self._latency_s > max(_SLOW_S, self._best_s * _SLOW_TIMES):
            self._window = max(self._window * 0.7, 1.0)
            self._latency_s = self._best_s  # the next verdict is made of new answers
            return
        if self._window < self._most:
            self._window = min(self._window + 1.0 / self._window, self._most)
        if self._share < 1.0:
            self._share = min(self._share + _RECOVERY, 1.0)

    def limited(self, retry_after_s: float | None) -> float:
        """Slow down after a 429 that asks for a pause; seconds until anything may be sent."""
        self._share = max(self._share / 2, _SLOWEST)
        self._window = max(self._window / 2, 1.0)
        wait_s = _UNTOLD_S if retry_after_s is None else retry_after_s
        self._paused_until = max(self._paused_until, self._clock() + wait_s)
        return wait_s


def limited(retry_after_s: float) -> PassError:
    """The error that ends a pass until the hub takes requests again."""
    return PassError(
        f"Plugg.to limits the rate of requests; next try in {retry_after_s:.0f} s",
        reason=Reason.RATE_LIMITED,
        retry_after_s=retry_after_s,
    )
