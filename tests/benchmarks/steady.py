"""steady: changed prices and stocks of many tenants, against one request at a time, dlt and a Singer target.

Each contender is started anew; what is compared is the time from there to its last write at the hub. What is held
against the limit is the rate from the first write to the last, without what is done before (starting, extracting,
normalising). Then each is killed half way and started again.
"""

import asyncio
import contextlib
import json
import os
import signal
import time
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Any

from rocksync.sandbox.hub import FIRST_USER_ID
from tests.benchmarks import environments, stores
from tests.benchmarks.changes import sku
from tests.benchmarks.export import replayed
from tests.benchmarks.ground import UNLIMITED, Ground, Request, ground, until
from tests.benchmarks.machine import WORKER_CORE
from tests.benchmarks.plan import Plan

LATENCY_S, AT_ONCE = 0.05, 5
UNTUNED = "at its defaults"
GOALS = {"sequential": 4.0, "dlt": 1.5, "singer": 1.5, f"dlt {UNTUNED}": 1.5, f"singer {UNTUNED}": 1.5}
GOAL_OF_LIMIT = 0.9
_ADAPTERS = Path(__file__).parent / "alternatives"


@dataclass(slots=True)
class Field:
    """Where they compete: tenants with so many SKUs, each with a price and a stock."""

    place: Ground
    tenants: list[int]
    skus: int
    value: int = 100

    @property
    def changes(self) -> int:
        """How many changes there are when everything changes."""
        return len(self.tenants) * self.skus * 2

    async def change_everything(self) -> str:
        """Give every SKU another price and stock; returns a time before."""
        self.value += 1
        since = await self.place.pool.fetchval("SELECT clock_timestamp()::text")
        async with self.place.pool.acquire() as connection, connection.transaction():
            await connection.execute("UPDATE store.price SET price = $1, updated_at = now()", self.value)
            await connection.execute("UPDATE store.stock SET on_hand = $1, updated_at = now()", self.value)
        await self.place.hub.do("mark")
        return str(since)

    async def writes(self) -> list[Request]:
        """What was written at the hub since then."""
        return [one for one in await self.place.hub.journal() if one.writes]

    async def lost(self) -> int:
        """Prices and stocks that the hub does not have as the store has them."""
        offers = await self.place.hub.offers()
        found = [number for rows in offers.values() for offer in rows.values() for number in offer]
        return sum(1 for number in found if number != self.value)


Run = Callable[[Field, str, "asyncio.Event | None"], Awaitable[None]]
"""Runs a contender over changes since a time; when the event is set, it is killed."""


async def measured(at: tuple[str, Path], plan: Plan) -> dict[str, Any]:
    """Rates in turn, and what a kill half way costs each."""
    tenants, skus = 20, plan.size(quick=50, full=500)
    contenders = {"rocksync": _rocksync, "sequential": _sequential}
    missing = []
    for name, adapter in (("dlt", "with_dlt.py"), ("singer", "with_singer.py")):
        python = await environments.python_of(name)
        if python is None:
            missing.append(name)
        else:
            contenders[name] = _adapter(python, adapter, tuned=True)
            if not plan.quick:
                contenders[f"{name} {UNTUNED}"] = _adapter(python, adapter, tuned=False)
    rates: dict[str, list[float]] = {name: [] for name in (*contenders, "bare")}
    whole: dict[str, list[float]] = {name: [] for name in rates}
    kills = {}
    async with ground(at, latency_s=LATENCY_S) as place:
        field = Field(place, await place.add_tenants(tenants), skus)
        await stores.load_synced(place.dsn, field.tenants, skus)
        await place.hub.do("seed", accounts=tenants, skus=skus)
        for _ in range(plan.repeats):
            for name, run in {**contenders, "bare": _bare}.items():
                of_writes, of_run = await _rate(field, run)
                rates[name].append(of_writes)
                whole[name].append(of_run)
        for name, run in contenders.items():
            if not name.endswith(UNTUNED):
                kills[name] = await _killed(field, run)
    limit = tenants * AT_ONCE / LATENCY_S
    rate = {name: median(found) for name, found in rates.items()}
    ratios = {name: _ratio(whole, name) for name in GOALS if name in rates}
    of_limit = rate["rocksync"] / limit
    return {
        "tenants": tenants,
        "changes_each": 2 * skus,
        "latency_ms": LATENCY_S * 1000,
        "at_once": AT_ONCE,
        "limit_per_s": limit,
        "rates": rates,
        "rate": rate,
        "whole_run_rates": whole,
        "ratios": ratios,
        "ratios_of_writes": {name: _ratio(rates, name) for name in ratios},
        "of_limit": of_limit,
        "bare_of_limit": rate["bare"] / limit,
        "kills": kills,
        "not_installed": missing,
        "goals": GOALS,
        "goal_of_limit": GOAL_OF_LIMIT,
        "met": of_limit >= GOAL_OF_LIMIT
        and not missing
        and all(ratio >= GOALS[name] for name, ratio in ratios.items()),
    }


def _ratio(rates: dict[str, list[float]], name: str) -> float:
    return median(ours / theirs for ours, theirs in zip(rates["rocksync"], rates[name], strict=True))


async def _rate(field: Field, run: Run) -> tuple[float, float]:
    """Changes a second from the first write to the last, and from the start of the run to the last."""
    since = await field.change_everything()
    started = time.time()
    await run(field, since, None)
    writes = await field.writes()
    if lost := await field.lost():
        raise AssertionError(f"{lost} changes did not come to the hub")
    last = max(one.at for one in writes)
    return field.changes / (last - min(one.at for one in writes)), field.changes / (last - started)


async def _killed(field: Field, run: Run) -> dict[str, int]:
    """Kill a contender half way, start it again, and count."""
    since = await field.change_everything()
    kill = asyncio.Event()

    async def half_way() -> bool:
        return first.done() or bool(await field.place.hub.do("written") >= field.changes // 2)

    first = asyncio.create_task(run(field, since, kill))
    await until(half_way, deadline_s=300, every_s=0.05)
    kill.set()
    await first
    await run(field, since, None)
    sent = Counter((one.account, one.path, one.body) for one in await field.writes())
    return {"lost": await field.lost(), "doubled": sum(sent.values()) - len(sent), "changes": field.changes}


async def _rocksync(field: Field, _since: str, kill: asyncio.Event | None) -> None:
    place = field.place
    async with place.worker(
        worker={"concurrency": 4 * len(field.tenants), "lease_s": 10.0},  # all four kinds are due at once
        pluggto={"requests_per_second_per_tenant": UNLIMITED},
    ) as worker:
        await place.pool.execute("UPDATE rocksync.schedule SET due_at = clock_timestamp()")
        if kill is not None:
            await kill.wait()
            await worker.child.kill()
            return
        await place.settled()


async def _sequential(field: Field, _since: str, kill: asyncio.Event | None) -> None:
    await _replay(field, 1, kill)


async def _bare(field: Field, _since: str, kill: asyncio.Event | None) -> None:
    await _replay(field, AT_ONCE, kill)


async def _replay(field: Field, at_once: int, kill: asyncio.Event | None) -> None:
    """A bare loop over all that changed; it keeps no account of where it was, so a second run begins anew."""
    groups: dict[str, list[list[tuple[str, str, str]]]] = {}
    for number in range(len(field.tenants)):
        rows = groups.setdefault(str(FIRST_USER_ID + number), [])
        for name in map(sku, range(1, field.skus + 1)):
            price = json.dumps({"sku": name, "price": field.value, "special_price": field.value})
            stock = json.dumps({"action": "update", "quantity": field.value, "sku": name})
            rows += [[("PUT", f"/skus/{name}", price)], [("PUT", f"/skus/{name}/stock", stock)]]
    await replayed(field.place, groups, at_once=at_once, kill=kill)
    await field.place.pool.execute("TRUNCATE rocksync.change")


def _adapter(python: str, script: str, *, tuned: bool) -> Run:
    """A contender that runs *script* in an environment of its own, on the worker's core.

    *tuned*: brought to as many requests in flight as the others have, else with the settings it comes with.
    """

    async def run(field: Field, since: str, kill: asyncio.Event | None) -> None:
        place = field.place
        state = place.files / f"state-{script}-{field.value}"
        state.mkdir(exist_ok=True)
        config = place.files / f"config-{script}"
        config.write_text(
            json.dumps(
                {
                    "dsn": place.dsn,
                    "hub": place.hub.url,
                    "tenants": [(tenant, place.account(tenant)) for tenant in field.tenants],
                    "since": since,
                    "state": str(state),
                    "at_once": AT_ONCE,
                    "rows_each": 2 * field.skus,
                    "tuned": tuned,
                }
            ),
            encoding="utf-8",
        )
        command = f"{python} {_ADAPTERS / script} {config}"
        if script == "with_singer.py":
            command = f"{command} tap | {command} target"
        async with _shell(f"taskset -c {WORKER_CORE} sh -c '{command}'", place.files / f"log-{script}") as process:
            if kill is not None:
                await kill.wait()
                os.killpg(process.pid, signal.SIGKILL)
            code = await process.wait()
        if code and kill is None:
            log = (place.files / f"log-{script}").read_text(encoding="utf-8", errors="replace")
            raise RuntimeError(f"{script} ended with {code}: {log[-1500:]}")
        await place.pool.execute("TRUNCATE rocksync.change")

    return run


@contextlib.asynccontextmanager
async def _shell(command: str, log: Path) -> AsyncIterator[asyncio.subprocess.Process]:
    with log.open("wb") as said:
        process = await asyncio.create_subprocess_shell(
            command, stdout=said, stderr=said, start_new_session=True, stdin=asyncio.subprocess.DEVNULL
        )
        try:
            yield process
        finally:
            if process.returncode is None:
                with contextlib.suppress(ProcessLookupError):
                    os.killpg(process.pid, signal.SIGKILL)
                await process.wait()
