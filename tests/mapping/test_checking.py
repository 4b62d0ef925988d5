"""Mappers are tried before they meet a client's items."""

import os

import pytest

from rocksync.mapping.checking import Finding, check
from rocksync.mapping.template import new_mapper_source
from tests.mapping.conftest import Folder


async def found(folder: Folder, text: str, **settings: object) -> list[Finding]:
    folder.write("acme", text)
    async with folder.opened() as mappers:
        return await check(mappers, "acme", settings)


@pytest.mark.parametrize("name", ["acme", "casa-da-panela", "loja_2"])
async def test_a_new_mapper_passes(folder: Folder, name: str) -> None:
    path = folder.path / f"{name}.py"
    path.write_text(new_mapper_source(name), encoding="utf-8")

    async with folder.opened() as mappers:
        assert await check(mappers, name) == []
        assert await check(mappers, name, {"brand": "Marca"}) == []
        assert any("brand must be a text" in one.detail for one in await check(mappers, name, {"brand": 3}))


@pytest.mark.parametrize("name", ["Acme", "../acme", "", "-acme", "a b"])
def test_no_mapper_has_a_name_that_is_no_file_name(name: str) -> None:
    with pytest.raises(ValueError, match="no mapper name"):
        new_mapper_source(name)


def test_no_mapper_has_a_name_that_no_file_can_have() -> None:
    assert new_mapper_source("a" * 100)
    with pytest.raises(ValueError, match="at most 100 characters, not 300"):
        new_mapper_source("a" * 300)


async def test_a_mapper_that_is_not_there_is_told(folder: Folder) -> None:
    async with folder.opened() as mappers:
        [finding] = await check(mappers, "acme")

    assert finding.blocks


async def test_a_mapper_that_cannot_be_loaded_is_told_with_its_line(folder: Folder) -> None:
    [finding] = await found(folder, "x = (")

    assert str(finding) == "acme.py:2: SyntaxError: '(' was never closed"


@pytest.mark.parametrize(
    ("hook", "argument"),
    [
        ("select_product", "product"),
        ("map_product", "payload"),
        ("map_price", "payload"),
        ("map_stock", "payload"),
        ("map_order", "document"),
        ("map_invoice", "payload"),
        ("map_shipment", "payload"),
    ],
)
async def test_an_error_in_any_hook_is_found_with_its_line(folder: Folder, hook: str, argument: str) -> None:
    findings = await found(folder, f"@hookimpl\ndef rocksync_{hook}({argument}):\n    {argument}['nothing']['there']\n")

    assert findings
    assert {(one.file, one.line, one.blocks) for one in findings} == {("acme.py", 4, True)}


@pytest.mark.parametrize("hook", ["map_order", "map_invoice", "map_shipment"])
async def test_an_error_over_an_order_is_told_in_full_as_it_is_nobodys(folder: Folder, hook: str) -> None:
    [finding, *_] = await found(
        folder, f"@hookimpl\ndef rocksync_{hook}(order):\n    raise ValueError(order.channel)\n"
    )

    assert finding.detail.endswith("ValueError: mercadolivre")


async def test_an_error_over_few_items_only_is_found(folder: Folder) -> None:
    [finding, *_] = await found(
        folder,
        "@hookimpl\ndef rocksync_map_price(price, payload):\n    payload['price'] / (price.price - price.price)\n",
    )

    assert "DivisionUndefined" in finding.detail or "DivisionByZero" in finding.detail


async def test_setting_an_item_aside_is_worth_knowing_and_no_fault(folder: Folder) -> None:
    findings = await found(
        folder,
        """
        @hookimpl
        def rocksync_map_product(payload):
            if "photos" not in payload:
                raise ItemError("no photo")
        """,
    )

    assert findings
    assert not any(one.blocks for one in findings)
    assert {(one.file, one.line) for one in findings} == {("acme.py", 6)}
    assert "no photo" in findings[0].detail


async def test_complaints_about_settings_are_told(folder: Folder) -> None:
    [finding] = await found(folder, "@hookimpl\ndef rocksync_check_settings(tenant):\n    return ['x is missing']\n")

    assert finding.detail == "acme: x is missing"


@pytest.mark.parametrize(
    "text",
    [
        "import itertools\nN = itertools.count()\nN = iter(__import__('random').sample(range(10**6), 10**5))\n",
        "import time\nN = iter(time.perf_counter_ns, 0)\n",
    ],
    ids=["chance", "clock"],
)
async def test_a_hook_that_does_not_give_the_same_twice_is_told(folder: Folder, text: str) -> None:
    hook = "@hookimpl\ndef rocksync_map_stock(payload):\n    payload['quantity'] = next(N)\n"

    [finding] = [one for one in await found(folder, text + hook) if one.blocks]

    assert "differently the second time" in finding.detail


async def test_a_mapper_that_hangs_is_told(folder: Folder) -> None:
    findings = await found(folder, "@hookimpl\ndef rocksync_map_stock():\n    while True: pass\n")

    assert findings[0].line == 4
    assert "not done within" in findings[0].detail


async def test_checking_leaves_no_bytecode_behind(folder: Folder) -> None:
    await found(folder, "@hookimpl\ndef rocksync_map_stock():\n    pass\n")

    assert "__pycache__" not in os.listdir(folder.path)  # noqa: PTH208 # one look
