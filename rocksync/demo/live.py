"""``demo``: three shops and their buyers at work for as long as one looks."""

import asyncio
import random
from collections.abc import Sequence
from datetime import timedelta

from rocksync.demo.marketplace import Marketplace
from rocksync.demo.shop import Shop

_TRAVEL = timedelta(seconds=45)
_BUY_EVERY_S = (2.0, 7.0)
_WORK_EVERY_S = (4.0, 10.0)
_UNKNOWN_AFTER_S = 20.0
_TAKEN_IN_AFTER_S = 25.0
_RESTOCK_CHANCE = 0.5
_MOST_CHANGED = 8


async def live(shops: Sequence[Shop], markets: Sequence[Marketplace], rng: random.Random) -> None:
    """Let people buy and shops work until cancelled."""
    async with asyncio.TaskGroup() as group:
        for shop, market in zip(shops, markets, strict=True):
            group.create_task(_buyers(market, rng))
            group.create_task(_shopkeepers(shop, market, rng))
        group.create_task(_early_buyer(shops[0], markets[0]))


async def _buyers(market: Marketplace, rng: random.Random) -> None:
    while True:
        await asyncio.sleep(rng.uniform(*_BUY_EVERY_S))
        await market.stroll()


async def _shopkeepers(shop: Shop, market: Marketplace, rng: random.Random) -> None:
    while True:
        await asyncio.sleep(rng.uniform(*_WORK_EVERY_S))
        change = shop.restock if rng.random() < _RESTOCK_CHANCE else shop.reprice
        await change(rng.randint(1, _MOST_CHANGED))
        await shop.ship()
        await shop.invoice()
        await market.receive(await shop.arrive(_TRAVEL))


async def _early_buyer(shop: Shop, market: Marketplace) -> None:
    """Order what the store does not have yet: the order waits until it does."""
    await asyncio.sleep(_UNKNOWN_AFTER_S)
    await market.buy_unknown()
    await asyncio.sleep(_TAKEN_IN_AFTER_S)
    await shop.take_in()
