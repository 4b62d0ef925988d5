"""A verdict that is never bad is none: each thing that it looks for is done to a round in which all was well."""

from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest

from tests.chaos import leaks, verdict
from tests.chaos.arena import KEY, Arena, Tenant, Worker, Write, arena, server
from tests.chaos.proxy import Proxy
from tests.chaos.shopkeeper import Shopkeeper
from tests.chaos.storm import Outcome, settle


@pytest.fixture(scope="module")
async def ring() -> AsyncIterator[Arena]:
    """A shop with everything in it, at a hub that holds just that."""
    async with server() as opened, arena(opened, seed=1) as ring:
        keeper = Shopkeeper(ring, await ring.add_tenant("loja-0"), "verdict")
        await keeper.open_shop(8)
        for _ in range(12):
            await keeper._place_order("approved")
        await ring.workers[0].start()
        outcome = Outcome(name="verdict", seed=1)
        await settle(ring, outcome)
        assert await found(ring) == []
        assert outcome.bad == []
        yield ring


async def found(ring: Arena) -> list[str]:
    judged = await verdict.judge(ring)
    told = await leaks.search(ring, await leaks.metrics(ring))
    return [*judged.all, *verdict.doubled_creations(ring), *told]


def shown(ring: Arena) -> list[dict[str, Any]]:
    """What the hub holds of the shop, to be tampered with."""
    return ring.hub.products(ring.tenants[0].user)


def order(ring: Arena, number: int) -> dict[str, Any]:
    return ring.hub.orders(ring.tenants[0].user)[number]


def simple(ring: Arena) -> dict[str, Any]:
    return next(product for product in shown(ring) if not product["variations"] and product["available"])


async def lose_units(ring: Arena, _tenant: Tenant) -> None:
    simple(ring)["quantity"] += 1


async def lose_a_price(ring: Arena, _tenant: Tenant) -> None:
    simple(ring)["special_price"] -= 1


async def lose_a_text(ring: Arena, _tenant: Tenant) -> None:
    shown(ring)[0]["name"] = "another"


async def keep_a_photo(ring: Arena, _tenant: Tenant) -> None:
    shown(ring)[1]["photos"].append({"external": "https://img.example/gone.jpg"})


async def lose_a_variation(ring: Arena, _tenant: Tenant) -> None:
    next(product for product in shown(ring) if product["variations"])["variations"].pop()


async def lose_an_order(ring: Arena, tenant: Tenant) -> None:
    await ring.sql(
        "DELETE FROM store.sales_order WHERE tenant_id = $1 AND pluggto_id = $2", tenant.id, order(ring, 0)["id"]
    )


async def lose_a_line(ring: Arena, tenant: Tenant) -> None:
    await ring.sql(
        "DELETE FROM store.sales_order_item WHERE line = 1 AND order_id ="
        " (SELECT id FROM store.sales_order WHERE tenant_id = $1 AND pluggto_id = $2)",
        *(tenant.id, order(ring, 1)["id"]),
    )


async def lose_an_acknowledgement(ring: Arena, _tenant: Tenant) -> None:
    order(ring, 2)["ack"] = False


async def lose_a_cancellation(ring: Arena, _tenant: Tenant) -> None:
    order(ring, 3)["status"] = "canceled"


async def lose_an_invoice(ring: Arena, tenant: Tenant) -> None:
    await ring.sql(
        "INSERT INTO store.invoice (tenant_id, order_id, key, number, series, issued_at)"
        " SELECT tenant_id, id, repeat('1', 44), '1', '1', now() FROM store.sales_order"
        "  WHERE tenant_id = $1 AND pluggto_id = $2",
        *(tenant.id, order(ring, 4)["id"]),
    )


async def ship_twice(ring: Arena, _tenant: Tenant) -> None:
    order(ring, 5)["shipments"] = [{"id": "a"}, {"id": "b"}]


async def make_an_order_up(ring: Arena, tenant: Tenant) -> None:
    await ring.sql(
        "INSERT INTO store.sales_order (tenant_id, pluggto_id, status, customer, delivery, payments, subtotal,"
        " shipping, discount, total, placed_at) SELECT tenant_id, 'made up', status, customer, delivery, payments,"
        " subtotal, shipping, discount, total, placed_at FROM store.sales_order WHERE tenant_id = $1 LIMIT 1",
        tenant.id,
    )


async def create_twice(ring: Arena, tenant: Tenant) -> None:
    for _ in range(2):
        ring.hub.journal.record(
            at=0,
            account=tenant.user,
            method="POST",
            route="/products",
            path="/products",
            status=201,
            body=b'{"sku":"A"}',
            faults=(),
        )


async def write_without_lease(ring: Arena, tenant: Tenant) -> None:
    ring.writes.append(Write(ring.writes[-1].at, frozenset({1}), tenant.user, "PUT", "/skus/A/stock"))


async def count_units_wrong(ring: Arena, tenant: Tenant) -> None:
    await ring.sql("UPDATE store.stock SET reserved = reserved + 1 WHERE tenant_id = $1", tenant.id)


async def leave_an_item(ring: Arena, tenant: Tenant) -> None:
    await ring.sql("UPDATE rocksync.item SET state = 'pending', changed_at = now() WHERE tenant_id = $1", tenant.id)


async def blame_an_item(ring: Arena, tenant: Tenant) -> None:
    await ring.sql(
        "INSERT INTO rocksync.history (tenant_id, kind, key, action, reason)"
        " VALUES ($1, 'stock', 'A', 'refuse', 'rejected')",
        tenant.id,
    )


async def leave_a_change(ring: Arena, tenant: Tenant) -> None:
    await ring.sql("SELECT rocksync.mark_changed($1, 'stock', ARRAY['A'])", tenant.id)


async def stop_a_tenant(ring: Arena, tenant: Tenant) -> None:
    await ring.sql("UPDATE rocksync.tenant SET status = 'needs_credentials' WHERE id = $1", tenant.id)


async def tell_a_token(ring: Arena, tenant: Tenant) -> None:
    token = next(iter(ring.hub.tokens._access))
    await ring.sql("INSERT INTO rocksync.told_order VALUES ($1, 'x', $2)", tenant.id, f"refused: {token}")


async def tell_a_secret(ring: Arena, tenant: Tenant) -> None:
    secret = ring.hub.account(tenant.user).credentials.api_secret
    await ring.sql("UPDATE rocksync.schedule SET failure = $2 WHERE tenant_id = $1", tenant.id, secret)


async def tell_a_buyer(ring: Arena, tenant: Tenant) -> None:
    buyer = order(ring, 6)["payer_email"]
    await ring.sql("UPDATE rocksync.item SET detail = $2 WHERE tenant_id = $1", tenant.id, buyer)


async def log_a_key(ring: Arena, _tenant: Tenant) -> None:
    with ring.workers[0].log.open("a") as log:
        log.write(f"using {KEY}\n")


async def pass_a_secret_as_argument(ring: Arena, tenant: Tenant) -> None:
    ring.workers[0].arguments.append(f"worker --secret {ring.hub.account(tenant.user).credentials.client_secret}")


@pytest.mark.parametrize(
    ("tamper", "said"),
    [
        (lose_units, "quantity is"),
        (lose_a_price, "special_price is"),
        (lose_a_text, "name is 'another' at the hub"),
        (keep_a_photo, "photos is"),
        (lose_a_variation, "is not at the hub"),
        (lose_an_order, "is not in the store"),
        (lose_a_line, "its lines are"),
        (lose_an_acknowledgement, "is not acknowledged"),
        (lose_a_cancellation, "was cancelled and is approved in the store"),
        (lose_an_invoice, "nfe_key is"),
        (ship_twice, "has 2 shipments"),
        (make_an_order_up, "nobody placed it"),
        (create_twice, "was created 2 times"),
        (write_without_lease, "was sent by [1]"),
        (count_units_wrong, "reserved; counted are"),
        (leave_an_item, "is pending"),
        (blame_an_item, "stock A was blamed: rejected"),
        (leave_a_change, "changes were never folded"),
        (stop_a_tenant, "is needs_credentials"),
        (tell_a_token, "a token stands in rocksync.told_order"),
        (tell_a_secret, "an API secret stands in rocksync.schedule"),
        (tell_a_buyer, "a buyer's data stands in rocksync.item"),
        (log_a_key, "a key stands in the log of worker 0"),
        (pass_a_secret_as_argument, "a client secret stands in the arguments of worker 0"),
    ],
    ids=lambda value: getattr(value, "__name__", ""),
)
async def test_what_goes_wrong_is_said(
    ring: Arena, tamper: Callable[[Arena, Tenant], Awaitable[None]], said: str
) -> None:
    await ring.workers[0].kill()
    before = set(await found(ring))

    await tamper(ring, ring.tenants[0])

    assert [line for line in await found(ring) if line not in before and said in line]


def test_what_a_process_sent_it_sent_before_it_died_however_late_it_is_seen(tmp_path: Path) -> None:
    proxy = Proxy(0, "http")
    worker = Worker(environment={}, log=tmp_path / "log", hub=proxy, postgres=proxy, http_port=0)
    worker.died[7] = 100.0

    assert worker.sent_at({7}, 103.0) == 100.0
    assert worker.sent_at({7}, 99.0) == 99.0
    assert worker.sent_at({7, 8}, 103.0) == 103.0
    assert worker.sent_at((), 103.0) == 103.0
