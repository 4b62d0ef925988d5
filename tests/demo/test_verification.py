"""Both ends compared: nothing to say after a run, and a line for whatever differs."""

from collections.abc import AsyncIterator
from dataclasses import dataclass, replace

import pytest

from rocksync.app import App, open_app
from rocksync.demo.hub import DemoHub, demo_hub
from rocksync.demo.loading import Tenancy, onboard
from rocksync.demo.stores import demo_stores
from rocksync.demo.verification import differences
from rocksync.domain.tenancy import Credentials
from rocksync.postgres.vault import new_key
from rocksync.settings import Database, Pluggto, Secrets, Settings

STORE = replace(demo_stores()[0], mappers=(), settings={})
CREDENTIALS = Credentials(client_id="c", client_secret="s", api_user="u", api_secret="p")


@dataclass(frozen=True)
class Exported:
    """A store whose catalogue and one order went through a worker."""

    app: App
    hub: DemoHub
    tenancy: Tenancy

    async def differences(self) -> list[str]:
        return await differences(self.app, self.hub, self.tenancy)


@pytest.fixture
async def exported(database: str) -> AsyncIterator[Exported]:
    async with demo_hub(latency_s=0, seed=1) as hub:
        settings = Settings(
            database=Database(dsn=database),
            secrets=Secrets(keys=(new_key(),)),
            pluggto=Pluggto(base_url=hub.url, requests_per_second_per_tenant=1000),
        )
        async with open_app(settings) as app:
            account = await hub.register(CREDENTIALS, None)
            tenant = await onboard(app.database.pool, STORE, CREDENTIALS, {})
            tenancy = Tenancy(store=STORE, tenant=tenant, account=account)
            await app.run_once()
            await hub.order(account, [{"sku": "00042"}], status="approved", channel="Magalu")
            await app.run_once(tenants=[tenant])
            yield Exported(app, hub, tenancy)


CHANGES = {
    "name is": "UPDATE store.product SET name = 'outro nome' WHERE sku = '00042'",
    "price is": "UPDATE store.price SET price = price + 1 WHERE sku = '00042'",
    "quantity is": "UPDATE store.stock SET on_hand = on_hand + 1 WHERE sku = 'LIQ-1200-127'",
    "attributes is": "UPDATE store.variation SET attributes = '{\"Voltagem\": \"110V\"}' WHERE sku = 'LIQ-1200-127'",
    "photos is": "UPDATE store.product SET photos = '{https://fotos.example/x.jpg}' WHERE sku = '00042'",
    "weight is": "UPDATE store.product SET weight_kg = 77 WHERE sku = '00042'",
    "categories is": "UPDATE store.product SET categories = '{Casa}' WHERE sku = '00042'",
    "variations is": "INSERT INTO store.variation (tenant_id, sku, product_sku) SELECT tenant_id, 'X', 'LIQ-1200' FROM"
    " store.product WHERE sku = '00042'; INSERT INTO store.price SELECT tenant_id, 'X', 1 FROM store.product WHERE"
    " sku = '00042'; INSERT INTO store.stock SELECT tenant_id, 'X', 1 FROM store.product WHERE sku = '00042'",
    "is not at Plugg.to": "INSERT INTO store.price SELECT tenant_id, 'PIPOCA-5L', 1 FROM store.product"
    " WHERE sku = '00042'",
    "should not be": "DELETE FROM store.product WHERE sku = '00042'",
    "units is": "UPDATE store.sales_order_item SET quantity = 9",
    "status is": "UPDATE store.sales_order SET status = 'pending'",
    "NF-e is": "INSERT INTO store.invoice SELECT tenant_id, id, '1', '1', '1', now() FROM store.sales_order",
    "is not in the store": "DELETE FROM store.sales_order",
}


async def test_whatever_differs_is_said(exported: Exported):
    assert await exported.differences() == []

    for said, change in CHANGES.items():
        before = await exported.differences()
        await exported.app.database.pool.execute(change)
        found = set(await exported.differences()) - set(before)
        assert any(said in line for line in found), (said, found)
