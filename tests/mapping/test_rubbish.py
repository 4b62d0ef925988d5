"""What is refused after hooks, with the place that wrote it."""

import pytest

from rocksync.domain.errors import ItemError
from rocksync.mapping import samples
from tests.mapping.conftest import Folder
from tests.mapping.hooks import product, refused
from tests.mapping.rows import listing, price, stock, tenant


@pytest.mark.parametrize(
    ("line", "told"),
    [
        ("payload['price'] = 3", "rocksync_map_price"),
        ("payload['quantity'] = 3", "rocksync_map_stock"),
        ("payload['sku'] = 'X'", "sku must stay 'PAN'"),
        ("payload['brand'] = 3", "brand: Expected `str`, got `int`"),
        ("payload['available'] = True", "available"),
        ("payload['available'] = 2", "available"),
        ("payload['bradn'] = 'x'", "no member `bradn`"),
        ("payload['attributes'] = [{'code': 'a'}]", "attributes[0]: missing `label`"),
        ("payload['categories'] = [{'name': 'A'}, {'name': 'A'}]", "categories has 'A' twice"),
        ("payload['dimension'] = {'weight': -1}", "dimension"),
        ("payload['dimension'] = {'weight': float('nan')}", "dimension"),
        ("payload['variations'] = [{'sku': 'NEW'}]", "variations must stay"),
        ("payload['price_table'] = [{'code': object()}]", "no JSON"),
        ("payload['description'] = 'a\\0b'", "NUL"),
        ("payload['description'] = '\\ud800'", "no JSON"),
        ("del payload['name']", "name is missing"),
        ("payload.clear()", "name is missing"),
        ("payload[1] = 2", "str"),
        ("return payload", "returned a dict"),
        ("1 / 0", "ZeroDivisionError"),
        ("raise KeyboardInterrupt", "KeyboardInterrupt"),
    ],
)
async def test_rubbish_in_a_product_is_refused_with_its_place(folder: Folder, line: str, told: str) -> None:
    refused(await product(folder, f"@hookimpl\ndef rocksync_map_product(payload):\n    {line}\n"), told)


@pytest.mark.parametrize(
    ("line", "told"),
    [
        ("payload['price'] = 1.5", "price must be a Decimal, not float"),
        ("payload['price'] = None", "price must be a Decimal, not None"),
        ("payload['price'] = 0", "price must be above 0"),
        ("payload['special_price'] = 11", "special_price 11.00 is above price 10.00"),
        ("payload['special_price'] = -1", "special_price must be above 0"),
        ("payload['quantity'] = 1", "no member 'quantity'"),
    ],
)
async def test_rubbish_in_a_price_is_refused_with_its_place(folder: Folder, line: str, told: str) -> None:
    folder.write("acme", f"@hookimpl\ndef rocksync_map_price(payload):\n    {line}\n")

    async with folder.opened() as mappers:
        [answer] = await mappers.prices(tenant(), [price()])

    refused(answer, told)


@pytest.mark.parametrize(
    ("line", "told"),
    [
        ("payload['quantity'] = 1.0", "quantity must be an int, not float"),
        ("payload['quantity'] = True", "quantity must be an int, not bool"),
        ("payload['quantity'] = -1", "quantity must be 0 or more"),
        ("payload.clear(); payload['x'] = 1", "no member 'x'"),
    ],
)
async def test_rubbish_in_a_stock_is_refused_with_its_place(folder: Folder, line: str, told: str) -> None:
    folder.write("acme", f"@hookimpl\ndef rocksync_map_stock(payload):\n    {line}\n")

    async with folder.opened() as mappers:
        [answer] = await mappers.stocks(tenant(), [stock()])

    refused(answer, told)


@pytest.mark.parametrize(
    ("line", "told"),
    [
        ("document['pluggto_id'] = 'x'", "pluggto_id"),
        ("document['status'] = 'shipped'", "status must stay 'approved'"),
        ("document['items'].clear()", "no lines"),
        ("document['items'][0]['quantity'] = 0", "items[0].quantity"),
        ("document['items'][0]['total'] = 'much'", "items[0].total"),
        ("document['customer']['age'] = 3", "customer"),
        ("document['note'] = 'x'", "no member `note`"),
        ("document['payments'].append({'x': {1, 2, object()}})", "no JSON"),
        ("del document['total']", "missing `total`"),
        ("document['placed_at'] = document['placed_at'].replace(tzinfo=None)", "zone"),
    ],
)
async def test_rubbish_in_an_order_is_refused_with_its_place(folder: Folder, line: str, told: str) -> None:
    folder.write("acme", f"@hookimpl\ndef rocksync_map_order(document):\n    {line}\n")

    async with folder.opened() as mappers:
        [answer] = await mappers.orders(tenant(), [(samples.hub_orders()[0], None)])

    refused(answer, told)


async def test_an_error_over_an_order_does_not_quote_it(folder: Folder) -> None:
    folder.write("acme", "@hookimpl\ndef rocksync_map_order(order):\n    raise ValueError(order.customer['name'])\n")

    async with folder.opened() as mappers:
        [answer] = await mappers.orders(tenant(), [(samples.hub_orders()[0], None)])

    refused(answer, "ValueError")
    assert isinstance(answer, ItemError)
    assert "Fulano" not in answer.detail


async def test_the_mapper_that_wrote_rubbish_is_named_not_the_one_after(folder: Folder) -> None:
    folder.write("bad", "@hookimpl\ndef rocksync_map_product(payload):\n    payload['brand'] = 1\n")
    folder.write("acme", "@hookimpl\ndef rocksync_map_product(payload):\n    payload['model'] = 'x'\n")

    async with folder.opened() as mappers:
        [answer] = await mappers.products(tenant(mappers=("bad",)), [(listing(), None)])

    assert isinstance(answer, ItemError)
    assert answer.detail.startswith("mapper bad, bad.py line 3: left an invalid payload: brand")
