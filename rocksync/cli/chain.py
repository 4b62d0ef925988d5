"""Puts together what ``rocksync explain`` tells, from an open app. Writes nothing."""

from rocksync.app import App
from rocksync.domain.explanation import Explanation
from rocksync.domain.tenancy import Kind
from rocksync.postgres.desk import Desk
from rocksync.postgres.situations import situation
from rocksync.sync.explain_order import explain_order
from rocksync.sync.explain_sku import explain_sku


async def chain(app: App, slug: str, what: str, name: str, *, attempts: int) -> Explanation:
    """Return why the SKU or order (*what*) that goes by *name* is where it is. Raises: MisuseError."""
    tenant, pool = (await app.tenants.get(slug)).tenant, app.database.pool
    desk = Desk(pool)
    keys = await (desk.keys_of_sku if what == "sku" else desk.keys_of_order)(tenant.id, name)
    kept = await situation(pool, tenant.id, keys.by_kind)
    told = await desk.history(tenant.id, keys, limit=attempts)
    if what == "sku":
        explained = await explain_sku(tenant, name, keys.by_kind, deps=app.deps(), situation=kept, attempts=told)
        if any(part.verdict.fix for part in explained.parts):  # or it changed between the two readings
            kept = await situation(pool, tenant.id, keys.by_kind)
            explained = await explain_sku(tenant, name, keys.by_kind, deps=app.deps(), situation=kept, attempts=told)
        return explained
    order_id = keys.by_kind[Kind.ORDER]
    return await explain_order(tenant, name, order_id, deps=app.deps(), situation=kept, attempts=told)
