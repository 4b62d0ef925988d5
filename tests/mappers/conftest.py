"""The ready mappers, loaded from their folder; one set for all tests, as a worker has it."""

from collections.abc import AsyncIterator, Callable, Coroutine
from itertools import count
from pathlib import Path
from typing import Any

import pytest

from rocksync.domain.catalog import Listing, Price, Stock
from rocksync.domain.errors import ItemError
from rocksync.domain.orders import HubOrder
from rocksync.domain.tenancy import Tenant
from rocksync.mapping.mapper import Mappers, open_mappers
from tests.mapping.rows import tenant

FOLDER = Path(__file__).parents[2] / "mappers"
NUMBERS = count(1000)


@pytest.fixture(scope="session")
async def ready() -> AsyncIterator[Mappers]:
    async with open_mappers(FOLDER, idle_s=5) as mappers:
        yield mappers


class Client:
    """A tenant with one mapper."""

    def __init__(self, mappers: Mappers, tenant_: Tenant) -> None:
        self.mappers = mappers
        self.tenant = tenant_

    async def product(self, listing: Listing, accepted: dict[str, Any] | None = None) -> Any:
        [answer] = await self.mappers.products(self.tenant, [(listing, accepted)])
        return answer

    async def payload(self, listing: Listing, accepted: dict[str, Any] | None = None) -> Any:
        answer = await self.product(listing, accepted)
        assert not isinstance(answer, ItemError), answer.detail
        return answer.payload

    async def price(self, price: Price) -> Any:
        [answer] = await self.mappers.prices(self.tenant, [price])
        return answer

    async def stock(self, stock: Stock) -> Any:
        [answer] = await self.mappers.stocks(self.tenant, [stock])
        return answer

    async def order(self, order: HubOrder) -> Any:
        [answer] = await self.mappers.orders(self.tenant, [(order, None)])
        return answer.document

    def complaints(self) -> Coroutine[Any, Any, list[str]]:
        return self.mappers.complaints(self.tenant)


Using = Callable[..., Client]


@pytest.fixture
def using(ready: Mappers) -> Using:
    """A client that uses a mapper, with that mapper's settings."""

    def client(mapper: str, settings: Any = None) -> Client:
        given = {} if settings is None else {mapper: settings}
        number = next(NUMBERS)
        return Client(ready, tenant(f"client-{number}", number, mappers=(mapper,), **given))

    return client
