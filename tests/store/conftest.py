import asyncpg
import pytest

from rocksync.store.catalog import StoreCatalog
from rocksync.store.orders import StoreOrders
from tests.store.shop import Shop, open_shop


@pytest.fixture
async def shop(pool: asyncpg.Pool) -> Shop:
    return await open_shop(pool, "loja")


@pytest.fixture
def catalog(pool: asyncpg.Pool) -> StoreCatalog:
    return StoreCatalog(pool)


@pytest.fixture
def orders(pool: asyncpg.Pool) -> StoreOrders:
    return StoreOrders(pool)
