"""What no worker can read is refused where it is written."""

import asyncpg
import pytest

from rocksync.store.orders import StoreOrders
from tests.store.shop import ID, RAW, Shop, document, invoice


@pytest.mark.parametrize(
    ("statement", "constraint"),
    [
        ("UPDATE store.product SET categories = '{{Casa,Cozinha}}'", "product_categories_are_a_plain_array"),
        ("UPDATE store.product SET photos = '{{a},{b}}'", "product_photos_are_a_plain_array"),
        ("UPDATE store.variation SET photos = '{{a},{b}}'", "variation_photos_are_a_plain_array"),
        ("UPDATE store.sales_order SET placed_at = '20261-07-15'", "sales_order_placed_at_is_a_date"),
        ("UPDATE store.invoice SET issued_at = 'infinity'", "invoice_issued_at_is_a_date"),
        ("UPDATE store.shipment SET shipped_at = '20261-07-15'", "shipment_shipped_at_is_a_date"),
        ("UPDATE store.shipment SET delivered_at = '0044-03-15 BC'", "shipment_delivered_at_is_a_date"),
        ("UPDATE rocksync.tenant SET orders_since = '-infinity'", "tenant_orders_since_is_a_date"),
    ],
)
async def test_a_value_that_would_stop_the_tenant_is_refused_by_name(
    shop: Shop, orders: StoreOrders, statement: str, constraint: str
) -> None:
    await shop.sell("A")
    await shop.vary("A", "A-1")
    store = await orders.import_order(shop.lease, document(ID, ("A-1", 1)), RAW, reserve=True)
    await invoice(shop.pool, shop, store.id)
    await shop.pool.execute("INSERT INTO store.shipment (tenant_id, order_id) VALUES ($1, $2)", shop.id, store.id)

    with pytest.raises(asyncpg.CheckViolationError) as refused:
        await shop.pool.execute(statement)

    assert refused.value.constraint_name == constraint
