"""A round in which clocks step: those of the workers' machines for real (libfaketime), the database's by its data.

Setting a database's clock forward by an hour is, for everything that compares times, the same as having written down
every time an hour earlier; that leaves the clock which the verdict compares writes with leases by as it is.
"""

import asyncio
import random
import time
from pathlib import Path

from tests.chaos.arena import Arena, Server, Worker, arena
from tests.chaos.shopkeeper import Shopkeeper, busy
from tests.chaos.storm import Outcome, conclude, settle

_STEPS_S = (-40 * 86_400, -86_400, -3_600, -61, -2, 2, 61, 3_600, 86_400, 40 * 86_400)
_DATABASE_STEPS_S = (-7_200, -3_600, -30, 30, 3_600, 7_200)
_ROOT = Path(__file__).parents[2]
_SHIFT = """
UPDATE rocksync.schedule
   SET (due_at, requested_at, last_started_at, last_completed_at, backoff_until, leased_until, reconciled_at) =
       (due_at - s, requested_at - s, last_started_at - s, last_completed_at - s, backoff_until - s, leased_until - s,
        reconciled_at - s)
  FROM (SELECT $1 * interval '1 second' AS s) step
"""
_SHIFT_ITEMS = """
UPDATE rocksync.item SET (changed_at, next_attempt_at) = (changed_at - s, next_attempt_at - s)
  FROM (SELECT $1 * interval '1 second' AS s) step
"""


async def clock_steps(server: Server, seed: int, *, length_s: float = 12.0) -> Outcome:
    """Clocks of three workers and of the database jump by seconds, hours and weeks while all are at work."""
    outcome = Outcome(name="clock steps", seed=seed, workers=3)
    began, rng = time.monotonic(), random.Random(f"clocks {seed}")  # noqa: S311 - repeatable, no secret
    async with arena(server, seed=seed, workers=3) as ring:
        keepers = [Shopkeeper(ring, await ring.add_tenant(f"loja-{n}"), f"clocks {seed}") for n in range(3)]
        for keeper in keepers:
            await keeper.open_shop(8)
        clocks = [_clock(ring, worker, number) for number, worker in enumerate(ring.workers)]
        await asyncio.gather(*(worker.start() for worker in ring.workers))
        while time.monotonic() - began < length_s:
            await busy(keepers, rng.uniform(0.3, 1.2))
            await _step(ring, clocks, rng, outcome)
        for clock in clocks:
            _set(clock, 0)
        for worker in ring.workers:  # whoever comes looks for what a clock has left waiting
            await worker.stop()
            await worker.start()
        outcome.recover_s = await settle(ring, outcome)
        await conclude(ring, outcome, keepers)
        overlaps = [line for line in outcome.doubled if "was sent by" in line]  # a clock set forward ends leases early
        outcome.doubled = [line for line in outcome.doubled if line not in overlaps]
        outcome.figures["writes_beside_another"] = len(overlaps)
    outcome.took_s = time.monotonic() - began
    return outcome


async def _step(ring: Arena, clocks: list[Path], rng: random.Random, outcome: Outcome) -> None:
    if rng.random() < 0.6:
        _set(rng.choice(clocks), rng.choice(_STEPS_S))
        outcome.attacks["a worker's clock steps"] += 1
        return
    worker = rng.choice(ring.workers)
    if rng.random() < 0.5:  # its leases are those that a step back would prolong
        await worker.kill()
        outcome.attacks["kill worker"] += 1
    step_s = float(rng.choice(_DATABASE_STEPS_S))
    for statement in (_SHIFT, _SHIFT_ITEMS):
        await ring.sql(statement, step_s)
    outcome.attacks["the database's clock steps"] += 1
    await worker.start()


def _clock(ring: Arena, worker: Worker, number: int) -> Path:
    """Give *worker* a wall clock of its own, as far from the right one as the file says."""
    clock = ring.folder / f"clock-{number}"
    _set(clock, 0)
    worker.environment |= {
        "LD_PRELOAD": str(_library()),
        "FAKETIME_TIMESTAMP_FILE": str(clock),
        "FAKETIME_CACHE_DURATION": "1",
        "FAKETIME_DONT_FAKE_MONOTONIC": "1",
    }
    return clock


def _set(clock: Path, off_s: int) -> None:
    fresh = clock.with_suffix(".new")
    fresh.write_text(f"{off_s:+d}s\n")
    fresh.replace(clock)


def _library() -> Path:
    """Where libfaketime is. Raises: FileNotFoundError."""
    for place in (_ROOT / ".deploy-tools/usr/lib", Path("/usr/lib")):
        for found in place.glob("*/faketime/libfaketime.so.1"):
            return found
    raise FileNotFoundError("libfaketime is missing: run this by `make chaos`, or install Debian's libfaketime")
