"""The hooks a mapper may have, and what each is given.

A hook is pure and synchronous: no I/O, no clock, no memory. It names only the arguments it uses, so hooks can gain
arguments. ``tenant``, rows and ``accepted`` are for reading; ``payload`` and ``document`` are copies of the default
mapping, to be changed in place; a hook that maps returns nothing. Several mappers of one tenant run in turn, each on
what the one before left. A hook may raise ``ItemError("why")`` to set its item aside.
"""

from typing import Any

import pluggy

from rocksync.domain.catalog import Price, Product, Stock
from rocksync.domain.documents import (
    InvoicePayload,
    OrderDocument,
    PricePayload,
    ProductPayload,
    ShipmentPayload,
    StockPayload,
)
from rocksync.domain.orders import HubOrder, Invoice, Shipment, StoreOrder
from rocksync.domain.tenancy import Tenant

PROJECT = "rocksync"
hookspec = pluggy.HookspecMarker(PROJECT)
hookimpl = pluggy.HookimplMarker(PROJECT)
HOOKS = (
    "rocksync_select_product",
    "rocksync_map_product",
    "rocksync_map_price",
    "rocksync_map_stock",
    "rocksync_map_order",
    "rocksync_map_invoice",
    "rocksync_map_shipment",
    "rocksync_check_settings",
)


@hookspec(firstresult=True)
def rocksync_select_product(tenant: Tenant, product: Product) -> bool | None:
    """Tell whether a product goes to Plugg.to: True, False, or None to leave it to the next mapper; if all do, it goes.

    ``product`` is the store's row with its variations. A product that is kept off and is there already goes off sale
    (``available: 0``); it is not deleted. Validated after: the answer is True, False or None.
    """


@hookspec
def rocksync_map_product(
    tenant: Tenant, product: Product, payload: ProductPayload, accepted: dict[str, Any] | None
) -> None:
    """Change what Plugg.to is to hold of one product, its variations included: ``payload``, Plugg.to's members.

    Money and measures are ``Decimal`` (BRL, cm, kg), days and months whole numbers. ``payload["variations"]`` holds a
    dict for each variation; those that have no price or no stock yet are not in it. ``accepted`` is the payload that
    Plugg.to last accepted, None when the product is about to be created; ``del payload[member]`` then leaves the
    member at Plugg.to as it is (for a list give it its accepted value instead: what left a list is removed there).

    Validated after: each member is one that Plugg.to knows and of its type; ``name`` is there on creation; ``sku`` and
    the variations' SKUs are unchanged; neither ``price``, ``special_price`` nor ``quantity`` is there, which belong to
    the hooks below. Members that are None or empty are left out.
    """


@hookspec
def rocksync_map_price(tenant: Tenant, price: Price, payload: PricePayload, creating: bool) -> None:
    """Change the price of one sellable SKU: ``price`` is the list, ``special_price`` the sale price, ``Decimal`` BRL.

    ``price.product_sku`` is the product it belongs to. ``special_price`` None: no promotion. ``creating`` is True for
    the price that the SKU is created with at Plugg.to, and False ever after; then ``payload.clear()`` leaves the price
    at Plugg.to as it is, and the mappers after it are not asked.

    Validated after: ``price`` is above 0, ``special_price`` None or above 0 and not above ``price``; both are rounded
    to two decimals, half up.
    """


@hookspec
def rocksync_map_stock(tenant: Tenant, stock: Stock, payload: StockPayload, creating: bool) -> None:
    """Change the stock of one sellable SKU: ``payload["quantity"]``, whole units that may be sold now.

    The default is ``stock.sellable``: on hand less reserved, never below 0. What is inactive or kept off goes to 0
    without being asked about. ``creating`` and ``payload.clear()`` are as for prices.

    Validated after: ``quantity`` is an int and 0 or more.
    """


@hookspec
def rocksync_map_order(tenant: Tenant, order: HubOrder, document: OrderDocument) -> None:
    """Change a store order about to be imported: ``document``, the columns of ``store.sales_order`` and its ``items``.

    ``order`` is the order as Plugg.to shows it, ``order.document`` its whole JSON. It runs once for each order, before
    the import. Amounts are ``Decimal`` in BRL; ``customer`` and ``delivery`` hold texts, ``payments`` are dicts.

    Validated after: no column is missing, unknown or of another type; ``pluggto_id`` and ``status`` are unchanged;
    there is at least one item, each with a SKU and a quantity above 0.
    """


@hookspec
def rocksync_map_invoice(tenant: Tenant, order: StoreOrder, invoice: Invoice, payload: InvoicePayload) -> None:
    """Change the NF-e members that an order gets at Plugg.to; all are texts.

    ``order`` is the store's order, ``invoice`` its row. Validated after: ``nfe_key`` has 44 characters and its check
    digit fits; ``nfe_number``, ``nfe_serie`` and ``nfe_date`` are there, the date as ``2024-07-15T18:07:07.000Z``.
    """


@hookspec
def rocksync_map_shipment(tenant: Tenant, order: StoreOrder, shipment: Shipment, payload: ShipmentPayload) -> None:
    """Change the tracking members that an order gets at Plugg.to; all are texts.

    ``order`` is the store's order, ``shipment`` its row. Validated after: ``date_shipped``, if there, is as
    ``2024-07-17T18:14:00.000Z``; members that are None or empty are left out.
    """


@hookspec
def rocksync_check_settings(tenant: Tenant) -> list[str]:
    """Return what is wrong with ``tenant.settings`` for this mapper, a line each; an empty list when nothing is."""
    raise NotImplementedError
