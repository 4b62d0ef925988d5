"""Orders of the store as they are read."""

from typing import Any

import asyncpg
import msgspec

from rocksync.domain.orders import Invoice, OrderRow, OrderStatus, Shipment, StoreOrder

_decode = msgspec.json.Decoder(dict[str, Any]).decode


def order_row(row: asyncpg.Record) -> OrderRow:
    """Both sides of an order."""
    importable_as = row["importable_as"]
    return OrderRow(
        id=row["pluggto_id"],
        document=row["document"],
        store=_store_order(row),
        importable_as=None if importable_as is None else OrderStatus(importable_as),
        was_imported=bool(row["was_imported"]),
        told=_decode(row["told"]) if row["told"] else {},
    )


def _store_order(row: asyncpg.Record) -> StoreOrder | None:
    if row["id"] is None:
        return None
    return StoreOrder(
        id=row["id"],
        pluggto_id=row["pluggto_id"],
        status=OrderStatus(row["status"]),
        channel=row["channel"],
        channel_order=row["channel_order"],
        total=row["total"],
        placed_at=row["placed_at"],
        invoice=_invoice(row),
        shipment=_shipment(row),
    )


def _invoice(row: asyncpg.Record) -> Invoice | None:
    if row["invoiced"] is None:
        return None
    return Invoice(
        key=row["key"],
        number=row["number"],
        series=row["series"],
        issued_at=row["issued_at"],
        xml_url=row["xml_url"],
        cfops=row["cfops"],
    )


def _shipment(row: asyncpg.Record) -> Shipment | None:
    if row["shipped"] is None:
        return None
    return Shipment(
        carrier=row["carrier"],
        method=row["method"],
        tracking_code=row["tracking_code"],
        tracking_url=row["tracking_url"],
        shipped_at=row["shipped_at"],
        delivered_at=row["delivered_at"],
    )
