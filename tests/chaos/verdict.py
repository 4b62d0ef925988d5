"""Was anything lost, doubled, blamed or told? Worked out from the store's tables and the hub's memory alone."""

import json
from bisect import bisect_right
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from operator import itemgetter
from typing import Any

import asyncpg

from tests.chaos.arena import Arena, Tenant

_IMPORTED = {"pending", "partial_payment", "approved", "paid"}
_CANCELED = {"canceled", "refunded"}
# Not the hub's fault: the store does not know a SKU, or it has invoiced what was cancelled meanwhile.
OWN_FAULTS = {"unknown_sku", "status_conflict"}
_GRACE_S = 0.3
"""A write that was on its way when the lease changed hands: sent and seen are two moments, under load far apart."""


@dataclass
class Verdict:
    """What is wrong, by promise; nothing means that all were kept."""

    lost: list[str] = field(default_factory=list)
    doubled: list[str] = field(default_factory=list)
    wrong: list[str] = field(default_factory=list)
    told: list[str] = field(default_factory=list)
    orders: int = 0
    imported: int = 0

    @property
    def all(self) -> list[str]:
        return [*self.lost, *self.doubled, *self.wrong, *self.told]


async def judge(ring: Arena) -> Verdict:
    """Compare everything, once all is quiet."""
    verdict = Verdict()
    await ring.sql("ANALYZE")  # or what is asked below is planned for tables without rows
    for tenant in ring.tenants:
        await _judge_catalogue(verdict, ring, tenant)
        await _judge_orders(verdict, ring, tenant)
        await _judge_stock(verdict, ring, tenant)
        await _judge_items(verdict, ring, tenant)
    await _judge_leases(verdict, ring)
    return verdict


async def _judge_catalogue(verdict: Verdict, ring: Arena, tenant: Tenant) -> None:
    rows = {row["sku"]: row for row in await ring.rows(_EXPECTED, tenant.id)}
    shown = {product["sku"]: product for product in ring.hub.products(tenant.user)}
    for sku, row in rows.items():
        if row["ready"] and sku not in shown:
            verdict.lost.append(f"{tenant.slug} product {sku} is not at the hub")
    for sku, product in shown.items():
        expected = rows.get(sku)
        sold = product["variations"] or [product]
        if expected is None:
            _expect(verdict, tenant, sku, "available", product["available"], 0)
            for each in sold:
                _expect(verdict, tenant, each["sku"], "quantity", each["quantity"] or 0, 0)
            continue
        _expect(verdict, tenant, sku, "available", product["available"], int(expected["active"]))
        if expected["active"]:
            _judge_texts(verdict, tenant, product, expected)
        offers = {offer["sku"]: offer for offer in json.loads(expected["offers"])}
        for each in sold:
            _judge_offer(verdict, tenant, each, offers.pop(each["sku"], None))
        for offer in offers.values():
            if offer["on_sale"]:
                verdict.lost.append(f"{tenant.slug} variation {offer['sku']} is not at the hub")


def _judge_texts(verdict: Verdict, tenant: Tenant, product: dict[str, Any], expected: asyncpg.Record) -> None:
    sku = product["sku"]
    _expect(verdict, tenant, sku, "name", product["name"], expected["name"])
    _expect(verdict, tenant, sku, "description", product["description"], expected["description"])
    if expected["brand"] is not None:  # an empty member is never sent
        _expect(verdict, tenant, sku, "brand", product["brand"], expected["brand"])
    photos = sorted(photo["external"] for photo in product["photos"])
    _expect(verdict, tenant, sku, "photos", photos, sorted(expected["photos"]))
    categories = sorted(category["name"] for category in product["categories"])
    _expect(verdict, tenant, sku, "categories", categories, sorted(expected["category_paths"] or []))
    attributes = sorted((each["label"], each["value"]["label"]) for each in product["attributes"])
    _expect(verdict, tenant, sku, "attributes", attributes, sorted(json.loads(expected["attributes"]).items()))


def _judge_offer(verdict: Verdict, tenant: Tenant, shown: dict[str, Any], offer: dict[str, Any] | None) -> None:
    if offer is None:
        verdict.wrong.append(f"{tenant.slug} {shown['sku']} is at the hub, and not sold by its product")
        return
    _expect(verdict, tenant, shown["sku"], "quantity", shown["quantity"] or 0, offer["left"] if offer["on_sale"] else 0)
    if offer["on_sale"]:
        for name in ("price", "special_price"):
            _expect(verdict, tenant, shown["sku"], name, Decimal(str(shown[name])), Decimal(str(offer[name])))


def _expect(verdict: Verdict, tenant: Tenant, sku: str, what: str, shown: object, expected: object) -> None:
    if shown != expected:
        verdict.lost.append(f"{tenant.slug} {sku}: {what} is {shown!r} at the hub and {expected!r} in the store")


async def _judge_orders(verdict: Verdict, ring: Arena, tenant: Tenant) -> None:
    stored = {row["pluggto_id"]: row for row in await ring.rows(_ORDERS, tenant.id)}
    known = {row["sku"] for row in await ring.rows(_SKUS, tenant.id)}
    for order in ring.hub.orders(tenant.user):
        verdict.orders += 1
        lines = sorted((_bought(line), line["quantity"], Decimal(str(line["price"]))) for line in order["items"])
        row = stored.pop(order["id"], None)
        if row is None:
            if order["status"] in _IMPORTED and all(sku in known for sku, _, _ in lines):
                verdict.lost.append(f"{tenant.slug} order {order['id']} ({order['status']}) is not in the store")
            continue
        verdict.imported += 1
        where = f"{tenant.slug} order {order['id']}"
        found = sorted(
            (line["sku"], line["quantity"], Decimal(str(line["price"]))) for line in json.loads(row["lines"])
        )
        if found != lines:
            verdict.lost.append(f"{where}: its lines are {found}, not {lines}")
        _judge_order(verdict, where, order, row)
    verdict.doubled.extend(f"{tenant.slug} order {key} is in the store, but nobody placed it" for key in stored)


def _judge_order(verdict: Verdict, where: str, order: dict[str, Any], row: asyncpg.Record) -> None:
    if not order["ack"] or order["external"] != str(row["id"]):
        verdict.lost.append(f"{where} is not acknowledged (ack {order['ack']}, external {order['external']})")
    if order["status"] in _CANCELED:
        if row["status"] not in {"canceled", "delivered"}:
            verdict.lost.append(f"{where} was cancelled and is {row['status']} in the store")
    elif row["status"] == "canceled" or (order["status"] in {"approved", "paid"} and row["status"] == "pending"):
        verdict.wrong.append(f"{where} is {order['status']} at the hub and {row['status']} in the store")
    if len(order["shipments"]) > 1:
        verdict.doubled.append(f"{where} has {len(order['shipments'])} shipments")
    if order["status"] not in _CANCELED:
        shipment = order["shipments"][0] if order["shipments"] else {}
        for name, member in (("key", "nfe_key"), ("tracking_code", "track_code")):
            if row[name] is not None and shipment.get(member) != row[name]:
                verdict.lost.append(f"{where}: {member} is {shipment.get(member)!r} at the hub, not {row[name]!r}")


def _bought(line: dict[str, Any]) -> str:
    variation = line.get("variation") or {}
    return str(variation.get("sku") or line["sku"])


async def _judge_stock(verdict: Verdict, ring: Arena, tenant: Tenant) -> None:
    for row in await ring.rows(_UNITS, tenant.id):
        if (row["on_hand"], row["reserved"]) != (row["expected_on_hand"], row["expected_reserved"]):
            verdict.wrong.append(
                f"{tenant.slug} stock {row['sku']}: {row['on_hand']} on hand, {row['reserved']} reserved; counted are"
                f" {row['expected_on_hand']} and {row['expected_reserved']}"
            )


async def _judge_items(verdict: Verdict, ring: Arena, tenant: Tenant) -> None:
    changes = await ring.sql("SELECT count(*) FROM rocksync.change WHERE tenant_id = $1", tenant.id)
    if changes:
        verdict.lost.append(f"{tenant.slug}: {changes} changes were never folded")
    for row in await ring.rows(
        "SELECT kind, key, state, reason, detail FROM rocksync.item WHERE tenant_id = $1"
        " AND (state = 'pending' OR state = 'quarantined')",
        tenant.id,
    ):
        if row["state"] == "pending" or row["reason"] not in OWN_FAULTS:
            verdict.wrong.append(
                f"{tenant.slug} {row['kind']} {row['key']} is {row['state']}: {row['reason']}, {row['detail']}"
            )
    for row in await ring.rows(
        "SELECT kind, key, reason, detail FROM rocksync.history WHERE tenant_id = $1 AND action = 'refuse'", tenant.id
    ):
        if row["reason"] not in OWN_FAULTS:
            verdict.wrong.append(
                f"{tenant.slug} {row['kind']} {row['key']} was blamed: {row['reason']}, {row['detail']}"
            )
    status = await ring.sql("SELECT status FROM rocksync.tenant WHERE id = $1", tenant.id)
    if status != "active":
        verdict.wrong.append(f"{tenant.slug} is {status}")


async def _judge_leases(verdict: Verdict, ring: Arena) -> None:
    """Every write was sent by the worker that held the lease of its tenant and kind."""
    tenants = {tenant.user: tenant.id for tenant in ring.tenants}
    claims: dict[tuple[int, str], list[tuple[float, str]]] = {}
    for row in await ring.rows(
        "SELECT extract(epoch FROM at)::float8 AS at, * FROM chaos.lease ORDER BY chaos.lease.at"
    ):
        claims.setdefault((row["tenant_id"], row["kind"]), []).append((row[0], row["worker"] or ""))
    for write in ring.writes:
        if write.user not in tenants:
            continue
        held = {
            pid
            for kind in _kinds(write.method, write.path)
            for pid in _holders(claims.get((tenants[write.user], kind), []), write.at)
        }
        if not held & write.pids:
            verdict.doubled.append(
                f"{write.method} {write.path} was sent by {sorted(write.pids)} at {write.at:.2f},"
                f" leased to {sorted(held)}"
            )


def _kinds(method: str, path: str) -> tuple[str, ...]:
    if path.startswith("/orders"):
        return ("order",)
    if path.endswith("/stock"):
        return ("stock",)
    return ("product",) if method == "POST" else ("product", "price")


def _holders(claims: Sequence[tuple[float, str]], at: float) -> set[int]:
    """Ids of the processes that may have held the lease at that moment, give or take the grace."""
    first = bisect_right(claims, at - _GRACE_S, key=itemgetter(0))
    last = bisect_right(claims, at + _GRACE_S, key=itemgetter(0))
    return {int(worker.rsplit("-", 2)[1]) for _, worker in claims[max(first - 1, 0) : last] if worker}


def doubled_creations(ring: Arena) -> list[str]:
    """Products that were created more than once."""
    made = Counter(
        (entry["account"], entry["body"]["sku"])
        for entry in ring.hub.requests(method="POST", route="/products")
        if entry["status"] == 201
    )
    return [
        f"product {sku} of account {account} was created {times} times"
        for (account, sku), times in made.items()
        if times > 1
    ]


# What the hub is to hold, of each product of the store: worked out in SQL, by nothing that the worker uses.
_EXPECTED = """
WITH offer AS (
    SELECT p.sku AS product_sku, s.sku, s.active AS open,
           p.active AND s.active AND k.sku IS NOT NULL AND r.price > 0 AS on_sale,
           greatest(k.on_hand - k.reserved, 0) AS left, round(r.price, 2) AS price,
           round(coalesce(nullif(r.special_price, 0), r.price), 2) AS special_price
      FROM store.product p
     CROSS JOIN LATERAL (
           SELECT v.sku, v.active FROM store.variation v WHERE v.tenant_id = p.tenant_id AND v.product_sku = p.sku
           UNION ALL
           SELECT p.sku, true WHERE NOT EXISTS (SELECT FROM store.variation v
                                                 WHERE v.tenant_id = p.tenant_id AND v.product_sku = p.sku)) s
      LEFT JOIN store.price r ON r.tenant_id = p.tenant_id AND r.sku = s.sku
      LEFT JOIN store.stock k ON k.tenant_id = p.tenant_id AND k.sku = s.sku
     WHERE p.tenant_id = $1)
SELECT p.sku, p.name, p.description, p.brand, p.photos, p.attributes,
       (SELECT array_agg(DISTINCT array_to_string(levels[1:depth], ' > '))
          FROM unnest(p.categories) path, string_to_array(path, ' > ') levels,
               generate_series(1, cardinality(levels)) depth)
           AS category_paths,
       p.active AND EXISTS (SELECT FROM offer o WHERE o.product_sku = p.sku AND o.open) AS active,
       p.active AND EXISTS (SELECT FROM offer o WHERE o.product_sku = p.sku AND o.on_sale) AS ready,
       (SELECT jsonb_agg(to_jsonb(o)) FROM offer o WHERE o.product_sku = p.sku)::text AS offers
  FROM store.product p
 WHERE p.tenant_id = $1
"""
_ORDERS = """
SELECT o.id, o.pluggto_id, o.status, i.key, d.tracking_code,
       (SELECT jsonb_agg(jsonb_build_object('sku', l.sku, 'quantity', l.quantity, 'price', l.unit_price))
          FROM store.sales_order_item l WHERE l.tenant_id = $1 AND l.order_id = o.id)::text AS lines
  FROM store.sales_order o
  LEFT JOIN store.invoice i ON i.tenant_id = $1 AND i.order_id = o.id
  LEFT JOIN store.shipment d ON d.tenant_id = $1 AND d.order_id = o.id
 WHERE o.tenant_id = $1
"""
_SKUS = "SELECT sku FROM store.product WHERE tenant_id = $1 UNION SELECT sku FROM store.variation WHERE tenant_id = $1"
_UNITS = """
SELECT s.sku, s.on_hand, s.reserved,
       (SELECT coalesce(sum(d.units), 0) FROM chaos.delta d WHERE d.tenant_id = $1 AND d.sku = s.sku)
       - coalesce(sum(l.quantity) FILTER (WHERE o.status IN ('invoiced', 'shipped', 'delivered')
              OR (o.status = 'canceled' AND d.order_id IS NOT NULL)), 0) AS expected_on_hand,
       coalesce(sum(l.quantity) FILTER (WHERE o.status IN ('pending', 'approved')), 0) AS expected_reserved
  FROM store.stock s
  LEFT JOIN store.sales_order_item l ON l.tenant_id = $1 AND l.sku = s.sku
  LEFT JOIN store.sales_order o ON o.tenant_id = $1 AND o.id = l.order_id
  LEFT JOIN store.shipment d ON d.tenant_id = $1 AND d.order_id = l.order_id
 WHERE s.tenant_id = $1
 GROUP BY s.sku, s.on_hand, s.reserved
"""
