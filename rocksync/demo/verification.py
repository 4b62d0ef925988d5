"""Whether the hub holds what the stores say: the sandbox is read beside its API and compared row by row."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import asyncpg

from rocksync import sql
from rocksync.app import App
from rocksync.demo.hub import DemoHub, Document
from rocksync.demo.loading import Tenancy
from rocksync.domain.documents import Offer, ProductDocument
from rocksync.domain.tenancy import Kind

_QUERIES = sql.load("rocksync.demo", "verification.sql")
_NESTED = frozenset({"categories", "dimension", "attributes", "photos", "variations"})
_STATUS_AT_HUB = {
    "pending": frozenset({"pending"}),
    "approved": frozenset({"approved"}),
    "invoiced": frozenset({"invoiced"}),
    "shipped": frozenset({"shipping_informed", "shipped"}),
    "delivered": frozenset({"shipping_informed", "shipped", "delivered"}),
    "canceled": frozenset({"canceled"}),
}


async def differences(app: App, hub: DemoHub, tenancy: Tenancy) -> list[str]:
    """Return what of one tenant is not at the hub as it is in the store, a line each; products and orders."""
    return [*await _of_products(app, hub, tenancy), *await _of_orders(app.database.pool, hub, tenancy)]


async def _of_products(app: App, hub: DemoHub, tenancy: Tenancy) -> list[str]:
    """Compare with what the store's rows, as they are now, map to."""
    slug = tenancy.store.slug
    tenant = (await app.tenants.get(slug)).tenant
    skus = [row["sku"] for row in await app.database.pool.fetch(_QUERIES.products, tenant.id)]
    listings = await app.catalog.listings(tenant.id, skus)
    known = await app.items.known(tenant.id, Kind.PRODUCT, skus)
    accepted = [known[sku].accepted if sku in known else None for sku in skus]
    mapped = await app.mappers.products(tenant, [(listings[sku], was) for sku, was in zip(skus, accepted, strict=True)])
    documents = {answer.key: answer for answer in mapped if isinstance(answer, ProductDocument)}
    held = {product["sku"]: product for product in await hub.products(tenancy.account)}
    unwanted = held.keys() - (documents.keys() - tenancy.catalogue.half_filled)
    found = [f"{slug}: {sku} is at Plugg.to and should not be" for sku in unwanted]
    for sku, document in documents.items():
        if sku not in held:
            found.append(f"{slug}: {sku} is not at Plugg.to")
        else:
            found += [f"{slug}: {sku}: {text}" for text in _of_product(document, held[sku])]
    return found or ([] if held else [f"{slug}: nothing is at Plugg.to"])


def _of_product(document: ProductDocument, held: Document) -> Iterator[str]:
    yield from _of_sellable(document.payload, held)
    wanted = {category["name"] for category in document.payload.get("categories", ())}
    yield from _unless_equal("categories", wanted, {category["name"] for category in held["categories"]})
    rows = {row["sku"]: row for row in held["variations"]}
    variations = {variation["sku"]: variation for variation in document.payload.get("variations", ())}
    yield from _unless_equal("variations", set(variations), set(rows))
    for sku in variations.keys() & rows.keys():
        yield from (f"{sku}: {text}" for text in _of_sellable(variations[sku], rows[sku]))
    sold = rows or {document.key: held}
    for sku, offer in document.offers.items():
        if sku in sold:
            yield from (f"{sku}: {text}" for text in _of_offer(offer, sold[sku]))


def _of_sellable(payload: Mapping[str, Any], held: Document) -> Iterator[str]:
    for member in payload.keys() - _NESTED:
        yield from _unless_equal(member, payload[member], held[member])
    for side, measure in payload.get("dimension", {}).items():
        yield from _unless_equal(side, float(measure), float(held["dimension"][side] or 0))
    attributes = {row["code"]: row["value"]["label"] for row in payload.get("attributes", ())}
    yield from _unless_equal(
        "attributes", attributes, {row["code"]: row["value"]["label"] for row in held["attributes"]}
    )
    photos = {row["url"] for row in payload.get("photos", ())}
    yield from _unless_equal("photos", photos, {row["external"] for row in held["photos"]})


def _of_offer(offer: Offer, held: Document) -> Iterator[str]:
    price = offer.price["price"]
    yield from _unless_equal("price", float(price), held["price"])
    yield from _unless_equal("special_price", float(offer.price["special_price"] or price), held["special_price"])
    yield from _unless_equal("quantity", offer.stock["quantity"], held["quantity"])


async def _of_orders(pool: asyncpg.Pool, hub: DemoHub, tenancy: Tenancy) -> list[str]:
    slug = tenancy.store.slug
    stored = {row["pluggto_id"]: row for row in await pool.fetch(_QUERIES.orders, tenancy.tenant)}
    found = []
    for order in await hub.orders(tenancy.account):
        row = stored.get(order["id"])
        if row is None:
            found.append(f"{slug}: order {order['id']} is not in the store")
        else:
            found += [f"{slug}: order {order['id']}: {text}" for text in _of_order(row, order)]
    return found


def _of_order(row: asyncpg.Record, held: Document) -> Iterator[str]:
    yield from _unless_equal("external", str(row["id"]), held["external"])
    yield from _unless_equal("ack", expected=True, held=held["ack"])
    yield from _unless_equal("total", float(row["total"]), held["total"])
    yield from _unless_equal("units", row["units"], sum(line["quantity"] for line in held["items"]))
    if held["status"] not in _STATUS_AT_HUB[row["status"]]:
        yield f"status is {held['status']}, and {row['status']} in the store"
    shipments: Sequence[Document] = held["shipments"]
    if row["key"] is not None:
        yield from _unless_equal("NF-e", [row["key"]], [shipment["nfe_key"] for shipment in shipments])
    if row["tracking_code"] is not None:
        yield from _unless_equal("tracking", [row["tracking_code"]], [shipment["track_code"] for shipment in shipments])


def _unless_equal(what: str, expected: object, held: object) -> Iterator[str]:
    if expected != held:
        yield f"{what} is {held!r}, and should be {expected!r}"
