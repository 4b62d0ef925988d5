"""What mapping costs: ``python tests/benchmarks/mapping.py``; prints JSON.

Pages of items go through no mapper and through one small mapper by turns, so that both meet the same machine; medians
of all pages. The mapper's own time is measured apart and taken off. Besides, the worst delay of the event loop while
items are mapped, and how much longer a tenant's pages take beside another whose mapper is bad, for each kind of bad:
work for a processor alone, where ``neighbours`` measures the lag of a worker that runs.
"""

import asyncio
import gc
import json
import statistics
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable, Sequence
from decimal import Decimal
from pathlib import Path
from typing import Any

from rocksync.cli.running import collect_seldom, fast_loop
from rocksync.domain.catalog import Listing, Price, Product, Stock, Variation
from rocksync.domain.tenancy import Tenant, TenantId
from rocksync.mapping.mapper import Mappers, open_mappers

ITEMS = 50_000
REPEATS = 5
PAGE = 500
BUDGET_US = 20.0
LOOP_BUDGET_MS = 20.0
BLOCKS, BLOCK_S = 4, 0.5

MAPPER = """
from rocksync.mapping import hookimpl

@hookimpl
def rocksync_map_product(payload):
    payload["ncm"] = "76151000"

@hookimpl
def rocksync_map_price(price, payload):
    if price.sku.startswith("KIT-"):
        payload["special_price"] = None

@hookimpl
def rocksync_map_stock(payload):
    payload["quantity"] = max(payload["quantity"] - 1, 0)
"""

BAD_MAPPER = """
from rocksync.mapping import hookimpl

@hookimpl
def rocksync_map_price(price, payload, tenant):
    if price.sku.endswith("7"):
        {body}
"""
BAD = {
    "raises": "raise RuntimeError",
    "loops": "while True: pass",
    "sleeps": "import time; time.sleep(1000)",
    "rubbish": "payload['price'] = payload",
    "exits": "import os; os._exit(3)",
    "changes its row": "price.sku = 'X'",
    "allocates": "payload = [bytearray(2 ** 24) for _ in range(10 ** 6)]",
    "misses an import": "import not_there_at_all",
}
BAD_PAGE, BAD_PAUSE_S = 100, 0.25
BAD_DEADLINE_S = 0.5  # so that a block sees a mapper hang, ended, and started again

PLAIN = Tenant(id=TenantId(1), slug="plain", name="Plain", domain="plain.example")
MAPPED = Tenant(id=TenantId(2), slug="mapped", name="Mapped", domain="mapped.example")


def listing(number: int) -> Listing:
    sku = f"SKU-{number}"
    product = Product(
        sku=sku,
        name=f"Panela de pressão {number}",
        description="<p>Alumínio polido, cabo de baquelite.</p>" * 8,
        brand="Marca Teste",
        ean="7891000000007",
        categories=("Casa > Cozinha > Panelas",),
        weight_kg=Decimal("1.850"),
        height_cm=Decimal(22),
        width_cm=Decimal(24),
        length_cm=Decimal(41),
        attributes={"Voltagem": "220V", "Cor": "Prata"},
        photos=(f"https://img.example/{sku}/1.jpg", f"https://img.example/{sku}/2.jpg"),
        variations=tuple(
            Variation(sku=f"{sku}-{size}", product_sku=sku, name=size, attributes={"Tamanho": size}) for size in "PMG"
        )
        if number % 5 == 0
        else (),
    )
    skus = [one.sku for one in product.variations] or [sku]
    return Listing(
        product=product,
        prices={one: Price(sku=one, product_sku=sku, price=Decimal("129.90")) for one in skus},
        stocks={one: Stock(sku=one, product_sku=sku, on_hand=12) for one in skus},
    )


async def in_pages(convert: Callable[[Sequence[Any]], Awaitable[list[Any]]], rows: Sequence[Any]) -> float:
    """Seconds for all rows, a page at a time like a pass."""
    began = time.perf_counter()
    for start in range(0, len(rows), PAGE):
        answers = await convert(rows[start : start + PAGE])
        if any(isinstance(answer, Exception) for answer in answers):
            raise AssertionError(answers)
    return time.perf_counter() - began


async def compared(
    convert: Callable[[Tenant, Sequence[Any]], Awaitable[list[Any]]], rows: Sequence[Any], own_us: float
) -> dict[str, float]:
    plain, mapped = [], []
    for start in range(0, len(rows), PAGE):
        page = rows[start : start + PAGE]
        for _ in range(REPEATS):
            plain.append(await in_pages(lambda page: convert(PLAIN, page), page) / len(page) * 1e6)
            mapped.append(await in_pages(lambda page: convert(MAPPED, page), page) / len(page) * 1e6)
    without, with_one = statistics.median(plain), statistics.median(mapped)
    return {
        "without_us": round(without, 2),
        "with_one_mapper_us": round(with_one, 2),
        "own_time_us": round(own_us, 2),
        "added_us": round(with_one - without - own_us, 2),
        "ratio": round(with_one / without, 2),
    }


def own_time_us(call: Callable[[], object]) -> float:
    times = []
    for _ in range(REPEATS):
        began = time.perf_counter()
        for _ in range(10_000):
            call()
        times.append((time.perf_counter() - began) / 10_000 * 1e6)
    return statistics.median(times)


async def loop_delay_ms(work: Awaitable[object]) -> float:
    """The longest that the event loop kept a timer of a millisecond waiting while *work* went on."""
    worst = 0.0
    done = asyncio.ensure_future(work)
    while not done.done():
        began = time.perf_counter()
        await asyncio.sleep(0.001)
        worst = max(worst, (time.perf_counter() - began - 0.001) * 1000)
    await done
    return worst


def file_name(kind: str) -> str:
    return kind.replace(" ", "_")


async def beside(mappers: Mappers, kind: str, rows: Sequence[Any]) -> dict[str, float]:
    """How much longer a tenant's pages take while another's mapper is bad: blocks of pages alone and beside, by turns.

    Means of blocks, so that a page that waits for long counts; medians of the blocks.
    """
    slug = file_name(kind)
    bad = Tenant(id=TenantId(3), slug=slug, name=kind, domain="bad.example")

    async def page_after_page() -> None:
        while True:
            await mappers.prices(bad, rows[:BAD_PAGE])
            await asyncio.sleep(BAD_PAUSE_S)

    async def block_ms() -> float:
        pages, began = [], time.perf_counter()
        while time.perf_counter() - began < BLOCK_S:
            pages.append(await in_pages(lambda page: mappers.prices(MAPPED, page), rows))
        return statistics.mean(pages) * 1e3

    await block_ms()
    alone, together = [], []
    for _ in range(BLOCKS):
        alone.append(await block_ms())
        badly = asyncio.create_task(page_after_page())
        together.append(await block_ms())
        badly.cancel()
        await asyncio.wait([badly])
    ratio = statistics.median(two / one for one, two in zip(alone, together, strict=True))
    return {
        "alone_ms": round(statistics.median(alone), 2),
        "beside_ms": round(statistics.median(together), 2),
        "ratio": round(ratio, 2),
    }


async def measured(mappers: Mappers) -> dict[str, Any]:
    scope: dict[str, Any] = {}
    exec(compile(MAPPER, "mapped.py", "exec"), scope)  # noqa: S102 # the same functions, timed by themselves
    price = Price(sku="SKU-1", product_sku="SKU-1", price=Decimal("129.90"))
    listings = [(listing(number), None) for number in range(ITEMS // 10)]
    prices = [Price(sku=f"SKU-{n}", product_sku=f"SKU-{n}", price=Decimal("129.90")) for n in range(ITEMS)]
    stocks = [Stock(sku=f"SKU-{n}", product_sku=f"SKU-{n}", on_hand=n % 50) for n in range(ITEMS)]
    gc.collect()
    collect_seldom()  # as a worker does; a pass holds a page of rows, and collections are not to look at all of these
    offers = sum(len(one.prices) for one, _ in listings) / len(listings)
    price_us = own_time_us(lambda: scope["rocksync_map_price"](price, {"price": price.price}))
    stock_us = own_time_us(lambda: scope["rocksync_map_stock"]({"quantity": 3}))
    product_us = own_time_us(lambda: scope["rocksync_map_product"]({})) + offers * (price_us + stock_us)
    cost = {
        "product": await compared(mappers.products, listings, product_us),
        "price": await compared(mappers.prices, prices, price_us),
        "stock": await compared(mappers.stocks, stocks, stock_us),
    }
    many = listings * 10
    delay = {
        "without": round(await loop_delay_ms(in_pages(lambda page: mappers.products(PLAIN, page), many)), 2),
        "with_one_mapper": round(await loop_delay_ms(in_pages(lambda page: mappers.products(MAPPED, page), many)), 2),
    }
    return {"items": ITEMS, "cost_per_item": cost, "loop_delay_ms": delay}


async def main() -> int:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "mapped.py").write_text(MAPPER, encoding="utf-8")
        for kind, body in BAD.items():
            (folder / f"{file_name(kind)}.py").write_text(BAD_MAPPER.format(body=body), encoding="utf-8")
        async with open_mappers(folder) as mappers:
            result = await measured(mappers)
        async with open_mappers(folder, deadline_s=BAD_DEADLINE_S) as mappers:
            prices = [Price(sku=f"SKU-{n}", product_sku=f"SKU-{n}", price=Decimal("129.90")) for n in range(PAGE)]
            result["neighbour"] = {kind: await beside(mappers, kind, prices) for kind in BAD}
    result["met"] = (
        all(one["added_us"] <= BUDGET_US for one in result["cost_per_item"].values())
        and result["loop_delay_ms"]["with_one_mapper"] < LOOP_BUDGET_MS
    )
    sys.stdout.write(json.dumps(result, indent=2) + "\n")
    return 0 if result["met"] else 1


if __name__ == "__main__":
    with asyncio.Runner(loop_factory=fast_loop()) as runner:
        sys.exit(runner.run(main()))
