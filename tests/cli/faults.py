"""What a fault is: something done to a world, and where ``explain`` is to look for it."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

from tests.worker.world import Shop, World

Inject = Callable[[World], Awaitable[tuple[str, str]]]


@dataclass(frozen=True)
class Fault:
    """*inject* returns what to explain, sku or order, and its key; ``code`` is the reason to be named."""

    code: str
    inject: Inject


def fault(code: str) -> Callable[[Inject], Fault]:
    return lambda inject: Fault(code, inject)


async def synced(world: World, sku: str = "A", **settings: Any) -> Shop:
    shop = await world.shop(**settings)
    await shop.simple(sku)
    await world.sync(shop)
    return shop
