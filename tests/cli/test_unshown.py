"""Reservations that the store does not show: that the check says so."""

import asyncpg
import pytest

from tests.worker.world import World

from .conftest import Command


@pytest.mark.parametrize(
    ("columns", "named"),
    [
        ("on_hand, 0 AS reserved, updated_at", "reserved"),
        ("on_hand + 0 AS on_hand, reserved, now() AS updated_at", "on_hand, updated_at"),
        ("on_hand, reserved, updated_at", None),
    ],
)
async def test_the_check_names_what_of_a_view_would_show_reservations_and_cannot_be_written(
    rocksync: Command, world: World, connection: asyncpg.Connection, columns: str, named: str | None
) -> None:
    await world.shop()
    await world.shop("outra", reserve_stock=False)
    await connection.execute(
        f"""ALTER TABLE store.stock RENAME TO warehouse;
            CREATE VIEW store.stock AS SELECT tenant_id, sku, {columns} FROM store.warehouse"""
    )

    ended = await rocksync("tenant", "check", "loja", "--json")
    without = await rocksync("tenant", "check", "outra", "--json")

    found = [each for each in ended.json["findings"] if each["code"] == "stock_unwritable"]
    assert [each["message"].rpartition(": ")[2] for each in found] == ([named] if named else [])
    assert {each["severity"] for each in found} <= {"warns"}
    assert "stock_unwritable" not in without.out
