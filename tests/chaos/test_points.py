"""Where the campaign kills the worker: before and after each of these, as a small but complete day comes by them."""

import re

from rocksync import sql
from tests.chaos.arena import server
from tests.chaos.scenarios import points

REQUESTS = {
    "POST /oauth/token",
    "GET /skus/{sku}",
    "PUT /skus/{sku}",
    "POST /products",
    "PUT /skus/{sku}/stock",
    "GET /orders",
    "GET /orders/{id}",
    "PUT /orders/{id}",
}
STATEMENTS = {
    "catalog": {"duplicates", "prices", "products", "stocks", "variations"},
    "credentials": {"has_residue", "inbox", "key_ids", "sealed"},
    "items": {"announce", "count_items", "deliverable", "fold", "record_accepted", "record_created"},
    "orders": {"align", "catch_up", "hold", "insert_lines", "insert_order", "lock_order", "mark_held", "mark_stock"}
    | {"note", "note_items", "reserve", "rows", "saw", "set_status", "settle", "unknown_skus"},
    "schedules": {"beat", "claim", "finish", "give_back", "held_elsewhere", "leave", "request_deliverable"}
    | {"set_default_intervals"},
    "tenants": {"all"},
}
"""More come by in some days, as passes overlap."""

_ROOMS = {"catalog": "rocksync.store", "orders": "rocksync.store"}
_NAMES = {
    text: (module, name)
    for module in STATEMENTS
    for name, text in sql.load(_ROOMS.get(module, "rocksync.postgres"), f"{module}.sql").texts.items()
}


def route(request: str) -> str:
    method, path, _token = request.split(" ", 2)
    path = re.sub(r"^/orders/[^/?]+", "/orders/{id}", path.partition("?")[0])
    return f"{method} {re.sub(r'^/skus/[^/]+', '/skus/{sku}', path)}"


async def test_the_campaign_kills_at_every_request_and_every_statement_of_a_complete_day() -> None:
    async with server() as opened:
        hub, postgres = await points(opened, 1)

    named = {_NAMES[what] for what in postgres if what in _NAMES}
    assert {route(request) for request in hub} >= REQUESTS
    assert named >= {(module, name) for module, names in STATEMENTS.items() for name in names}
    assert {"BEGIN;", "COMMIT;"} <= set(postgres)
