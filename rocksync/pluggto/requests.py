"""Every request we make of the hub, with its path. Source: pluggto-api 3.1, 3.2, 3.6, 4.1, 4.2."""

from datetime import date
from typing import Any
from urllib.parse import quote

from rocksync.pluggto import replies
from rocksync.pluggto.encoding import sku_segment
from rocksync.pluggto.replies import Page, Request

PAGE = 100
"""Rows to ask for; no source shows more in one page."""


def get_sku(sku: str) -> Request[dict[str, Any]]:
    """The product of a SKU. Raises: ItemError for a SKU that no path can carry."""
    return Request(method="GET", route="/skus/{sku}", target=f"/skus/{sku_segment(sku)}", read=replies.product)


def put_sku(sku: str, body: bytes) -> Request[dict[str, Any]]:
    """Change the product of a SKU. Raises: ItemError for a SKU that no path can carry."""
    return Request(
        method="PUT", route="/skus/{sku}", target=f"/skus/{sku_segment(sku)}", read=replies.product, body=body
    )


def put_stock(sku: str, body: bytes) -> Request[bool]:
    """Set the stock of a SKU, a variation's too. Raises: ItemError for a SKU that no path can carry."""
    return Request(
        method="PUT",
        route="/skus/{sku}/stock",
        target=f"/skus/{sku_segment(sku)}/stock",
        read=replies.holds_product,
        body=body,
    )


def post_product(body: bytes) -> Request[bool]:
    """Create a product. Not repeatable."""
    return Request(
        method="POST", route="/products", target="/products", read=replies.holds_product, body=body, repeatable=False
    )


def find_sku(sku: str) -> Request[Page]:
    """Products that carry a SKU, themselves or on a variation; an ignored filter gives others too."""
    return Request(
        method="GET", route="/products", target=f"/products?bysku={quote(sku, safe='')}", read=replies.products
    )


def list_products(after: str | None) -> Request[Page]:
    """All products, behind the product *after*. Source: pluggto-api 3.2 (``next``), 9 X5."""
    cursor = "" if after is None else f"&next={quote(after, safe='')}"
    return Request(method="GET", route="/products", target=f"/products?limit={PAGE}{cursor}", read=replies.products)


def get_order(order_id: str) -> Request[dict[str, Any]]:
    """One order."""
    return Request(method="GET", route="/orders/{id}", target=f"/orders/{quote(order_id, safe='')}", read=replies.order)


def put_order(order_id: str, body: bytes, *, repeatable: bool) -> Request[dict[str, Any]]:
    """Change an order."""
    return Request(
        method="PUT",
        route="/orders/{id}",
        target=f"/orders/{quote(order_id, safe='')}",
        read=replies.order,
        body=body,
        repeatable=repeatable,
    )


def list_orders(since: date, until: date, after: str | None) -> Request[Page]:
    """Orders modified on the days from *since* to *until*, behind the order *after*.

    Whether the last day is part of the range is unknown. Source: pluggto-api 3.2 (``next``), 4.2, 9 X5, X9.
    """
    cursor = "" if after is None else f"&next={quote(after, safe='')}"
    target = f"/orders?modified={since.isoformat()}to{until.isoformat()}&limit={PAGE}{cursor}"
    return Request(method="GET", route="/orders", target=target, read=replies.orders)
