"""What is refused after hooks, with the place that wrote it."""

import pytest

from rocksync.domain.documents import PriceDocument
from rocksync.domain.errors import ItemError
from rocksync.domain.reasons import Reason
from rocksync.mapping import samples
from tests.mapping.conftest import Folder
from tests.mapping.hooks import product, refused
from tests.mapping.rows import listing, price, prices, stock, tenant


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
        ("payload['cost'] = Decimal('1E+400')", "a number is NaN, infinite or too large"),
        ("payload['grouped_skus'] = [{'sku': 'A', 'x': Decimal('1E+400')}]", "a number is NaN, infinite or too large"),
        ("payload['description'] = 'a\\0b'", "NUL"),
        ("payload['description'] = '\\ud800'", "no JSON"),
        ("payload['origin'] = 9", "origin: Expected `int` <= 8"),
        ("payload['origin'] = -1", "origin: Expected `int` >= 0"),
        ("payload['warranty_time'] = 2.5", "warranty_time must be a whole number, not 2.5"),
        ("payload['handling_time'] = -1", "handling_time must be 0 or more, not -1"),
        ("payload['manufacture_time'] = 0.1", "manufacture_time must be a whole number, not 0.1"),
        ("payload['photos'] = [{'url': str(n)} for n in range(1001)]", "photos: Expected `array` of length <= 1000"),
        ("payload['price_table'] = [{}] * 1001", "price_table: Expected `array` of length <= 1000"),
        ("payload['description'] = 'x' * 1_000_000", "larger than 1,000,000 bytes"),
        ("payload['stock_table'] = [{'x': ['y' * 1000] * 1000}]", "larger than 1,000,000 bytes"),
        ("payload['name'] = ''", "name is empty"),
        ("payload['name'] = ' '", "name is empty"),
        ("del payload['name']", "name is missing"),
        ("payload.clear()", "name is missing"),
        ("payload[1] = 2", "str"),
        ("return payload", "returned a dict"),
        ("1 / 0", "ZeroDivisionError"),
        ("raise KeyboardInterrupt", "KeyboardInterrupt"),
    ],
)
async def test_rubbish_in_a_product_is_refused_with_its_place(folder: Folder, line: str, told: str) -> None:
    text = f"from decimal import Decimal\n@hookimpl\ndef rocksync_map_product(payload):\n    {line}\n"

    refused(await product(folder, text), told)


@pytest.mark.parametrize("name", ["''", "' '", "None"])
async def test_a_product_that_is_there_already_keeps_its_name_or_gets_another(folder: Folder, name: str) -> None:
    text = f"@hookimpl\ndef rocksync_map_product(payload):\n    payload['name'] = {name}\n"

    refused(await product(folder, text, {"sku": "PAN", "name": "Panela"}), "name is empty")


async def test_what_a_row_itself_has_too_much_of_is_not_laid_to_the_mapper(folder: Folder) -> None:
    text = "@hookimpl\ndef rocksync_map_product(payload):\n    payload['brand'] = 'x'\n"

    answer = await product(folder, text, description="x" * 1_000_000)

    assert isinstance(answer, ItemError)
    assert answer.reason is Reason.INVALID_ITEM


@pytest.mark.parametrize(
    ("line", "told"),
    [
        ("payload['nfe_link'] = 'x' * 1_000_000", "larger than 1,000,000 bytes"),
        ("payload['nfe_key'] = '1'", "nfe_key must have 44 digits"),
    ],
)
async def test_rubbish_in_an_invoice_is_refused_with_its_place(folder: Folder, line: str, told: str) -> None:
    folder.write("acme", f"@hookimpl\ndef rocksync_map_invoice(payload):\n    {line}\n")

    async with folder.opened() as mappers:
        [answer] = await mappers.orders(tenant(), [samples.parcels()[0]])

    refused(answer, told)


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


async def test_the_mapper_that_empties_a_price_to_create_with_is_named_not_the_one_after(folder: Folder) -> None:
    folder.write("bad", "@hookimpl\ndef rocksync_map_price(payload):\n    payload.clear()\n")
    folder.write("acme", "@hookimpl\ndef rocksync_map_price(payload):\n    payload['price'] += 1\n")

    async with folder.opened() as mappers:
        [answer] = await mappers.products(tenant(mappers=("bad",)), [(listing(), None)])

    assert isinstance(answer, ItemError)
    assert "mapper bad, bad.py line 3: left an invalid payload: price" in answer.detail


@pytest.mark.parametrize(
    ("line", "told"),
    [
        ("document['pluggto_id'] = 'x'", "pluggto_id"),
        ("document['status'] = 'shipped'", "status must stay 'approved'"),
        ("document['items'].clear()", "no lines"),
        ("document['items'][0]['quantity'] = 0", "items[0].quantity"),
        ("document['items'][0]['total'] = 'much'", "items[0].total"),
        ("document['items'][0]['total'] = '1.50'", "items[0].total must be a Decimal, not str"),
        ("document['total'] = 1.5", "total must be a Decimal, not float"),
        ("document['customer']['age'] = 3", "customer"),
        ("document['payments'] = [{}] * 1001", "payments: Expected `array` of length <= 1000"),
        ("document['customer']['name'] = 'x' * 1_000_000", "larger than 1,000,000 bytes"),
        ("document['note'] = 'x'", "invalid payload: an order of the store has no member `note`"),
        ("document['items'][0]['note'] = 'x'", "items[0]: an order of the store has no member `note`"),
        ("document['payments'].append({'x': {1, 2, object()}})", "no JSON"),
        ("document['total'] = Decimal('1E+400')", "too large"),
        ("document['payments'].append({'x': Decimal('NaN')})", "a number is NaN, infinite or too large"),
        ("del document['total']", "missing `total`"),
        ("document['placed_at'] = document['placed_at'].replace(tzinfo=None)", "zone"),
    ],
)
async def test_rubbish_in_an_order_is_refused_with_its_place(folder: Folder, line: str, told: str) -> None:
    folder.write("acme", f"from decimal import Decimal\n@hookimpl\ndef rocksync_map_order(document):\n    {line}\n")

    async with folder.opened() as mappers:
        [answer] = await mappers.orders(tenant(), [(samples.hub_orders()[0], None)])

    refused(answer, told)


@pytest.mark.parametrize("error", ["ValueError", "ItemError"])
@pytest.mark.parametrize("text", ["'a\\0b'", "'a\\ud800b'", "'x' * 2_000_000"], ids=["NUL", "surrogate", "long"])
async def test_what_an_error_says_can_be_stored_and_its_place_is_told(folder: Folder, error: str, text: str) -> None:
    hook = "@hookimpl\ndef rocksync_map_price(price):\n    if price.sku != 'SKU-9':\n"
    folder.write("acme", f"{hook}        raise {error}({text})\n")

    async with folder.opened() as mappers:
        *answers, last = await mappers.prices(tenant(), prices(10))

    for answer in answers:
        assert isinstance(answer, ItemError)
        assert "mapper acme, acme.py line 5" in answer.detail
        assert "\0" not in answer.detail
        assert len(answer.detail.encode()) < 2_100
    assert isinstance(last, PriceDocument)


@pytest.mark.parametrize("text", ["a\\0b", "a\\ud800b"])
async def test_a_complaint_that_cannot_be_stored_is_told_as_far_as_it_can(folder: Folder, text: str) -> None:
    folder.write("acme", f"@hookimpl\ndef rocksync_check_settings():\n    return ['{text}']\n")

    async with folder.opened() as mappers:
        [told] = await mappers.complaints(tenant())

    assert told.replace("?", "") == "acme: ab"


async def test_a_member_whose_name_cannot_be_stored_is_refused_by_the_rest_of_it(folder: Folder) -> None:
    text = "@hookimpl\ndef rocksync_map_product(payload):\n    payload['a\\0b'] = 1\n"

    refused(await product(folder, text), "no member `ab`")


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
