"""Workers that die or are suspended with leases in hand: how soon others go on with what they held."""

import asyncio
import random
import time
from collections.abc import Sequence
from dataclasses import dataclass

from tests.chaos.arena import LEASE_S, Arena, Server, Worker, arena
from tests.chaos.shopkeeper import Shopkeeper, busy
from tests.chaos.storm import Outcome, conclude, settle

_GRACE_S = 1.5
"""From the end of a lease until the next look for work, on a machine that has much to do."""
_HELD = """
SELECT tenant_id, kind, lease_token AS token, clock_timestamp() AS at
  FROM rocksync.schedule
 WHERE lease_worker LIKE '%-' || $1::int || '-%' AND leased_until > clock_timestamp()
"""
_MOVED_S = """
SELECT extract(epoch FROM min(l.at) - $4)::float8
  FROM chaos.lease l
 WHERE l.tenant_id = $1 AND l.kind = $2 AND l.token > $3 AND l.worker IS NOT NULL
"""


@dataclass(frozen=True, slots=True)
class _Held:
    """A lease of a worker that is not there any more, since *at* by the database's clock."""

    tenant_id: int
    kind: str
    token: int
    at: object


async def takeover(server: Server, seed: int, *, workers: int, deaths: int = 6) -> Outcome:
    """One worker after the other is killed, or suspended for longer than a lease, while it is at work."""
    outcome = Outcome(name=f"takeover, {workers} workers", seed=seed, workers=workers)
    began, rng = time.monotonic(), random.Random(f"takeover {seed}")  # noqa: S311 - repeatable, no secret
    async with arena(server, seed=seed, workers=workers) as ring:
        keepers = [Shopkeeper(ring, await ring.add_tenant(f"loja-{n}"), f"takeover {seed}") for n in range(4)]
        for keeper in keepers:
            await keeper.open_shop(8)
        ring.hub.add_fault("latency=0.15")  # so that there is always something in hand
        await asyncio.gather(*(worker.start() for worker in ring.workers))
        moved = list[float]()
        for _ in range(deaths):
            worker, held = await _caught(ring, keepers, rng)
            if rng.random() < 0.5:
                await worker.kill()
                outcome.attacks["kill worker"] += 1
            else:
                outcome.attacks["pause beyond a lease"] += 1
            moved += await asyncio.gather(*(_moved(ring, lease) for lease in held))
            worker.resume()
            await worker.start()
        outcome.figures |= {"leases_moved": float(len(moved)), "moved_s": max(moved)}
        if max(moved) > LEASE_S + _GRACE_S:
            outcome.wrong.append(f"a lease moved on after {max(moved):.1f} s, and it lasts {LEASE_S:.0f} s")
        ring.hub.remove_faults()
        outcome.recover_s = await settle(ring, outcome)
        await conclude(ring, outcome, keepers)
    outcome.took_s = time.monotonic() - began
    return outcome


async def _caught(ring: Arena, keepers: Sequence[Shopkeeper], rng: random.Random) -> tuple[Worker, list[_Held]]:
    """A worker that is suspended with leases in hand, and these."""
    until = time.monotonic() + 60
    while time.monotonic() < until:
        await busy(keepers, rng.uniform(0.1, 0.4))
        worker = rng.choice(ring.workers)
        if worker.pid is None:
            continue
        worker.pause()
        await ring.rows(_HELD, worker.pid)  # what it had sent is over by then
        if held := [_Held(**dict(row)) for row in await ring.rows(_HELD, worker.pid)]:
            return worker, held
        worker.resume()
    raise TimeoutError("no worker was ever at work")


async def _moved(ring: Arena, lease: _Held) -> float:
    """Seconds until somebody else held it."""
    found = 0.0

    async def has_moved() -> bool:
        nonlocal found
        found = await ring.sql(_MOVED_S, lease.tenant_id, lease.kind, lease.token, lease.at)
        return found is not None

    await ring.until(has_moved, within_s=60, what=f"{lease.kind} of tenant {lease.tenant_id} is taken over")
    return found
