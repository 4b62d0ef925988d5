"""One round of the campaign: a busy day, everything fails at random, then quiet; and the verdict."""

import asyncio
import contextlib
import os
import random
import signal
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import asyncpg

from tests.chaos import leaks, verdict
from tests.chaos.arena import LEASE_S, Arena, Server, Worker, arena
from tests.chaos.shopkeeper import Shopkeeper

DRAIN_S = 90.0
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
)
"""What the hub does wrong and gets over by itself. What only people can mend has rounds of its own."""


@dataclass
class Outcome:
    """What a round did and found. Times in seconds."""

    name: str
    seed: int
    workers: int = 0
    attacks: Counter[str] = field(default_factory=Counter)
    changes: int = 0
    orders: int = 0
    requests: int = 0
    recover_s: float = 0.0
    took_s: float = 0.0
    lost: list[str] = field(default_factory=list)
    doubled: list[str] = field(default_factory=list)
    wrong: list[str] = field(default_factory=list)
    told: list[str] = field(default_factory=list)
    figures: dict[str, float] = field(default_factory=dict)

    @property
    def bad(self) -> list[str]:
        return [*self.lost, *self.doubled, *self.wrong, *self.told]


async def storm(
    server: Server,
    seed: int,
    *,
    length_s: float = 8.0,
    workers: int | None = None,
    attacks: Sequence[str] | None = None,
    faults: Sequence[str] = HUB_FAULTS,
    name: str = "storm",
    keep: str | None = None,
) -> Outcome:
    """A round of *seed*. *attacks* None: all kinds. *keep*: a folder for the logs of a round that went wrong."""
    rng = random.Random(f"storm {seed}")  # noqa: S311 - repeatable, no secret
    count = workers or rng.choice((1, 2, 2, 3, 4))
    outcome = Outcome(name=name, seed=seed, workers=count)
    began = time.monotonic()
    async with arena(server, seed=seed, workers=count) as ring:
        keepers = [
            Shopkeeper(ring, await ring.add_tenant(f"loja-{n}"), f"{name} {seed}") for n in range(rng.choice((2, 3, 4)))
        ]
        for keeper in keepers:
            await keeper.open_shop(rng.randint(6, 20))
        await asyncio.gather(*(worker.start() for worker in ring.workers))
        for tenant in ring.tenants:
            ring.hub.account(
                tenant.user
            ).webhook = f"http://127.0.0.1:{ring.workers[0].http_port}/notifications/pluggto"
        attacker = Attacker(ring, rng, outcome.attacks, faults)
        async with asyncio.TaskGroup() as group:
            over = asyncio.Event()
            group.create_task(_busy(keepers, over, rng))
            group.create_task(attacker.run(over, attacks))
            await asyncio.sleep(length_s)
            over.set()
        await attacker.make_peace()
        outcome.recover_s = await settle(ring, outcome)
        await conclude(ring, outcome, keepers)
        if outcome.bad and keep:
            for number, worker in enumerate(ring.workers):
                _copy(worker, keep, f"{name}-{seed}-worker-{number}.log")
            await _dump(ring, f"{keep}/{name}-{seed}")
    outcome.took_s = time.monotonic() - began
    return outcome


def _copy(worker: Worker, to: str, name: str) -> None:
    Path(to).mkdir(exist_ok=True)
    Path(to, name).write_bytes(worker.log.read_bytes())


async def _dump(ring: Arena, to: str) -> None:
    """What a round that went wrong is looked into by."""
    tables = ("rocksync.item", "rocksync.history", "rocksync.schedule", "store.product", "store.stock", "chaos.lease")
    for table in tables:
        lines = [row["line"] for row in await ring.rows(f"SELECT t::text AS line FROM {table} t ORDER BY 1")]
        await asyncio.to_thread(Path(f"{to}-{table}.txt").write_text, "\n".join(lines))
    requests = "\n".join(str(entry) for entry in ring.hub.requests())
    await asyncio.to_thread(Path(f"{to}-requests.txt").write_text, requests)


async def _busy(keepers: Sequence[Shopkeeper], over: asyncio.Event, rng: random.Random) -> None:
    while not over.is_set():
        for keeper in keepers:
            await keeper.act()
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(over.wait(), rng.uniform(0.005, 0.08))


async def settle(ring: Arena, outcome: Outcome, within_s: float = DRAIN_S) -> float:
    """Wait until nothing is left to do; seconds it took. What retries wait for comes at once, as if time had passed.

    The hub's own retries of notifications are waited for as well, and looked after, but are no part of that.
    """
    began = time.monotonic()
    try:
        await _still(ring, began + within_s)
        took_s = time.monotonic() - began
        while not ring.hub.notices.idle:
            await ring.until(lambda: _told(ring), within_s=within_s, what="all notifications sent")
            await _still(ring, time.monotonic() + within_s)
    except TimeoutError as error:
        outcome.wrong.append(str(error))
        for row in await ring.rows(_STATE):
            outcome.wrong.append("at the end: " + str(dict(row))[:400])
        return time.monotonic() - began
    return took_s


async def _still(ring: Arena, until: float) -> None:
    """Wait until passes find nothing any more: what one round of them writes to orders, the next one sees."""
    before, now = "", "never looked"
    while before != now:
        for tenant in ring.tenants:
            for kind in ("product", "price", "stock", "order"):
                await ring.sql(_REQUEST, tenant.id, kind)
        await ring.until(lambda: _idle(ring), within_s=max(until - time.monotonic(), 1), what="nothing left to do")
        before, now = now, await ring.sql(_STANDING)


async def _told(ring: Arena) -> bool:
    return ring.hub.notices.idle


_STANDING = "SELECT sum(revision) || ' ' || (SELECT count(*) FROM rocksync.history) FROM rocksync.item"
_REQUEST = (
    "UPDATE rocksync.schedule SET requested_at = clock_timestamp(), due_at = clock_timestamp()"
    " WHERE tenant_id = $1 AND kind = $2 AND due_at IS NOT NULL"
)
_STATE = (
    "SELECT t.slug, t.status, s.kind, s.requested_at, s.due_at, s.lease_worker, s.leased_until, s.failure,"
    " s.backoff_until, clock_timestamp() AS now FROM rocksync.schedule s JOIN rocksync.tenant t ON t.id = s.tenant_id"
)


async def _idle(ring: Arena) -> bool:
    for worker in ring.workers:  # one that found no Postgres when it started has ended; whoever runs it starts it again
        await worker.start()
    await ring.sql("UPDATE rocksync.schedule SET backoff_until = NULL WHERE backoff_until > clock_timestamp()")
    await ring.sql(
        "UPDATE rocksync.item SET next_attempt_at = now() WHERE state = 'pending' AND next_attempt_at > now()"
    )
    await ring.sql(
        "UPDATE rocksync.schedule s SET due_at = clock_timestamp() WHERE due_at > clock_timestamp() AND EXISTS"
        " (SELECT FROM rocksync.item i WHERE i.tenant_id = s.tenant_id AND i.kind = s.kind AND i.state = 'pending')"
    )
    return not await ring.sql(
        "SELECT EXISTS (SELECT FROM rocksync.change) OR EXISTS (SELECT FROM rocksync.item WHERE state = 'pending')"
        " OR EXISTS (SELECT FROM rocksync.schedule s JOIN rocksync.tenant t ON t.id = s.tenant_id"
        "             WHERE t.status = 'active' AND (s.requested_at IS NOT NULL OR s.lease_worker IS NOT NULL))"
    )


async def conclude(ring: Arena, outcome: Outcome, keepers: Sequence[Shopkeeper]) -> None:
    """Judge the round, after the last look at what processes show of themselves."""
    metrics = await leaks.metrics(ring)
    for worker in ring.workers:
        if worker.pid is not None:
            try:
                code = await worker.stop()
            except TimeoutError:
                outcome.wrong.append("a worker did not end within 30 s of SIGTERM")
            else:
                if code not in {0, -signal.SIGTERM} and not worker.found_no_database():  # the signal before it was up
                    outcome.wrong.append(f"a worker ended with {code} after SIGTERM")
    found = await verdict.judge(ring)
    found.doubled += verdict.doubled_creations(ring)
    outcome.told += await leaks.search(ring, metrics)
    outcome.lost += found.lost
    outcome.doubled += found.doubled
    outcome.wrong += found.wrong
    outcome.told += found.told
    outcome.changes = sum(keeper.changes for keeper in keepers)
    outcome.orders = sum(keeper.orders for keeper in keepers)
    outcome.requests = sum(ring.hub.journal.counts.values())
    outcome.figures["imported"] = found.imported


@dataclass
class Attacker:
    """Does one harm after the other, sometimes two at once, and counts them."""

    ring: Arena
    rng: random.Random
    done: Counter[str]
    faults: Sequence[str]
    tokens_ended_at: float = 0.0

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
        if time.monotonic() - self.tokens_ended_at > 3:
            self.tokens_ended_at = time.monotonic()
            end()

    async def _hub_fault(self, text: str | None = None) -> None:
        text = text or self.rng.choice(list(self.faults))
        self.done[f"hub: {text.split(':')[0].split('=')[0]}"] += 1
        fault = self.ring.hub.add_fault(text)
        await asyncio.sleep(self.rng.uniform(0.5, 3.0))
        with contextlib.suppress(ValueError):
            self.ring.hub.faults._faults.remove(fault)
