"""The store's products, prices and stocks."""

from collections.abc import Callable, Iterable, Mapping, Sequence, Set
from decimal import Decimal
from typing import Any, TypeVar

import asyncpg
import msgspec

from rocksync import sql
from rocksync.domain.catalog import Listing, Price, Product, Stock, Variation
from rocksync.domain.tenancy import TenantId
from rocksync.failures import explained

T = TypeVar("T")
_QUERIES = sql.load("rocksync.store", "catalog.sql")
_decode = msgspec.json.Decoder(dict[str, Any], float_hook=Decimal).decode
_encode = msgspec.json.Encoder(decimal_format="number", order="deterministic").encode


class StoreCatalog:
    """What the platform keeps of its catalogue, read as it is now. What is not in the store is not in the answer."""

    def __init__(self, pool: asyncpg.Pool) -> None:
        self._pool = pool

    async def listings(self, tenant: TenantId, skus: Sequence[str]) -> Mapping[str, Listing]:
        """Products by SKU, with their variations and with what is sold of them.

        A stock in it is active whether or not the product was selected last time: that is about to be decided again.
        """
        asked = list(dict.fromkeys(skus))
        products = await self._fetch(_QUERIES.products, tenant, asked)
        found = [row["sku"] for row in products]
        if not found:
            return {}
        variations = _grouped(await self._fetch(_QUERIES.variations, tenant, found))
        of_variations = [row["sku"] for rows in variations.values() for row in rows]
        sellable = [sku for sku in found if sku not in variations] + of_variations
        prices = {row["sku"]: _price(row) for row in await self._fetch(_QUERIES.prices, tenant, sellable)}
        rows = await self._fetch(_QUERIES.stocks, tenant, sellable, False)
        stocks = {row["sku"]: _stock(row) for row in rows if row["present"]}
        duplicates = {row["sku"] for row in await self._fetch(_QUERIES.duplicates, tenant, found + of_variations)}
        return {
            row["sku"]: _listing(row, variations.get(row["sku"], ()), prices, stocks, duplicates) for row in products
        }

    async def prices(self, tenant: TenantId, skus: Sequence[str]) -> Mapping[str, Price]:
        """Prices by sellable SKU; a SKU of no product or variation, or of a product with variations, is left out."""
        rows = await self._fetch(_QUERIES.prices, tenant, list(dict.fromkeys(skus)))
        return {row["sku"]: _price(row) for row in rows}

    async def stocks(self, tenant: TenantId, skus: Sequence[str]) -> Mapping[str, Stock]:
        """Stocks of all *skus*.

        One that cannot be sold is there with ``active`` False: it or its product is inactive, gone or kept off the hub,
        it has no stock row, or it is the parent of variations.
        """
        rows = await self._fetch(_QUERIES.stocks, tenant, list(dict.fromkeys(skus)), True)
        return {row["sku"]: _stock(row) for row in rows}

    async def without_stock(self, tenant: TenantId, skus: Sequence[str]) -> frozenset[str]:
        """Those of *skus* that only lack a stock row to be sold."""
        return frozenset(row["sku"] for row in await self._fetch(_QUERIES.without_stock, tenant, list(skus)))

    async def owners(self, tenant: TenantId, skus: Sequence[str]) -> Mapping[str, str]:
        """The product SKU of those *skus* that are variations or products now."""
        rows = await self._fetch(_QUERIES.owners, tenant, list(dict.fromkeys(skus)))
        return {row["sku"]: row["product_sku"] for row in rows}

    async def _fetch(self, query: str, *arguments: object) -> list[asyncpg.Record]:
        with explained():
            return await self._pool.fetch(query, *arguments)


def _grouped(rows: Iterable[asyncpg.Record]) -> dict[str, list[asyncpg.Record]]:
    """Rows by the product they belong to, in their order."""
    groups: dict[str, list[asyncpg.Record]] = {}
    for row in rows:
        groups.setdefault(row["product_sku"], []).append(row)
    return groups


def _listing(
    row: asyncpg.Record,
    variations: Sequence[asyncpg.Record],
    prices: Mapping[str, Price],
    stocks: Mapping[str, Stock],
    duplicates: Set[str],
) -> Listing:
    unreadable = list[str]()
    product = _product(row, variations, unreadable)
    sellable = [variation.sku for variation in product.variations] or [product.sku]
    return Listing(
        product=product,
        prices={sku: prices[sku] for sku in sellable if sku in prices},
        stocks={sku: stocks[sku] for sku in sellable if sku in stocks},
        duplicate_skus=tuple(sorted(duplicates & {product.sku, *sellable})),
        unreadable=tuple(unreadable),
    )


def _product(row: asyncpg.Record, variations: Sequence[asyncpg.Record], unreadable: list[str]) -> Product:
    return Product(
        sku=row["sku"],
        name=row["name"],
        description=row["description"],
        short_description=row["short_description"],
        brand=row["brand"],
        model=row["model"],
        ean=row["ean"],
        categories=_read(row, "categories", _texts, unreadable),
        weight_kg=row["weight_kg"],
        height_cm=row["height_cm"],
        width_cm=row["width_cm"],
        length_cm=row["length_cm"],
        attributes=_read(row, "attributes", _attributes, unreadable),
        photos=_read(row, "photos", _texts, unreadable),
        link=row["link"],
        active=row["active"],
        external_id=row["external_id"],
        variations=tuple(_variation(each, unreadable) for each in variations),
    )


def _variation(row: asyncpg.Record, unreadable: list[str]) -> Variation:
    return Variation(
        sku=row["sku"],
        product_sku=row["product_sku"],
        name=row["name"],
        ean=row["ean"],
        attributes=_read(row, "attributes", _attributes, unreadable),
        photos=_read(row, "photos", _texts, unreadable),
        weight_kg=row["weight_kg"],
        height_cm=row["height_cm"],
        width_cm=row["width_cm"],
        length_cm=row["length_cm"],
        active=row["active"],
    )


def _price(row: asyncpg.Record) -> Price:
    return Price(sku=row["sku"], product_sku=row["product_sku"], price=row["price"], special_price=row["special_price"])


def _stock(row: asyncpg.Record) -> Stock:
    return Stock(
        sku=row["sku"],
        product_sku=row["product_sku"],
        on_hand=row["on_hand"],
        reserved=row["reserved"],
        held=int(row["held"]),
        active=row["active"],
    )


def _read(row: asyncpg.Record, column: str, read: Callable[[Any], T], unreadable: list[str]) -> T:
    """What *read* makes of a column, or of none if it cannot: then *unreadable* is told."""
    try:
        return read(row[column])
    except (ValueError, TypeError, ArithmeticError, RecursionError) as error:
        unreadable.append(f"{column} of {row['sku']}: {error}")
        return read(None)


def _texts(values: Sequence[str | None] | None) -> tuple[str, ...]:
    texts = tuple(value for value in values or () if value)
    if not all(isinstance(text, str) for text in texts):
        raise TypeError("it is no list of texts")
    return texts


def _attributes(document: str | None) -> dict[str, str]:
    """Label to text. What is null is left out; a list is its values parted by commas; an object stays JSON."""
    if not document or document == "{}":
        return {}
    return {label: _text(value) for label, value in _decode(document).items() if value is not None}


def _text(value: object) -> str:
    match value:
        case str():
            return value
        case list():
            return ", ".join(_text(each) for each in value if each is not None)
        case _:
            return _encode(value).decode()
