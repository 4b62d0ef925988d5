"""Rounds with one attack each: at chosen points, by sheer numbers, or by what only people can mend."""

import asyncio
import itertools
import re
import time
from collections.abc import AsyncIterator

from rocksync.sandbox.faults import Faults
from rocksync.sync.engine import ATTEMPTS
from tests.chaos.arena import Arena, Server, Tenant, Worker, arena
from tests.chaos.attacker import HUB_FAULTS
from tests.chaos.shopkeeper import SHELVES, Shopkeeper
from tests.chaos.storm import Outcome, conclude, settle, storm


async def points(server: Server, seed: int) -> tuple[list[str], list[str]]:
    """Where a small but complete day can be cut off: its requests to the hub, and its statements."""
    asked = {"hub": list[str](), "postgres": list[str]()}
    async with arena(server, seed=seed, settings={"worker.lease_s": 1}) as ring:
        worker, _ = await _morning(ring, seed)
        worker.hub.before = lambda _number, what, _owner: asked["hub"].append(what)
        worker.postgres.before = lambda _number, what, _owner: asked["postgres"].append(what)
        await worker.start("--once")
        await worker.ended(60)
    return asked["hub"], asked["postgres"]


async def crash_at(server: Server, seed: int, door: str, moment: str, point: int) -> Outcome:
    """Kill the worker at its *point*-th request (*door* hub) or statement (postgres), *moment* before or after it."""
    outcome = Outcome(name=f"kill -9 at {door} ({moment})", seed=point, workers=1)
    began = time.monotonic()
    async with arena(server, seed=seed, settings={"worker.lease_s": 1}) as ring:
        worker, keeper = await _morning(ring, seed)
        proxy = worker.hub if door == "hub" else worker.postgres
        first, note = proxy.asked, proxy.before
        died = asyncio.Event()

        def kill(asked: int) -> None:
            if asked - first >= point and not died.is_set():
                worker.signal(9)
                died.set()

        if moment == "before":
            proxy.before = lambda asked, what, owner: (note(asked, what, owner), kill(asked))[0]
        else:
            proxy.after = kill
        await worker.start("--once")
        await worker.ended(60)
        outcome.attacks[outcome.name] += died.is_set()
        proxy.before, proxy.after = note, lambda _asked: None
        for _ in range(3):
            await keeper.act()
        await worker.start()
        outcome.recover_s = await settle(ring, outcome)
        await conclude(ring, outcome, [keeper])
    outcome.took_s = time.monotonic() - began
    return outcome


async def crash_points(
    server: Server, seed: int, *, every: int | None, part: tuple[int, int] = (1, 1)
) -> AsyncIterator[Outcome]:
    """All points of a small but complete day, or *every* so many of them; of these, the so-manieth part."""
    hub, postgres = await points(server, seed)
    chosen = []
    for door, many in (("hub", len(hub)), ("postgres", len(postgres))):
        step = 1 if every is None else max(many // every, 1)
        for moment in ("before", "after"):
            chosen += [(door, moment, point) for point in range(1 + seed % step, many + 1, step)]
    number, of = part
    for door, moment, point in chosen[number - 1 :: of]:
        yield await crash_at(server, seed, door, moment, point)


async def _morning(ring: Arena, seed: int) -> tuple[Worker, Shopkeeper]:
    """A shop whose first day is over, and for whose second everything is due; the worker that is to do it.

    Beside it one of which nothing changes.
    """
    worker = ring.workers[0]
    keeper = await _small_shop(ring, seed)
    await Shopkeeper(ring, await ring.add_tenant("loja-1"), f"quiet {seed}").open_shop(1)
    await worker.start("--once")
    await worker.ended(60)
    await _second_day(ring, keeper)
    await ring.sql("UPDATE rocksync.schedule SET due_at = clock_timestamp()")
    return worker, keeper


async def _small_shop(ring: Arena, seed: int) -> Shopkeeper:
    keeper = Shopkeeper(ring, await ring.add_tenant("loja-0"), f"crash {seed}")
    await keeper.open_shop(4)
    for status in ("approved", "approved", "pending", "pending"):
        await keeper._place_order(status)
    return keeper


async def _second_day(ring: Arena, keeper: Shopkeeper) -> None:
    """Something of everything is due: orders that move at either end, a new one, texts, prices, stocks, new goods."""
    pending = [order["id"] for order in ring.hub.orders(keeper.tenant.user) if order["status"] == "pending"]
    ring.hub.market(keeper.tenant.user).approve(pending[0])
    ring.hub.market(keeper.tenant.user).cancel(pending[1])
    await keeper._place_order("approved")
    for act in (keeper._invoice, keeper._ship, keeper._invoice, keeper._describe, keeper._change_price):
        await act()
    for act in (keeper._change_stock, keeper._add_product, keeper._vary, keeper._describe):
        await act()


async def dead_credentials(server: Server, seed: int, *, items: int = 5_000) -> Outcome:
    """Credentials that are refused, with thousands of items due: few logins, no item blamed, the tenant says why.

    First those of a tenant that was never served, then those of one that was: passes of all its kinds come upon it.
    """
    outcome = Outcome(name="dead credentials", seed=seed, workers=2)
    began = time.monotonic()
    async with arena(server, seed=seed, workers=2) as ring:
        tenant = await ring.add_tenant("loja-0")
        await ring.sql(SHELVES, tenant.id, items)
        ring.hub.add_fault("refused-credentials")
        await asyncio.gather(*(worker.start() for worker in ring.workers))
        await _expect_few_logins(ring, outcome, 0)
        ring.hub.remove_faults()
        await ring.sql("SELECT rocksync.resume_tenant('loja-0')")
        outcome.recover_s = await settle(ring, outcome)
        logins = ring.hub.count("POST", "/oauth/token")
        ring.hub.add_fault("refused-credentials")
        ring.hub.tokens.expire()
        for statement in _ALL_CHANGE:
            await ring.sql(statement, tenant.id)
        await _add_units(ring, tenant, 1, "P2")
        await _expect_few_logins(ring, outcome, logins)
        ring.hub.remove_faults()
        await ring.sql("SELECT rocksync.resume_tenant('loja-0')")
        outcome.recover_s = max(outcome.recover_s, await settle(ring, outcome))
        await conclude(ring, outcome, [])
        outcome.changes, outcome.attacks["refused credentials"] = items, 2
    outcome.took_s = time.monotonic() - began
    return outcome


_ALL_CHANGE = (
    "UPDATE store.product SET name = name || '!' WHERE tenant_id = $1",
    "UPDATE store.price SET price = price + 1 WHERE tenant_id = $1 AND sku < 'P2'",
)


async def _expect_few_logins(ring: Arena, outcome: Outcome, before: int) -> None:
    """Wait until the tenant is stopped, and longer, for those that log in all the same."""

    async def stopped() -> bool:
        return bool(await ring.sql("SELECT status = 'needs_credentials' FROM rocksync.tenant"))

    await ring.until(stopped, within_s=30, what="the tenant is stopped")
    await asyncio.sleep(3)
    logins = ring.hub.count("POST", "/oauth/token") - before
    outcome.figures["logins"] = max(outcome.figures.get("logins", 0), logins)
    if logins > 3:
        outcome.wrong.append(f"{logins} logins")


class _Poison(Faults):
    """Faults, and stocks that are refused whenever they are written: those of the products that are sorted first."""

    def __bool__(self) -> bool:
        return True

    def striking(self, method: str, template: str, path: str, account: int | None) -> dict[str, float]:
        refused = template == "/skus/{sku}/stock" and _POISONED.match(path)
        return super().striking(method, template, path, account) | ({"400": 0.0} if refused else {})


_POISONED = re.compile(r"/skus/P(10|[1-4])\.")


async def poison(server: Server, seed: int) -> Outcome:
    """Items that always fail are sorted first: the good ones behind them do not wait, and the bad ones are given up.

    Prices that the worker refuses itself, and stocks that the hub refuses each time. All are mended in the end.
    """
    outcome = Outcome(name="poison first", seed=seed, workers=1)
    began = time.monotonic()
    async with arena(server, seed=seed) as ring:
        tenant = await ring.add_tenant("loja-0")
        await ring.sql(SHELVES, tenant.id, 500)
        await ring.workers[0].start()
        await settle(ring, outcome)
        ring.hub.faults = _Poison(seed)
        await ring.sql("UPDATE store.price SET special_price = 99 WHERE tenant_id = $1 AND sku < 'P5'", tenant.id)
        failing = await ring.sql("SELECT count(*) FROM store.price WHERE special_price = 99")
        failing += await _add_units(ring, tenant, 1, "P5")
        await ring.sql("UPDATE store.price SET price = 25 WHERE tenant_id = $1 AND sku = 'P9.50'", tenant.id)
        await _add_units(ring, tenant, 7, "Q", "P9.5")
        poisoned = time.monotonic()

        async def arrived() -> bool:
            product = ring.hub.product(tenant.user, "P9.50")
            shown = next((v for v in (product or {}).get("variations", ()) if v["sku"] == "P9.50"), {})
            return (shown.get("price"), shown.get("quantity")) == (25, 107)

        await ring.until(arrived, within_s=30, what="the good items behind the bad ones")
        outcome.recover_s = time.monotonic() - poisoned
        await settle(ring, outcome)
        await _expect_given_up(ring, outcome)
        ring.hub.faults = Faults(seed)
        await ring.sql("UPDATE store.price SET special_price = NULL WHERE tenant_id = $1", tenant.id)
        await _add_units(ring, tenant, 1, "P5")
        await settle(ring, outcome)
        await conclude(ring, outcome, [])
        outcome.wrong = [line for line in outcome.wrong if not re.search(_RIGHTLY_BLAMED, line)]
        outcome.changes, outcome.attacks["poisoned items"] = failing + 2, int(failing)
    outcome.took_s = time.monotonic() - began
    return outcome


_RIGHTLY_BLAMED = r" (stock|price) P(10|[1-4])\.\d+ was blamed: (rejected|invalid_item),"


_TRIES = "SELECT key, count(*) AS tries FROM rocksync.history WHERE kind = 'stock' AND action = 'refuse' GROUP BY key"


async def _add_units(ring: Arena, tenant: Tenant, units: int, before: str, since: str = "") -> int:
    """Add units to SKUs from *since* to *before*; returns how many SKUs these are."""
    return int(
        await ring.sql(
            "WITH c AS (UPDATE store.stock SET on_hand = on_hand + $2 WHERE tenant_id = $1 AND sku >= $4 AND sku < $3"
            " RETURNING tenant_id, sku),"
            " d AS (INSERT INTO chaos.delta SELECT tenant_id, sku, $2 FROM c) SELECT count(*) FROM c",
            *(tenant.id, units, before, since),
        )
    )


async def _expect_given_up(ring: Arena, outcome: Outcome) -> None:
    """Each bad item was written as often as one may be tried, and is set aside; no good one is."""
    tries = {row["key"]: row["tries"] for row in await ring.rows(_TRIES)}
    refused = ring.hub.count("PUT", "/skus/{sku}/stock", 400)
    if set(tries.values()) != {ATTEMPTS} or refused != ATTEMPTS * len(tries):
        outcome.wrong.append(
            f"{len(tries)} bad items: {sorted(set(tries.values()))} tries, {refused} writes; not {ATTEMPTS} of each"
        )
    aside = await ring.rows("SELECT key FROM rocksync.item WHERE state = 'quarantined'")
    good = [row["key"] for row in aside if not _POISONED.match(f"/skus/{row['key']}")]
    if good or len(aside) != 2 * len(tries):
        outcome.wrong.append(f"{len(aside)} items are set aside, among them {len(good)} good ones")


async def faults_alone(server: Server, seed: int) -> AsyncIterator[Outcome]:
    """Each fault of the hub by itself."""
    for fault in HUB_FAULTS:
        yield await _with_faults(server, seed, fault)


async def fault_pairs(server: Server, seed: int, part: tuple[int, int]) -> AsyncIterator[Outcome]:
    """Each pair of faults of the hub, or the so-manieth part of all pairs."""
    number, of = part
    for pair in list(itertools.combinations(HUB_FAULTS, 2))[(number - 1) % of :: of]:
        yield await _with_faults(server, seed, *pair)


async def _with_faults(server: Server, seed: int, *faults: str) -> Outcome:
    """A short storm with nothing but these faults, at first all of them together."""
    return await storm(
        server, seed, length_s=2.5, workers=1, attacks=("hub fault",), faults=faults, name=" + ".join(faults)
    )
