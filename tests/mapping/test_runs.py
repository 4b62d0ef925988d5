"""Batches that go through mappers, and what is told of them."""

import asyncio
from dataclasses import replace

from rocksync.domain.documents import ProductDocument, StockDocument
from rocksync.mapping.mapper import open_mappers
from rocksync.mapping.runs import MapperRun
from tests.mapping.conftest import Folder
from tests.mapping.rows import listing, prices, stock, tenant

SLOW = """
import time

@hookimpl
def rocksync_map_stock():
    time.sleep(0.02)

@hookimpl
def rocksync_map_product(payload):
    payload["brand"] = "Marca"
"""


async def test_a_batch_is_told_with_its_time_and_its_failures_by_the_mapper_they_are_of(folder: Folder):
    folder.write("first", "\n@hookimpl\ndef rocksync_map_price(payload):\n    payload['price'] += 1\n")
    folder.write(
        "second",
        "\n@hookimpl\ndef rocksync_map_price(price):\n    if price.sku == 'SKU-2':\n        raise ValueError('no')\n",
    )
    told: list[MapperRun] = []

    async with open_mappers(folder.path, observe=told.append) as mappers:
        await mappers.prices(replace(tenant("both", 1), mappers=("first", "second")), prices(5))

    (run,) = told
    assert (run.mappers, run.items, dict(run.failed)) == (("first", "second"), 5, {"second": 1})
    assert run.took_s > 0


async def test_a_batch_is_not_late_for_having_waited_for_another_one_of_its_tenant(folder: Folder):
    folder.write("acme", SLOW)

    async with folder.opened() as mappers:
        stocks, [product] = await asyncio.gather(
            mappers.stocks(tenant(), [stock(f"SKU-{number}") for number in range(110)]),
            mappers.products(tenant(), [(listing(), None)]),
        )

    assert {type(answer) for answer in stocks} == {StockDocument}
    assert isinstance(product, ProductDocument)


async def test_without_mappers_nothing_is_told(folder: Folder):
    told: list[MapperRun] = []

    async with open_mappers(folder.path, observe=told.append) as mappers:
        await mappers.prices(tenant("plain", 1), prices(5))

    assert told == []
