"""What holds for every ready mapper."""

import ast
from pathlib import Path

import pytest

from rocksync.domain.documents import ProductDocument, Skip
from rocksync.domain.tenancy import Tenant
from rocksync.mapping import samples
from rocksync.mapping.checking import check
from rocksync.mapping.mapper import Mappers
from tests.mappers.conftest import FOLDER, Using
from tests.mapping.rows import listing, price, stock, tenant

NAMES = sorted(path.stem for path in FOLDER.glob("*.py"))
SETTINGS = {
    "category_filter": {"only": ["Casa"], "never": ["Casa > Usados"]},
    "field_locks": ["name", "photos", "price", "quantity"],
    "fiscal_fields": {"all": {"origin": 0, "handling_time": 2}, "attributes": {"ncm": "NCM"}},
    "order_notes": {"text": "Canal {channel}", "from": ["receiver_additional_info"]},
    "price_markup": {"percent": 12.5, "add": 1, "ending": 0.9},
    "stock_buffer": {"units": 1, "share": 0.1, "at_most": 20},
    "title_rules": {"prefix": "Oferta", "brand": "last", "max_length": 20},
}


def test_there_are_settings_to_try_each_with() -> None:
    assert sorted(SETTINGS) == NAMES


@pytest.mark.parametrize("name", NAMES)
async def test_it_passes_the_check_with_and_without_settings(ready: Mappers, name: str) -> None:
    assert await check(ready, name) == []
    assert await check(ready, name, {name: SETTINGS[name]}) == []


@pytest.mark.parametrize("name", NAMES)
async def test_without_settings_it_changes_nothing(ready: Mappers, using: Using, name: str) -> None:
    client, plain = using(name).tenant, tenant("plain", 999)
    listings = [(row, None) for row in samples.listings()]
    orders = [(order, None) for order in samples.hub_orders()]

    async def all_of(whose: Tenant) -> list[object]:
        return [
            await ready.products(whose, listings),
            await ready.prices(whose, samples.prices()),
            await ready.stocks(whose, samples.stocks()),
            await ready.orders(whose, orders),
        ]

    assert await all_of(client) == await all_of(plain)


@pytest.mark.parametrize("name", NAMES)
async def test_it_leaves_alone_what_a_lock_before_it_took_out(ready: Mappers, name: str) -> None:
    settings = {name: SETTINGS[name]} | {"field_locks": ["name", "price", "quantity"]}
    client = tenant(f"locked-{name}", 2000 + NAMES.index(name), mappers=("field_locks", name), **settings)
    held = {"sku": "PAN", "name": "Panela"}

    [product] = await ready.products(client, [(listing(categories=("Casa",)), held)])
    [priced] = await ready.prices(client, [price()])
    [stocked] = await ready.stocks(client, [stock()])

    assert isinstance(product, ProductDocument)
    assert "name" not in product.payload
    assert [type(answer) for answer in (priced, stocked)] == [Skip, Skip]


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("settings", ["text", 3, {"unknown": 1}, ["unknown"], {"all": 3}])
async def test_settings_it_cannot_use_are_complained_about(using: Using, name: str, settings: object) -> None:
    complaints = await using(name, settings).complaints()

    assert complaints
    assert all(text.startswith(f"{name}: {name}") for text in complaints)


@pytest.mark.parametrize("name", NAMES)
def test_it_imports_only_the_standard_library_and_what_mappers_may(name: str) -> None:
    tree = ast.parse(Path(FOLDER / f"{name}.py").read_text(encoding="utf-8"))
    modules = {node.module for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)} | {
        alias.name for node in ast.walk(tree) if isinstance(node, ast.Import) for alias in node.names
    }

    assert modules <= {
        *("rocksync.mapping", "collections.abc", "decimal", "math", "re", "string", "typing", "unicodedata")
    }
