"""Migrations of a database that is in use: with views in the place of tables, and with rows that are refused by now."""

import json
import shutil
from pathlib import Path

import asyncpg
import pytest

from rocksync.domain.errors import SettingsError
from rocksync.postgres.migrate import folder, migrate

AS_IT_WAS = "0021"


async def upgraded(database: str, tmp_path: Path, *statements: str) -> asyncpg.Connection:
    """A database to which *statements* were done before the migrations from 0021 on."""
    for file in sorted(folder().glob("*.sql")):
        if file.name < AS_IT_WAS:
            shutil.copy(file, tmp_path)
    await migrate(database, tmp_path)
    connection = await asyncpg.connect(database)
    for statement in statements:
        await connection.execute(statement)
    await migrate(database, folder())
    return connection


async def test_views_may_stand_in_the_place_of_the_stores_tables(empty_database: str, tmp_path: Path) -> None:
    connection = await upgraded(
        empty_database,
        tmp_path,
        *(
            f"ALTER TABLE store.{name} SET SCHEMA public; CREATE VIEW store.{name} AS TABLE public.{name}"
            for name in ("product", "variation", "price", "stock")
        ),
    )

    assert await connection.fetchval("SELECT count(*) FROM store.stock") == 0
    await connection.close()


async def test_rows_that_would_be_refused_by_now_do_not_stop_an_upgrade(empty_database: str, tmp_path: Path) -> None:
    connection = await upgraded(
        empty_database,
        tmp_path,
        "INSERT INTO store.product (tenant_id, sku, photos) VALUES (1, 'A', '{{a},{b}}')",
        "INSERT INTO store.sales_order (tenant_id, id, status, total) VALUES (1, 1, 'pending', 1)",
        "UPDATE store.sales_order SET placed_at = 'infinity'",
        "INSERT INTO store.shipment (tenant_id, order_id, shipped_at) VALUES (1, 1, 'infinity')",
    )

    assert await connection.fetchval("SELECT count(*) FROM store.shipment") == 1
    await connection.close()


_KEEPS = """
CREATE FUNCTION public.keep() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN RAISE EXCEPTION 'not to be changed' USING ERRCODE = '{code}'; END $$;
CREATE TRIGGER keep BEFORE UPDATE ON store.{table} FOR EACH ROW WHEN (OLD.{condition}) EXECUTE FUNCTION public.keep()
"""


async def test_rows_that_would_be_refused_by_now_are_brought_within_bounds(empty_database: str, tmp_path: Path) -> None:
    connection = await upgraded(
        empty_database,
        tmp_path,
        "SELECT rocksync.add_tenant('casa', 'Casa', 'casa.example', 'client', 'secret', 'user', 'pass')",
        "UPDATE rocksync.tenant SET orders_since = 'infinity', status = 'active'",
        """INSERT INTO store.product (tenant_id, sku, categories, photos)
           VALUES (1, 'A', '{{Casa,Mesa}}', '{{a},{b}}'), (1, 'B', '{Casa}', '{}'), (1, 'C', '{}', '{a}')""",
        "INSERT INTO store.variation (tenant_id, sku, product_sku, photos) VALUES (1, 'A-1', 'A', '{{a},{b}}')",
        """INSERT INTO store.sales_order (tenant_id, id, status, total, placed_at)
           VALUES (1, 1, 'pending', 1, 'infinity'), (1, 2, 'pending', 1, NULL)""",
        """INSERT INTO store.invoice (tenant_id, order_id, key, number, series, issued_at)
           VALUES (1, 1, '35', '1', '1', '20261-07-15')""",
        """INSERT INTO store.shipment (tenant_id, order_id, shipped_at, delivered_at)
           VALUES (1, 1, '-infinity', 'infinity'), (1, 2, 'infinity', NULL)""",
        _KEEPS.format(table="product", condition="sku = 'B'", code="P0001"),
    )

    for statement in (
        "SELECT rocksync.pause_tenant('casa', 'stocktaking')",
        "UPDATE store.product SET name = 'Caneca' WHERE sku = 'A'",
        "UPDATE store.variation SET name = 'Caneca'",
        "UPDATE store.sales_order SET status = 'approved'",
        "UPDATE store.invoice SET cfops = '5102'",
        "UPDATE store.shipment SET carrier = 'Correios'",
    ):
        await connection.execute(statement)
    products = await connection.fetch("SELECT categories, photos FROM store.product ORDER BY sku")
    assert [tuple(row) for row in products] == [(["Casa", "Mesa"], ["a", "b"]), (["Casa"], []), ([], ["a"])]
    assert await connection.fetchval("SELECT photos FROM store.variation") == ["a", "b"]
    await connection.execute("SET TimeZone = 'UTC'")
    placed = await connection.fetch("SELECT placed_at::date::text FROM store.sales_order ORDER BY id")
    assert [tuple(row) for row in placed] == [("9999-12-30",), (None,)]
    sent = await connection.fetch(
        "SELECT shipped_at::date::text, delivered_at::date::text FROM store.shipment ORDER BY 1"
    )
    assert [tuple(row) for row in sent] == [("0001-01-01", "9999-12-30"), ("9999-12-30", None)]
    await connection.close()


@pytest.mark.parametrize("code", ["P0001", "23514", "42501", "ZZ001"])
async def test_rows_that_the_platform_keeps_as_they_are_do_not_stop_an_upgrade(
    empty_database: str, tmp_path: Path, code: str
) -> None:
    connection = await upgraded(
        empty_database,
        tmp_path,
        """INSERT INTO store.sales_order (tenant_id, id, status, total, placed_at)
           VALUES (1, 1, 'pending', 1, 'infinity')""",
        "INSERT INTO store.product (tenant_id, sku, photos) VALUES (1, 'A', '{{a},{b}}')",
        _KEEPS.format(table="sales_order", condition="id = 1", code=code),
    )

    assert await connection.fetchval("SELECT placed_at::text FROM store.sales_order") == "infinity"
    assert await connection.fetchval("SELECT photos FROM store.product") == ["a", "b"]
    await connection.close()


async def test_a_refusal_that_passes_stops_an_upgrade_and_leaves_no_row_as_it_is(
    empty_database: str, tmp_path: Path
) -> None:
    with pytest.raises(SettingsError, match=r"0027_imported\.sql failed: .*not to be changed"):
        await upgraded(
            empty_database,
            tmp_path,
            """INSERT INTO store.sales_order (tenant_id, id, status, total, placed_at)
               VALUES (1, 1, 'pending', 1, 'infinity')""",
            _KEEPS.format(table="sales_order", condition="id = 1", code="40001"),
        )


async def test_the_keys_of_invoices_from_before_are_known_as_told(empty_database: str, tmp_path: Path) -> None:
    connection = await upgraded(
        empty_database,
        tmp_path,
        "SELECT rocksync.add_tenant('casa', 'Casa', 'casa.example', 'client', 'secret', 'user', 'pass')",
        """INSERT INTO store.sales_order (tenant_id, id, pluggto_id, status, total)
           VALUES (1, 1, 'invoiced', 'approved', 1), (1, 2, 'waits', 'approved', 1)""",
        """INSERT INTO store.invoice (tenant_id, order_id, key, number, series, issued_at)
           VALUES (1, 1, '35 ', '1', '1', now())""",
        """INSERT INTO rocksync.hub_order (tenant_id, id, status, digest)
           VALUES (1, 'invoiced', 'invoiced', ''), (1, 'waits', 'approved', '')""",
    )

    told = await connection.fetch("SELECT told FROM rocksync.hub_order ORDER BY id")
    assert [json.loads(row["told"]) for row in told] == [{"invoice": {"payload": {"nfe_key": "35"}, "done": False}}, {}]
    await connection.close()


async def test_orders_that_were_imported_before_count_as_imported(empty_database: str, tmp_path: Path) -> None:
    connection = await upgraded(
        empty_database,
        tmp_path,
        "SELECT rocksync.add_tenant('casa', 'Casa', 'casa.example', 'client', 'secret', 'user', 'pass')",
        """INSERT INTO store.sales_order (tenant_id, pluggto_id, status, total)
           VALUES (1, 'waits', 'pending', 1), (1, 'sent', 'shipped', 1)""",
        """INSERT INTO rocksync.hub_order (tenant_id, id, status, digest)
           VALUES (1, 'waits', 'pending', ''), (1, 'sent', 'shipped', ''), (1, 'deleted', 'paid', ''),
                  (1, 'deleted, on', 'picking', ''), (1, 'parked', 'approved', ''), (1, 'late', 'picking', '')""",
        """INSERT INTO rocksync.item (tenant_id, kind, key, state, reason, accepted_at)
           VALUES (1, 'order', 'waits', 'synced', 'in_sync', now()),
                  (1, 'order', 'deleted', 'synced', 'in_sync', now()),
                  (1, 'order', 'deleted, on', 'skipped', 'not_selected', now()),
                  (1, 'order', 'parked', 'quarantined', 'unknown_sku', NULL)""",
    )

    rows = await connection.fetch(
        "SELECT id, imported_at IS NOT NULL, importable_as FROM rocksync.hub_order ORDER BY id"
    )
    assert [tuple(row) for row in rows] == [
        ("deleted", True, "approved"),
        ("deleted, on", True, "pending"),
        ("late", False, None),
        ("parked", False, "approved"),
        ("sent", True, "approved"),
        ("waits", True, "pending"),
    ]
    await connection.close()


async def test_kinds_that_were_made_automatic_by_sql_and_never_ran_since_are_due(
    empty_database: str, tmp_path: Path
) -> None:
    connection = await upgraded(
        empty_database,
        tmp_path,
        "SELECT rocksync.add_tenant('casa', 'Casa', 'casa.example', 'client', 'secret', 'user', 'pass')",
        "SELECT rocksync.activate_tenant('casa')",
        "SELECT rocksync.set_schedule('casa', kind, 'manual') FROM unnest('{price,stock}'::text[]) AS kind",
        "UPDATE rocksync.schedule SET mode = 'automatic' WHERE kind = 'stock'",
    )

    due = await connection.fetch("SELECT kind FROM rocksync.schedule WHERE due_at <= now() ORDER BY kind")
    assert [kind for (kind,) in due] == ["order", "product", "stock"]
    await connection.close()


async def test_settings_that_could_not_be_meant_are_as_they_counted(empty_database: str, tmp_path: Path) -> None:
    given = {
        "a": {"tell_orders": "yes", "gate": None, "buffer": "2"},
        "b": {"gate": {"max_zero_prcent": 5}},
        "c": {"gate": 30},
        "d": {"gate": {"max_zero_percent": "5.5", "max_price_change_percent": "muito"}},
        "e": {"gate": {"max_zero_percent": -1, "max_price_change_percent": None}},
        "f": {"gate": {"max_zero_percent": 5, "max_price_change_percent": 2e9}, "tell_orders": True},
        "g": {"gate": {"max_zero_percent": [5], "max_price_change_percent": False}},
    }
    connection = await upgraded(
        empty_database,
        tmp_path,
        *(
            f"""SELECT rocksync.add_tenant('{slug}', 'A', 'a.example', 'client', 'secret', 'user', 'pass',
                                           settings => '{json.dumps(settings)}')"""
            for slug, settings in given.items()
        ),
    )

    rows = await connection.fetch("SELECT slug, settings FROM rocksync.tenant")
    assert {row["slug"]: json.loads(row["settings"]) for row in rows} == {
        "a": {"gate": None, "buffer": "2"},
        "b": {"gate": {}},
        "c": {"gate": {"max_zero_percent": 0, "max_price_change_percent": 0}},
        "d": {"gate": {"max_zero_percent": 5.5, "max_price_change_percent": 0}},
        "e": {"gate": {"max_zero_percent": 0, "max_price_change_percent": None}},
        "f": given["f"],
        "g": {"gate": {"max_zero_percent": 0, "max_price_change_percent": 0}},
    }
    audit = await connection.fetch("SELECT slug, what FROM rocksync.audit WHERE action = 'tenant set' ORDER BY slug")
    assert [row["slug"] for row in audit] == ["a", "b", "c", "d", "e", "g"]
    assert json.loads(audit[1]["what"]) == {"settings": ["gate"], "gate_was": {"max_zero_prcent": 5}}
    await connection.close()


async def test_a_tenant_with_mappers_that_cannot_be_stays_without_one_of_them(
    empty_database: str, tmp_path: Path
) -> None:
    connection = await upgraded(
        empty_database,
        tmp_path,
        """SELECT rocksync.add_tenant(slug, 'A', 'a.example', 'client', 'secret', 'user', 'pass', mappers => names)
             FROM (VALUES ('a', '{kits,../x,"",Acme.Kits}'::text[]), ('b', '{kits}'), ('c', '{}')) AS v (slug, names)
            ORDER BY slug""",
    )

    rows = await connection.fetch("SELECT mappers FROM rocksync.tenant ORDER BY slug")
    assert [row["mappers"] for row in rows] == [["kits", "unknown-.._x", "unknown-", "Acme.Kits"], ["kits"], []]
    audit = await connection.fetch("SELECT what FROM rocksync.audit WHERE action = 'tenant set'")
    assert [json.loads(row["what"])["mappers_were"] for row in audit] == [["kits", "../x", "", "Acme.Kits"]]
    await connection.close()


async def test_what_swept_orders_left_behind_is_deleted(empty_database: str, tmp_path: Path) -> None:
    connection = await upgraded(
        empty_database,
        tmp_path,
        "SELECT rocksync.add_tenant('casa', 'Casa', 'casa.example', 'client', 'secret', 'user', 'pass')",
        "INSERT INTO rocksync.hub_order (tenant_id, id, status, digest) VALUES (1, 'seen', 'picking', '')",
        """INSERT INTO rocksync.item (tenant_id, kind, key, state, reason, accepted_at, next_attempt_at)
           VALUES (1, 'order', 'swept', 'skipped', 'not_selected', NULL, now() - interval '31 days'),
                  (1, 'order', 'seen', 'skipped', 'not_selected', NULL, now() - interval '31 days'),
                  (1, 'order', 'new', 'skipped', 'not_selected', NULL, now() - interval '29 days'),
                  (1, 'order', 'told', 'skipped', 'not_selected', now(), now() - interval '31 days'),
                  (1, 'order', 'waits', 'quarantined', 'rejected', NULL, now() - interval '31 days'),
                  (1, 'stock', 'A', 'skipped', 'inactive', NULL, now() - interval '31 days')""",
    )

    kept = await connection.fetch("SELECT key FROM rocksync.item ORDER BY key")
    assert [row["key"] for row in kept] == ["A", "new", "seen", "told", "waits"]
    await connection.close()
