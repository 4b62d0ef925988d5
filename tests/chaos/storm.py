"""One round of the campaign: a busy day, everything fails at random, then quiet; and the verdict."""

import asyncio
import contextlib
import random
import signal
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from tests.chaos import leaks, verdict
from tests.chaos.arena import Arena, Server, Worker, arena
from tests.chaos.attacker import HUB_FAULTS, Attacker
from tests.chaos.shopkeeper import Shopkeeper

DRAIN_S = 90.0


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
        if before and time.monotonic() > until:
            raise TimeoutError("each pass finds something to do again")
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
