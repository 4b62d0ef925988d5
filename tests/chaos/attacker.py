"""What is done to a round: one harm after the other, to processes, to connections and by the hub."""

import asyncio
import contextlib
import os
import random
import signal
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field

import asyncpg

from tests.chaos.arena import LEASE_S, Arena, Worker

HUB_FAULTS = (
    "429:0.3",
    "429-retry-after=1:0.3",
    "5xx-html:0.4",
    "5xx-empty:0.4",
    "5xx-json:0.4",
    "redirect:0.3",
    "outage:0.5",
    "outage",
    "stall=2:0.2",
    "slow-start=1",
    "latency=0.3",
    "drop-after-write:0.5",
    "5xx-after-write:0.5",
    "late-writes:0.3",
    "stale-lists=5",
    "ignored-filters",
    "repeated-pages",
    "reordered-pages",
    "short-pages",
    "limit-cap-50",
    "strings-for-numbers",
    "nulls:0.7@orders",
    "unknown-members",
    "unknown-status:0.5",
    "external-maps",
    "hidden-externals",
    "reworded-invoices",
    "broken-text:0.5",
    "not-json:0.4",
    "invalid-utf8:0.4",
    "empty-200:0.4",
    "cut-body:0.4",
    "huge-body=4:0.1",
    "deep-nesting:0.3",
    "lost-notices",
    "duplicated-notices",
    "reordered-notices",
    "refused-refresh",
    "no-access-token:0.5",
    "dropped-writes@orders",
    "expired-tokensx1",
    "revoked-tokensx1",
)
"""What the hub does wrong and gets over by itself. What only people can mend has rounds of its own."""
_TOKEN_FAULTS = ("expired-tokensx1", "revoked-tokensx1")
_TOKENS_REST_S = 3.0


@dataclass
class Attacker:
    """Does one harm after the other, sometimes two at once, and counts them."""

    ring: Arena
    rng: random.Random
    done: Counter[str]
    faults: Sequence[str]
    tokens_ended_at: float = 0.0
    _tokens: asyncio.Lock = field(default_factory=asyncio.Lock)

    @property
    def kinds(self) -> dict[str, Callable[[], Awaitable[None]]]:
        return {
            "kill worker": self._kill_worker,
            "pause beyond a lease": self._pause_worker,
            "rolling restart": self._restart_worker,
            "cut Postgres connections": self._cut_postgres,
            "swallow Postgres traffic": self._swallow_postgres,
            "refuse Postgres connections": self._refuse_postgres,
            "kill Postgres": self._kill_postgres,
            "lose LISTEN": self._lose_listen,
            "cut hub connections": self._cut_hub,
            "swallow hub traffic": self._swallow_hub,
            "refuse hub connections": self._refuse_hub,
            "late network": self._late,
            "expire tokens": self._expire,
            "revoke tokens": self._revoke,
            "hub fault": self._hub_fault,
        }

    async def run(self, over: asyncio.Event, only: Sequence[str] | None) -> None:
        kinds = {name: act for name, act in self.kinds.items() if only is None or name in only}
        async with asyncio.TaskGroup() as group:
            if only == ("hub fault",):
                for fault in self.faults:
                    group.create_task(self._hub_fault(fault))
            await asyncio.sleep(self.rng.uniform(0.2, 2.0))
            while not over.is_set():
                name = self.rng.choice(list(kinds))
                self.done[name] += 1
                group.create_task(kinds[name]())
                with contextlib.suppress(TimeoutError):
                    await asyncio.wait_for(over.wait(), self.rng.uniform(0.1, 1.5))

    async def make_peace(self) -> None:
        """End all harm, and have every worker run."""
        self.ring.hub.remove_faults()
        for worker in self.ring.workers:
            worker.hub.heal()
            worker.postgres.heal()
            worker.resume()
            await worker.start()

    @property
    def _worker(self) -> Worker:
        return self.rng.choice(self.ring.workers)

    async def _kill_worker(self) -> None:
        worker = self._worker
        if worker.pid is not None:
            await worker.kill()
        await asyncio.sleep(self.rng.uniform(0, 1.5))
        await worker.start()

    async def _pause_worker(self) -> None:
        worker = self._worker
        worker.pause()
        await asyncio.sleep(self.rng.uniform(LEASE_S * 1.1, LEASE_S * 1.6))
        worker.resume()

    async def _restart_worker(self) -> None:
        worker = self._worker
        if worker.pid is not None and not worker.paused:
            with contextlib.suppress(TimeoutError):
                await worker.stop()
        await worker.start()

    async def _cut_postgres(self) -> None:
        for _ in range(self.rng.randint(1, 5)):
            self._worker.postgres.cut()
            await asyncio.sleep(self.rng.uniform(0.01, 0.3))

    async def _swallow_postgres(self) -> None:
        await self._for_a_while(self._worker.postgres.swallow)

    async def _refuse_postgres(self) -> None:
        proxy = self._worker.postgres
        proxy.refusing = True
        proxy.cut()
        await asyncio.sleep(self.rng.uniform(0.5, 2.5))
        proxy.heal()

    async def _for_a_while(self, harm: Callable[[], None]) -> None:
        harm()
        await asyncio.sleep(self.rng.uniform(0.5, 4.0))
        harm.__self__.heal()  # type: ignore[attr-defined] # harm is a method of a proxy

    async def _kill_postgres(self) -> None:
        with contextlib.suppress(OSError, ValueError, IndexError):
            os.kill(self.ring.server.pid(), signal.SIGKILL)

    async def _lose_listen(self) -> None:
        with contextlib.suppress(OSError, asyncpg.PostgresError, asyncpg.InterfaceError):
            await self.ring.pool.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
                " WHERE application_name = 'rocksync listener' AND datname = current_database()"
            )

    async def _cut_hub(self) -> None:
        for _ in range(self.rng.randint(1, 5)):
            self._worker.hub.cut()
            await asyncio.sleep(self.rng.uniform(0.01, 0.3))

    async def _swallow_hub(self) -> None:
        await self._for_a_while(self._worker.hub.swallow)

    async def _refuse_hub(self) -> None:
        proxy = self._worker.hub
        proxy.refusing = True
        proxy.cut()
        await asyncio.sleep(self.rng.uniform(0.5, 2.5))
        proxy.heal()

    async def _late(self) -> None:
        proxy = self.rng.choice((self._worker.hub, self._worker.postgres))
        proxy.delay_s = self.rng.uniform(0.01, 0.2)
        await asyncio.sleep(self.rng.uniform(0.5, 2.0))
        proxy.delay_s = 0.0

    async def _expire(self) -> None:
        await self._end_tokens(self.ring.hub.tokens.expire)

    async def _revoke(self) -> None:
        await self._end_tokens(self.ring.hub.tokens.revoke)

    async def _end_tokens(self, end: Callable[[], None]) -> None:
        """Not before the last harm to tokens is over: a token that is refused fresh from login stops its tenant."""
        if time.monotonic() - self.tokens_ended_at > _TOKENS_REST_S:
            self.tokens_ended_at = time.monotonic()
            end()

    async def _until_tokens_may_end(self) -> None:
        """The same for faults of the hub, which wait for their turn."""
        async with self._tokens:
            await asyncio.sleep(max(self.tokens_ended_at + _TOKENS_REST_S - time.monotonic(), 0))
            self.tokens_ended_at = time.monotonic()

    async def _hub_fault(self, text: str | None = None) -> None:
        text = text or self.rng.choice(list(self.faults))
        if text in _TOKEN_FAULTS:
            await self._until_tokens_may_end()
        self.done[f"hub: {text.split(':')[0].split('=')[0]}"] += 1
        fault = self.ring.hub.add_fault(text)
        await asyncio.sleep(self.rng.uniform(0.5, 3.0))
        with contextlib.suppress(ValueError):
            self.ring.hub.faults._faults.remove(fault)
