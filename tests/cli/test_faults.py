"""Whatever goes wrong with a SKU or an order, ``explain`` names it by its code, and writes nothing anywhere."""

import hashlib

import pytest

from rocksync.cli.chain import chain
from rocksync.domain.reasons import Reason
from tests.cli import order_faults, sku_faults
from tests.cli.faults import Fault
from tests.worker.world import World

FAULTS = {
    name: found
    for module in (sku_faults, order_faults)
    for name, found in vars(module).items()
    if isinstance(found, Fault)
}


async def fingerprint(world: World) -> str:
    """All rows of all our tables and of the store, with the transaction that wrote each."""
    tables = await world.pool.fetch(
        "SELECT format('%I.%I', schemaname, tablename) AS name FROM pg_tables"
        " WHERE schemaname IN ('rocksync', 'store') ORDER BY 1"
    )
    digest = hashlib.sha256()
    for table in tables:
        rows = await world.pool.fetch(f"SELECT xmin::text, ctid::text, t::text FROM {table['name']} t ORDER BY ctid")
        digest.update(repr((table["name"], [tuple(row) for row in rows])).encode())
    return digest.hexdigest()


@pytest.mark.parametrize("name", FAULTS)
async def test_explain_names_the_fault_and_writes_nothing(world: World, name: str) -> None:
    what, key = await FAULTS[name].inject(world)
    before, mark = await fingerprint(world), world.mark()

    told = await chain(world.app, "loja", what, key, attempts=5)

    assert told.verdict.reason == FAULTS[name].code, told.verdict.detail
    assert told.next_action
    assert await fingerprint(world) == before
    writes = [e for e in world.hub.requests(after=mark) if e["method"] != "GET" and e["route"] != "/oauth/token"]
    assert writes == []


def test_every_code_is_met_by_a_fault() -> None:
    assert len(FAULTS) >= 25
    assert {found.code for found in FAULTS.values()} == set(Reason)
