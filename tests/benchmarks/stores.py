"""Tenants and their stores, by SQL: as operators and platforms write them, and as they are once all is in sync."""

from collections.abc import Sequence

import asyncpg

_ADD = """
SELECT rocksync.add_tenant('loja-' || n, 'Loja ' || n, 'loja-' || n || '.example',
                           'client-' || n, 'client-secret-' || n, 'user-' || n, 'user-secret-' || n)
  FROM generate_series($1::int, $1::int + $2::int - 1) AS n
"""
_ACTIVATE = """
SELECT rocksync.activate_tenant(slug) FROM rocksync.tenant WHERE id = ANY ($1::bigint[])
"""
_SPREAD = """
UPDATE rocksync.schedule s
   SET due_at = clock_timestamp() + random() * coalesce(s.every, d.every),
       reconciled_at = CASE WHEN s.kind = 'order' THEN clock_timestamp() END,
       watermark = CASE WHEN s.kind = 'order' THEN clock_timestamp() END
  FROM rocksync.default_interval d
 WHERE d.kind = s.kind
"""
_PRODUCTS = """
INSERT INTO store.product (tenant_id, sku, name)
SELECT t, 'SKU-' || lpad(n::text, 7, '0'), 'Produto SKU-' || lpad(n::text, 7, '0')
  FROM unnest($1::bigint[]) AS t, generate_series(1, $2::int) AS n
"""
_PRICES = """
INSERT INTO store.price (tenant_id, sku, price)
SELECT t, 'SKU-' || lpad(n::text, 7, '0'), 10 FROM unnest($1::bigint[]) AS t, generate_series(1, $2::int) AS n
"""
_STOCKS = """
INSERT INTO store.stock (tenant_id, sku, on_hand)
SELECT t, 'SKU-' || lpad(n::text, 7, '0'), 5 FROM unnest($1::bigint[]) AS t, generate_series(1, $2::int) AS n
"""
_ITEMS = """
INSERT INTO rocksync.item (tenant_id, kind, key, state, reason, accepted, accepted_at)
SELECT t, k.kind, s.sku, 'synced', 'in_sync',
       CASE k.kind WHEN 'product' THEN jsonb_build_object('sku', s.sku, 'name', 'Produto ' || s.sku, 'available', 1)
                   WHEN 'price' THEN '{"price": 10, "special_price": null}' ELSE '{"quantity": 5}' END,
       now()
  FROM unnest($1::bigint[]) AS t,
       (SELECT 'SKU-' || lpad(n::text, 7, '0') AS sku FROM generate_series(1, $2::int) AS n) s,
       (VALUES ('product'), ('price'), ('stock')) AS k (kind)
"""
_SETTLED = """
SELECT NOT EXISTS (SELECT FROM rocksync.item WHERE state = 'pending') AND NOT EXISTS (SELECT FROM rocksync.change)
"""
_EXPORT = (
    """
INSERT INTO store.product (tenant_id, sku, name, description, brand, ean, categories, weight_kg, height_cm, width_cm,
                           length_cm, attributes, photos, link)
SELECT $1::bigint, 'EXP-' || n, 'Panela de pressão ' || n, repeat('<p>Alumínio polido, cabo de baquelite.</p>', 12),
       'Marca Teste', '7891000000007', ARRAY['Casa > Cozinha > Panelas'], 1.85, 22, 24, 41,
       '{"Voltagem": "220V", "Cor": "Prata"}',
       ARRAY['https://img.example/' || n || '/1.jpg', 'https://img.example/' || n || '/2.jpg'],
       'https://loja.example/p/' || n
  FROM generate_series(1, $2::int) AS n
""",
    """
INSERT INTO store.variation (tenant_id, sku, product_sku, name, attributes)
SELECT $1::bigint, 'EXP-' || n || '-' || size, 'EXP-' || n, 'Tamanho ' || size, jsonb_build_object('Tamanho', size)
  FROM generate_series(3, $2::int, 3) AS n, unnest(ARRAY['P', 'M', 'G']) AS size
""",
    """
INSERT INTO store.price (tenant_id, sku, price, special_price)
SELECT tenant_id, sku, 129.90, CASE WHEN hashtext(sku) % 4 = 0 THEN 99.90 END
  FROM (SELECT tenant_id, sku FROM store.variation WHERE tenant_id = $1::bigint
        UNION ALL
        SELECT tenant_id, sku FROM store.product p WHERE tenant_id = $1::bigint
           AND NOT EXISTS (SELECT FROM store.variation v WHERE v.tenant_id = p.tenant_id AND v.product_sku = p.sku)) s
""",
    """
INSERT INTO store.stock (tenant_id, sku, on_hand)
SELECT tenant_id, sku, 12 FROM store.price WHERE tenant_id = $1::bigint
""",
)


async def add_tenants(pool: asyncpg.Pool, first: int, count: int) -> list[int]:
    """Add draft tenants for the hub's accounts *first* and on; returns their ids."""
    return sorted(row[0] for row in await pool.fetch(_ADD, first, count))


async def activate(pool: asyncpg.Pool, tenants: Sequence[int]) -> None:
    """Activate tenants, and let their passes fall due evenly over the interval, as those of old tenants do."""
    await pool.execute(_ACTIVATE, list(tenants))
    await spread(pool)


async def spread(pool: asyncpg.Pool) -> None:
    """Let all passes fall due evenly over their intervals; orders were read just now."""
    await pool.execute(_SPREAD)


async def be_immediate(pool: asyncpg.Pool) -> None:
    """Let price and stock of all tenants run as soon as something changes."""
    await pool.execute("UPDATE rocksync.schedule SET mode = 'immediate' WHERE kind IN ('price', 'stock')")


async def load_synced(dsn: str, tenants: Sequence[int], skus: int) -> None:
    """Give every tenant *skus* simple products with price and stock, all in sync with the hub."""
    connection = await asyncpg.connect(dsn)
    try:
        await connection.execute("SET session_replication_role = replica; SET synchronous_commit = off")
        for query in (_PRODUCTS, _PRICES, _STOCKS, _ITEMS):
            for start in range(0, len(tenants), 100):
                await connection.execute(query, list(tenants[start : start + 100]), skus)
        await connection.execute("VACUUM ANALYZE")
        await connection.execute("CHECKPOINT")
    finally:
        await connection.close()


async def load_export(pool: asyncpg.Pool, tenant: int, products: int) -> None:
    """Write a catalogue into the store of a draft tenant: every third product has three variations."""
    async with pool.acquire() as connection, connection.transaction():
        for query in _EXPORT:
            await connection.execute(query, *((tenant, products) if "$2" in query else (tenant,)))
    await pool.execute("ANALYZE")


async def change_stock(pool: asyncpg.Pool, tenant: int, value: int, *, most: int = 2**31 - 1) -> None:
    """Give the first *most* SKUs of a tenant another stock, by one statement."""
    await pool.execute(
        "UPDATE store.stock SET on_hand = $2 WHERE tenant_id = $1 AND sku <= 'SKU-' || lpad($3::int::text, 7, '0')",
        tenant,
        value,
        min(most, 9_999_999),
    )


async def change_all_stock(pool: asyncpg.Pool, value: int) -> None:
    """Give every SKU of every tenant another stock."""
    await pool.execute("UPDATE store.stock SET on_hand = $1", value)


async def pending(pool: asyncpg.Pool, tenant: int) -> int:
    """How much of a tenant is to be delivered yet."""
    return int(
        await pool.fetchval(
            "SELECT (SELECT count(*) FROM rocksync.item WHERE tenant_id = $1 AND state = 'pending')"
            " + (SELECT count(*) FROM rocksync.change WHERE tenant_id = $1)",
            tenant,
        )
    )


async def is_settled(pool: asyncpg.Pool) -> bool:
    """Whether nothing is pending."""
    return bool(await pool.fetchval(_SETTLED))
