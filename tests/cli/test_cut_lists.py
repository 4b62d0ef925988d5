"""Lists that do not show all that there is say so, on standard error alone."""

import asyncpg
import pytest

from .conftest import Command

FILLED = """
SELECT rocksync.add_tenant('loja', 'Loja', 'loja.example', 'client', 'secret', 'user', 'pass');
INSERT INTO rocksync.item (tenant_id, kind, key, state, reason)
SELECT 1, 'stock', n::text, 'quarantined', 'rejected' FROM generate_series(1, 1203) n;
INSERT INTO store.product (tenant_id, sku) VALUES (1, '7');
INSERT INTO rocksync.history (tenant_id, kind, key, action, reason)
SELECT 1, 'stock', '7', 'stock', 'rejected' FROM generate_series(1, 51);
INSERT INTO rocksync.audit (who, action) SELECT 'ana', 'sync' FROM generate_series(1, 101)
"""
CUT = {
    "quarantine list": "1,000 of 1,203 are shown: --limit\n",
    "quarantine list loja --limit 5": "5 of 1,203 are shown: --limit\n",
    "quarantine list --limit 1203": "",
    "quarantine list --key 7 --limit 1": "",
    "history loja sku 7": "the latest 50 are shown: --limit\n",
    "history loja sku 7 --limit 51": "",
    "audit": "the latest 100 are shown: --limit\n",
    "audit loja": "",
}


@pytest.mark.parametrize("line", CUT)
@pytest.mark.parametrize("option", [(), ("--json",)], ids=["table", "json"])
async def test_a_list_says_that_it_is_cut(
    rocksync: Command, connection: asyncpg.Connection, line: str, option: tuple[str, ...]
) -> None:
    await connection.execute(FILLED)

    ended = await rocksync(*line.split(), *option)

    assert (ended.code, ended.err) == (0, CUT[line])
