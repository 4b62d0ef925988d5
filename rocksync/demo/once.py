"""``demo --once``: everything from the first product to the last tracking code, as fast as it goes."""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

from rocksync.app import App
from rocksync.demo.hub import DemoHub
from rocksync.demo.loading import Tenancy
from rocksync.demo.marketplace import Marketplace
from rocksync.demo.progress import NotDelivered, Progress, read_not_delivered, read_progress
from rocksync.demo.shop import Shop
from rocksync.demo.verification import differences
from rocksync.domain.tenancy import Kind

_LOOK_S = 0.2
_POLL_ORDERS_S = 1.0
_STALLED_S = 45.0
_ECHOES = 10
_CHANGED_PRICES = 12
_CHANGED_STOCKS = 12
_PAID_ORDERS = 3
_UNPAID_ORDERS = 2
_UNKNOWN_ORDERS = 1
ORDERS = _PAID_ORDERS + _UNPAID_ORDERS + _UNKNOWN_ORDERS


class StalledError(Exception):
    """Nothing has moved for a long time, or the demo was interrupted: the message says while doing what."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """How it ended. ``missing`` says, a line each, what is not delivered; empty: all is.

    ``refused`` are the half-filled products, which are meant to be set aside; ``skus`` how many SKUs each store sells.
    """

    progress: Progress
    skus: Mapping[str, int]
    refused: Sequence[NotDelivered]
    missing: Sequence[str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Once:
    """The story of one run. ``show`` is told of progress; ``stop`` interrupts."""

    app: App
    hub: DemoHub
    shops: Sequence[Shop]
    markets: Sequence[Marketplace]
    stop: asyncio.Event
    say: Callable[[str], None]
    show: Callable[[Progress], None]

    async def run(self) -> Result:
        """Tell the story and compare both ends. What went wrong is in the result."""
        try:
            await self._story()
        except StalledError as error:
            return await self._result([str(error)])
        for _ in range(_ECHOES):
            found = [await differences(self.app, self.hub, shop.tenancy) for shop in self.shops]
            result = await self._result([line for lines in found for line in lines])
            if not result.missing or await _is_set(self.stop, _LOOK_S):
                break
            await self._quiet()
        return result

    async def _story(self) -> None:
        await self._until("the catalogues are exported", _is_in_step)
        placed = [await self._order(market) for market in self.markets]
        self.say(f"{sum(map(len, placed))} orders placed")
        waiting = ORDERS - _UNKNOWN_ORDERS
        await self._until("the orders are imported", self._each(lambda one: one.imported >= waiting and one.parked > 0))
        for market, unpaid in zip(self.markets, placed, strict=True):
            await market.pay(unpaid[-2])
            await market.cancel(unpaid[-1])
        await _all(shop.take_in() for shop in self.shops)
        await self._until(
            "orders are paid and cancelled, and the one that waited for a new product is imported",
            self._each(lambda one: one.imported == ORDERS and one.canceled == 1 and one.pending == 0),
        )
        for act in (Shop.invoice, Shop.ship):
            await _all(act(shop) for shop in self.shops)
        await _all(shop.reprice(_CHANGED_PRICES) for shop in self.shops)
        await _all(shop.restock(_CHANGED_STOCKS) for shop in self.shops)
        await self._until("invoices, tracking, prices and stocks are delivered", _is_in_step)

    async def _quiet(self) -> None:
        """Wait for what the hub echoes: an order that was written to is read once more, and found as it should be."""
        with contextlib.suppress(StalledError):
            await self._until(None, _is_in_step)

    async def _order(self, market: Marketplace) -> list[str]:
        """Place one tenant's orders; the last two are unpaid."""
        ids = [await market.buy_unknown() for _ in range(_UNKNOWN_ORDERS)]
        ids += [await market.buy("approved", lines=2) or "" for _ in range(_PAID_ORDERS)]
        return ids + [await market.buy("pending") or "" for _ in range(_UNPAID_ORDERS)]

    def _each(self, holds: Callable[..., bool]) -> Callable[[Progress], bool]:
        slugs = [shop.tenancy.store.slug for shop in self.shops]
        return lambda progress: all(holds(progress.of(slug)) for slug in slugs)

    async def _until(self, what: str | None, holds: Callable[[Progress], bool]) -> None:
        """Wait for *holds*, having passes run as soon as there is something for them, whatever their interval."""
        clock = asyncio.get_running_loop().time
        last, moved_at, polled_at = None, clock(), 0.0
        while True:
            progress = await read_progress(self.app.database.pool)
            self.show(progress)
            if holds(progress):
                if what is not None:
                    self.say(what)
                return
            signature = [(row.pending, row.delivered, row.skipped, row.quarantined) for row in progress.kinds]
            if (signature, progress.orders) != last:
                last, moved_at = (signature, progress.orders), clock()
            if clock() - moved_at > _STALLED_S:
                raise StalledError(f"nothing has moved for {_STALLED_S:.0f} s; not so yet: {what}")
            if clock() - polled_at > _POLL_ORDERS_S:
                polled_at = clock()
                await self.app.schedules.request(tenants=None, kinds=[Kind.ORDER], manual=True)
            await self.app.schedules.request_deliverable(tenants=None, kinds=None)
            if await _is_set(self.stop, _LOOK_S):
                raise StalledError(f"interrupted; not so yet: {what}")

    async def _result(self, missing: Sequence[str]) -> Result:
        lacking = {(shop.tenancy.tenant, key) for shop in self.shops for key in _half_filled_keys(shop.tenancy)}
        tenants = {shop.tenancy.store.slug: shop.tenancy.tenant for shop in self.shops}
        left = await read_not_delivered(self.app.database.pool)
        meant = [item for item in left if item.state != "pending" and (tenants[item.tenant], item.key) in lacking]
        others = [item for item in left if item not in meant and item.state != "skipped"]
        others += [item for item in left if item not in meant and item.state == "skipped" and item.kind is Kind.PRODUCT]
        lines = [
            f"{item.tenant}: {item.kind} {item.key} is {item.state} ({item.reason}: {item.detail})" for item in others
        ]
        return Result(
            progress=await read_progress(self.app.database.pool),
            skus={shop.tenancy.store.slug: len(shop.tenancy.catalogue.skus) for shop in self.shops},
            refused=[item for item in meant if item.kind is Kind.PRODUCT],
            missing=[*missing, *lines],
        )


def _half_filled_keys(tenancy: Tenancy) -> Iterable[str]:
    catalogue = tenancy.catalogue
    for listing in catalogue.listings:
        if listing.product.sku in catalogue.half_filled:
            yield from (listing.product.sku, *(one.sku for one in listing.product.variations))


def _is_in_step(progress: Progress) -> bool:
    """Whether nothing waits; items that were set aside do not."""
    return progress.pending == 0 and all(row.delivered for row in progress.kinds if row.kind is Kind.PRODUCT)


async def _all(acts: Iterable[Awaitable[object]]) -> None:
    await asyncio.gather(*acts)


async def _is_set(event: asyncio.Event, timeout_s: float) -> bool:
    """Wait for *event*, at most *timeout_s*; return whether it is set."""
    try:
        await asyncio.wait_for(event.wait(), timeout_s)
    except TimeoutError:
        return False
    return True
