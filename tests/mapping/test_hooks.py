"""What hooks are given, what they may change, and what is refused after them."""

from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest

from rocksync.domain.documents import OrderTask, PriceDocument, ProductDocument, Skip, StockDocument
from rocksync.domain.errors import ItemError
from rocksync.domain.reasons import Reason
from rocksync.domain.tenancy import Tenant
from rocksync.mapping import samples
from tests.mapping.conftest import Folder
from tests.mapping.hooks import product, refused
from tests.mapping.rows import listing, price, shirt, stock, tenant


async def test_a_mapper_changes_every_kind(folder: Folder) -> None:
    folder.write(
        "acme",
        """
        from decimal import Decimal

        @hookimpl
        def rocksync_map_product(payload, product, tenant):
            payload["ncm"] = tenant.settings["ncm"]
            payload["name"] = product.name.upper()

        @hookimpl
        def rocksync_map_price(payload):
            payload["price"] *= Decimal("1.1")

        @hookimpl
        def rocksync_map_stock(payload):
            payload["quantity"] -= 1

        @hookimpl
        def rocksync_map_order(document, order):
            document["delivery"]["notes"] = order.document["receiver_additional_info"]
            document["total"] += order.document["total"]

        @hookimpl
        def rocksync_map_invoice(payload, invoice):
            payload["nfe_link"] = "https://nfe.example/" + invoice.number

        @hookimpl
        def rocksync_map_shipment(payload, shipment, order):
            payload["shipping_method"] = f"{shipment.method} {order.channel}"
        """,
    )
    client = tenant(ncm="76151000")
    order, store = samples.parcels()[0]

    async with folder.opened() as mappers:
        [made] = await mappers.products(client, [(listing(), None)])
        [priced] = await mappers.prices(client, [price()])
        [stocked] = await mappers.stocks(client, [stock()])
        [fresh] = await mappers.orders(client, [(order, None)])
        [sent] = await mappers.orders(client, [(order, store)])

    assert isinstance(made, ProductDocument)
    assert made.payload == {"sku": "PAN", "name": "PANELA", "available": 1, "ncm": "76151000"}
    assert made.offers["PAN"].price["price"] == Decimal("11.00")
    assert made.offers["PAN"].stock == {"quantity": 2}
    assert isinstance(priced, PriceDocument)
    assert priced.payload == {"price": Decimal("11.00"), "special_price": None}
    assert isinstance(stocked, StockDocument)
    assert stocked.payload == {"quantity": 2}
    assert isinstance(fresh, OrderTask)
    assert fresh.document is not None
    assert fresh.document["delivery"]["notes"] == "Portaria 2"
    assert fresh.document["total"] == Decimal("419.40")
    assert fresh.document["payments"] == [dict(payment) for payment in order.payments]
    assert fresh.document["placed_at"] == order.placed_at
    assert isinstance(sent, OrderTask)
    assert sent.invoice is not None
    assert sent.invoice["nfe_link"] == "https://nfe.example/12"
    assert sent.shipment is not None
    assert sent.shipment["shipping_method"] == "PAC mercadolivre"


async def test_mappers_run_in_the_tenants_order_and_the_slugs_own_last(folder: Folder) -> None:
    for name in ("first", "second", "acme"):
        folder.write(name, f"@hookimpl\ndef rocksync_map_product(payload):\n    payload['name'] += ' {name}'\n")

    async with folder.opened() as mappers:
        [made] = await mappers.products(tenant(mappers=("second", "first")), [(listing(), None)])
        used = mappers.used_by(tenant(mappers=("second", "first")))

    assert isinstance(made, ProductDocument)
    assert made.payload["name"] == "Panela second first acme"
    assert used == ["second", "first", "acme"]


async def test_the_first_mapper_with_an_opinion_selects(folder: Folder) -> None:
    folder.write("silent", "@hookimpl\ndef rocksync_select_product(product):\n    return None\n")
    folder.write("refuses", "@hookimpl\ndef rocksync_select_product():\n    return False\n")
    folder.write("acme", "@hookimpl\ndef rocksync_select_product():\n    return True\n")
    held = {"sku": "PAN", "name": "Panela", "available": 1}

    async with folder.opened() as mappers:
        [kept] = await mappers.products(tenant(mappers=("silent",)), [(listing(), None)])
        [skipped] = await mappers.products(tenant(mappers=("silent", "refuses")), [(listing(), None)])
        [off_sale] = await mappers.products(tenant(mappers=("silent", "refuses")), [(listing(), held)])

    assert isinstance(kept, ProductDocument)
    assert isinstance(skipped, Skip)
    assert skipped.reason is Reason.NOT_SELECTED
    assert isinstance(off_sale, ProductDocument)
    assert off_sale.reason is Reason.NOT_SELECTED
    assert off_sale.payload == {**held, "available": 0}


async def test_a_mapper_may_set_an_item_aside(folder: Folder) -> None:
    answer = await product(folder, "@hookimpl\ndef rocksync_map_product():\n    raise ItemError('no photo')\n")

    assert isinstance(answer, ItemError)
    assert (answer.reason, answer.final) == (Reason.INVALID_ITEM, True)
    assert answer.detail == "no photo (mapper acme, acme.py line 4)"


async def test_empty_members_are_dropped_and_what_a_photo_lacks_is_filled_in(folder: Folder) -> None:
    answer = await product(
        folder,
        """
        @hookimpl
        def rocksync_map_product(payload):
            payload.update(brand=None, model="", attributes=[], handling_time=0, origin=0)
            payload["photos"] = [{"url": "https://a.example/1.jpg"}]
        """,
        brand="Marca",
    )

    assert answer.payload == {
        "sku": "PAN",
        "name": "Panela",
        "available": 1,
        "handling_time": 0,
        "origin": 0,
        "photos": [{"url": "https://a.example/1.jpg", "external": "https://a.example/1.jpg", "order": 0}],
    }


async def test_what_the_store_has_wrong_is_not_blamed_on_the_mapper(folder: Folder) -> None:
    answer = await product(folder, "@hookimpl\ndef rocksync_map_product(payload):\n    pass\n", name=None)

    assert isinstance(answer, ItemError)
    assert (answer.reason, answer.detail) == (Reason.INVALID_ITEM, "name is missing")


async def test_a_mapper_may_give_what_the_store_lacks(folder: Folder) -> None:
    answer = await product(
        folder, "@hookimpl\ndef rocksync_map_product(payload):\n    payload['name'] = 'N'\n", name=None
    )

    assert isinstance(answer, ProductDocument)


async def test_hooks_see_what_was_last_accepted_and_whether_a_sku_is_created(folder: Folder) -> None:
    folder.write(
        "acme",
        """
        @hookimpl
        def rocksync_map_product(payload, accepted):
            payload["model"] = "new" if accepted is None else accepted["model"] + "!"

        @hookimpl
        def rocksync_map_price(payload, creating):
            if not creating:
                payload.clear()
        """,
    )
    held = {"sku": "POT", "model": "old", "dimension": {"weight": 0.1}}

    async with folder.opened() as mappers:
        [created, updated] = await mappers.products(
            tenant(),
            [(listing(), None), (listing("POT"), held)],
        )
        [left] = await mappers.prices(tenant(), [price()])

    assert isinstance(created, ProductDocument)
    assert isinstance(updated, ProductDocument)
    assert created.payload["model"] == "new"
    assert created.offers["PAN"].price["price"] == Decimal("10.00")
    assert updated.payload["model"] == "old!"
    assert isinstance(left, Skip)
    assert left.reason is Reason.NOT_SELECTED


@pytest.mark.parametrize(
    "line",
    ["payload['quantity'] = 50", "1 / 0", "payload.clear()", "while True: pass"],
    ids=["sets a quantity", "raises", "leaves it", "hangs"],
)
async def test_what_is_inactive_goes_to_0_whatever_a_stock_mapper_does(folder: Folder, line: str) -> None:
    folder.write("acme", f"@hookimpl\ndef rocksync_map_stock(payload):\n    {line}\n")
    rows = [stock("A", active=False), stock("B"), stock("C", active=False)]

    async with folder.opened() as mappers:
        answers = await mappers.stocks(tenant(), rows)

    quantities = [one.payload["quantity"] if isinstance(one, StockDocument) else None for one in answers]
    assert quantities == [0, 50 if "50" in line else None, 0]


async def test_what_is_inactive_goes_to_0_though_the_tenants_mapper_is_missing(folder: Folder) -> None:
    async with folder.opened() as mappers:
        answers = await mappers.stocks(tenant(mappers=("none",)), [stock(), stock("OFF", active=False)])

    assert isinstance(answers[0], ItemError)
    assert isinstance(answers[1], StockDocument)
    assert answers[1].payload == {"quantity": 0}


async def test_an_inactive_variation_is_created_anew_without_the_quantity_that_a_mapper_sets(folder: Folder) -> None:
    folder.write("acme", "@hookimpl\ndef rocksync_map_stock(payload):\n    payload['quantity'] = 50\n")
    row = shirt("P", "M")
    off = replace(row.product.variations[1], active=False)
    row = replace(
        row,
        product=replace(row.product, variations=(row.product.variations[0], off)),
        stocks={sku: replace(one, active=sku != off.sku) for sku, one in row.stocks.items()},
    )
    held = {"sku": "SHIRT", "name": "Camiseta", "variations": [{"sku": "SHIRT-P"}, {"sku": "SHIRT-M"}]}

    async with folder.opened() as mappers:
        [made] = await mappers.products(tenant(), [(row, held)])

    assert isinstance(made, ProductDocument)
    assert {sku: offer.stock["quantity"] for sku, offer in made.offers.items()} == {"SHIRT-P": 50, "SHIRT-M": 0}


@pytest.mark.parametrize("copied", ["copy.deepcopy(%s)", "copy.copy(%s)", "%s.copy()"])
async def test_a_copy_of_what_is_only_to_be_read_may_be_changed(folder: Folder, copied: str) -> None:
    folder.write(
        "acme",
        f"""
        import copy

        @hookimpl
        def rocksync_map_product(tenant, product, payload):
            rules, names = {copied % "tenant.settings"}, {copied % "tenant.settings['names']"}
            labels = {copied % "product.attributes"}
            rules["more"] = 1
            names.append("Panela")
            labels["Cor"] = "Azul"
            if "deepcopy" in {copied!r}:
                rules["nested"]["names"].append("Tampa")
                copy.deepcopy((tenant, product)) == (tenant, product) or 1 / 0
            payload["name"] = " ".join(names)
        """,
    )
    client = tenant(names=["Boa"], nested={"names": []})

    async with folder.opened() as mappers:
        [made] = await mappers.products(client, [(listing(attributes={"Cor": "Preta"}), None)])

    assert isinstance(made, ProductDocument), made
    assert made.payload["name"] == "Boa Panela"
    assert client.settings == {"names": ["Boa"], "nested": {"names": []}}
    [attribute] = made.payload["attributes"]
    assert attribute["value"]["code"] == "Preta"


async def test_an_argument_with_a_default_is_given_all_the_same(folder: Folder) -> None:
    folder.write("acme", "@hookimpl\ndef rocksync_map_price(payload, creating=True):\n    assert not creating\n")

    async with folder.opened() as mappers:
        [answer] = await mappers.prices(tenant(), [price()])

    assert isinstance(answer, PriceDocument)


async def test_variations_are_mapped_with_their_product(folder: Folder) -> None:
    folder.write(
        "acme",
        """
        @hookimpl
        def rocksync_map_product(payload):
            for variation in payload["variations"]:
                variation["handling_time"] = 2
        """,
    )
    held = {"sku": "SHIRT", "variations": [{"sku": "SHIRT-OLD", "name": "Old"}]}

    async with folder.opened() as mappers:
        [made] = await mappers.products(tenant(), [(shirt("P"), held)])

    assert isinstance(made, ProductDocument)
    assert [(part["sku"], part.get("handling_time")) for part in made.payload["variations"]] == [  # type: ignore[typeddict-item] # a member that only mappers write
        ("SHIRT-P", 2),
        ("SHIRT-OLD", None),
    ]


@pytest.mark.parametrize(
    "line",
    [
        "tenant.settings['a'] = 1",
        "tenant.settings['list'].append(1)",
        "product.attributes['Cor'] = 'x'",
        "product.variations[0].attributes.clear()",
        "product.name = 'x'",
    ],
)
async def test_what_is_for_reading_refuses_to_be_changed(folder: Folder, line: str) -> None:
    folder.write("acme", f"@hookimpl\ndef rocksync_map_product(tenant, product):\n    {line}\n")
    client = tenant(list=[1], nested={"a": [1]})

    async with folder.opened() as mappers:
        [answer] = await mappers.products(client, [(shirt("P", attributes={"Cor": "Azul"}), None)])

    refused(answer, "line 4: ")
    assert client.settings == {"list": [1], "nested": {"a": [1]}}


async def test_complaints_about_settings_name_the_mapper(folder: Folder) -> None:
    folder.write("acme", "@hookimpl\ndef rocksync_check_settings(tenant):\n    return ['ncm is missing']\n")

    async with folder.opened() as mappers:
        assert await mappers.complaints(tenant()) == ["acme: ncm is missing"]
        assert await mappers.complaints(tenant("other")) == []


@pytest.mark.parametrize("text", ["return 'x'", "return None", "raise ValueError('x')"])
async def test_a_settings_check_that_fails_is_told(folder: Folder, text: str) -> None:
    folder.write("acme", f"@hookimpl\ndef rocksync_check_settings(tenant):\n    {text}\n")

    async with folder.opened() as mappers:
        [told] = await mappers.complaints(tenant())

    assert told.startswith("mapper acme, acme.py line")


async def test_the_version_tells_mappers_and_settings_apart(folder: Folder) -> None:
    path = folder.write("acme", "@hookimpl\ndef rocksync_map_price(payload):\n    pass\n")
    changed = Tenant(**{**{name: getattr(tenant(), name) for name in Tenant.__slots__}, "revision": 2})

    async with folder.opened() as mappers:
        first, other, of_settings = mappers.version(tenant()), mappers.version(tenant("b")), mappers.version(changed)
    path.write_text(path.read_text() + "\n# changed\n")
    async with folder.opened() as mappers:
        of_text = mappers.version(tenant())
    async with folder.opened() as mappers:
        again = mappers.version(tenant())

    assert other == ""
    assert len({first, of_settings, of_text, ""}) == 4
    assert again == of_text


async def test_a_tenant_without_mappers_gets_the_same_whether_or_not_others_have(folder: Folder, unmapped: Any) -> None:
    folder.write("acme", "@hookimpl\ndef rocksync_map_product(payload):\n    payload['name'] = 'X'\n")
    rows = [(row, None) for row in samples.listings()]

    async with folder.opened() as mappers:
        await mappers.products(tenant(), rows)
        beside = await mappers.products(tenant("other", 2), rows)

    assert beside == await unmapped.products(tenant("other", 2), rows)
    assert repr(beside) == repr(await unmapped.products(tenant("other", 2), rows))


async def test_a_mapper_that_changes_nothing_leaves_what_the_default_mapping_makes(
    folder: Folder, unmapped: Any
) -> None:
    folder.write("acme", "@hookimpl\ndef rocksync_map_product(payload):\n    pass\n")
    rows = [(row, None) for row in samples.listings()]

    async with folder.opened() as mappers:
        assert await mappers.products(tenant(), rows) == await unmapped.products(tenant(), rows)


async def test_an_order_with_a_line_that_makes_no_sense_gets_to_no_mapper(folder: Folder) -> None:
    folder.write("acme", "@hookimpl\ndef rocksync_map_order(document):\n    document['items'][0]['sku'] = 'A'\n")
    order, other = samples.hub_orders()
    order = replace(order, lines=(replace(order.lines[0], sku=""),))

    async with folder.opened() as mappers:
        [answer, mapped] = await mappers.orders(tenant(), [(order, None), (other, None)])

    assert isinstance(answer, ItemError)
    assert (answer.reason, answer.detail[:6]) == (Reason.UNKNOWN_SKU, "line 1")
    assert isinstance(mapped, OrderTask)
    assert mapped.document is not None
    assert mapped.document["items"][0]["sku"] == "A"
