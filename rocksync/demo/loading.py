"""Putting the demo's stores into the database the way a platform and an operator do: in bulk, and by SQL."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import asyncpg
import msgspec
from asyncpg.pool import PoolConnectionProxy

from rocksync import sql
from rocksync.demo.goods import Catalogue
from rocksync.demo.stores import Store
from rocksync.domain.catalog import Listing
from rocksync.domain.errors import MisuseError
from rocksync.domain.tenancy import Credentials, Kind, Mode, TenantId
from rocksync.postgres.pool import connect

_QUERIES = sql.load("rocksync.demo", "loading.sql")
_PRODUCT = (
    *("sku", "name", "description", "short_description", "brand", "model", "ean", "categories", "weight_kg"),
    *("height_cm", "width_cm", "length_cm", "attributes", "photos", "link", "active", "external_id"),
)
_VARIATION = ("sku", "product_sku", "name", "ean", "attributes", "photos", "weight_kg", "active")
_PRICE = ("sku", "price", "special_price")
_STOCK = ("sku", "on_hand", "reserved")
_Connection = asyncpg.Connection | PoolConnectionProxy


@dataclass(frozen=True, slots=True, kw_only=True)
class Tenancy:
    """A demo store as it is in the database, and as the sandbox knows it."""

    store: Store
    tenant: TenantId
    account: int

    @property
    def catalogue(self) -> Catalogue:
        """What the store sells."""
        return self.store.catalogue


async def wipe(dsn: str) -> None:
    """Forget what an earlier demo left: the sandbox starts empty, so everything does.

    Raises: MisuseError if somebody is at work in the database.
    """
    connection = await connect(dsn, application_name="rocksync demo")
    try:
        await connection.execute("SET lock_timeout = '5s'; SET client_min_messages = warning")
        await connection.execute(_QUERIES.wipe)
    except asyncpg.LockNotAvailableError:
        raise MisuseError("the database of the demo is in use: end the other rocksync processes first") from None
    finally:
        await connection.close()


async def onboard(pool: asyncpg.Pool, store: Store, credentials: Credentials, modes: Mapping[Kind, Mode]) -> TenantId:
    """Add and activate the tenant of *store*, whose catalogue is loaded, as one transaction of an operator."""
    async with pool.acquire() as connection, connection.transaction():
        tenant = await connection.fetchval(
            _QUERIES.add_tenant,
            *(store.slug, store.name, store.domain),
            *(credentials.client_id, credentials.client_secret, credentials.api_user, credentials.api_secret),
            list(store.mappers),
            msgspec.json.encode(dict(store.settings)).decode(),
        )
        await load(connection, tenant, store.catalogue.listings)
        for kind, mode in modes.items():
            await connection.execute(_QUERIES.set_schedule, store.slug, kind, mode)
        await connection.execute(_QUERIES.activate_tenant, store.slug)
        return TenantId(tenant)


async def load(connection: _Connection, tenant: TenantId, listings: Sequence[Listing]) -> None:
    """Write *listings* to the tables of the store, each table by one COPY."""
    products = [listing.product for listing in listings]
    await _copy(connection, tenant, "product", _PRODUCT, products)
    await _copy(connection, tenant, "variation", _VARIATION, [one for each in products for one in each.variations])
    await _copy(connection, tenant, "price", _PRICE, [row for each in listings for row in each.prices.values()])
    await _copy(connection, tenant, "stock", _STOCK, [row for each in listings for row in each.stocks.values()])


async def _copy(
    connection: _Connection, tenant: TenantId, table: str, columns: Sequence[str], rows: Iterable[object]
) -> None:
    await connection.copy_records_to_table(
        table,
        schema_name="store",
        columns=("tenant_id", *columns),
        records=[(tenant, *(_value(getattr(row, column)) for column in columns)) for row in rows],
    )


def _value(value: object) -> object:
    return msgspec.json.encode(value).decode() if isinstance(value, Mapping) else value
