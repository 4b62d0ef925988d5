"""Store rows to documents, through each tenant's mappers. This is what passes call."""

import asyncio
from collections.abc import Callable, Iterable, Sequence
from typing import Any, TypeVar

from rocksync.domain.catalog import Listing, Price, Stock
from rocksync.domain.documents import OrderTask, PriceDocument, ProductDocument, Skip, StockDocument
from rocksync.domain.errors import ItemError
from rocksync.domain.orders import HubOrder, StoreOrder
from rocksync.domain.tenancy import Tenant
from rocksync.mapping import conversion, validation
from rocksync.mapping.conversion import CLOSED, DefaultRules
from rocksync.mapping.validation import InvalidPayloadError

CHUNK = 64
_Row = TypeVar("_Row")
_Answer = TypeVar("_Answer")


class Mappers:
    """The mapping of every tenant."""

    def __init__(self) -> None:
        self._default = DefaultRules()

    def version(self, tenant: Tenant) -> str:
        """What the tenant's items are mapped with now; another value: they are to be mapped again."""
        return ""

    async def products(
        self, tenant: Tenant, listings: Sequence[tuple[Listing, dict[str, Any] | None]]
    ) -> list[ProductDocument | Skip | ItemError]:
        """Documents of products; with each listing the payload the hub last accepted of it, if any."""
        return await _in_chunks(listings, self._product)

    def _product(self, row: tuple[Listing, dict[str, Any] | None]) -> ProductDocument | Skip | ItemError:
        listing, accepted = row
        answer = conversion.settled(listing, accepted)
        if answer is not None:
            return answer
        mapped = conversion.convert_listing(listing, conversion.known_skus(listing, accepted), self._default)
        return mapped if isinstance(mapped, Skip) else conversion.document(listing, accepted, mapped)

    async def prices(self, tenant: Tenant, prices: Sequence[Price]) -> list[PriceDocument | Skip | ItemError]:
        """Documents of prices."""
        return await _in_chunks(prices, self._price)

    def _price(self, price: Price) -> PriceDocument | Skip:
        _check_sku(price.sku)
        return PriceDocument(key=price.sku, product_sku=price.product_sku, payload=self._default.price(price))

    async def stocks(self, tenant: Tenant, stocks: Sequence[Stock]) -> list[StockDocument | Skip | ItemError]:
        """Documents of stocks."""
        return await _in_chunks(stocks, self._stock)

    def _stock(self, stock: Stock) -> StockDocument | Skip:
        _check_sku(stock.sku)
        return StockDocument(key=stock.sku, product_sku=stock.product_sku, payload=self._default.stock(stock))

    async def orders(
        self, tenant: Tenant, orders: Sequence[tuple[HubOrder, StoreOrder | None]]
    ) -> list[OrderTask | ItemError]:
        """Tasks of orders: the order to import, and the invoice and shipment payloads that the store's rows give."""
        return await _in_chunks(orders, self._order)

    def _order(self, row: tuple[HubOrder, StoreOrder | None]) -> OrderTask:
        hub, store = row
        if store is None:
            return OrderTask(key=hub.id, hub=hub, store=None, document=self._default.order(hub))
        if hub.status in CLOSED:
            return OrderTask(key=hub.id, hub=hub, store=store)
        return OrderTask(
            key=hub.id,
            hub=hub,
            store=store,
            invoice=self._default.invoice(store),
            shipment=self._default.shipment(store),
        )


def _check_sku(sku: str) -> None:
    try:
        validation.check_sku(sku)
    except InvalidPayloadError as error:
        raise conversion.refusal(sku, error) from error


async def _in_chunks(rows: Iterable[_Row], convert: Callable[[_Row], _Answer]) -> list[_Answer | ItemError]:
    answers: list[_Answer | ItemError] = []
    for number, row in enumerate(rows, start=1):
        try:
            answers.append(convert(row))
        except ItemError as error:
            answers.append(error)
        if number % CHUNK == 0:
            await asyncio.sleep(0)
    return answers
