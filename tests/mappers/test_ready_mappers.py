"""What each ready mapper does with a client's settings."""

from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest

from rocksync.domain.documents import ProductDocument, Skip
from rocksync.domain.errors import ItemError
from rocksync.domain.reasons import Reason
from rocksync.mapping import samples
from tests.mappers.conftest import Using
from tests.mapping.rows import listing, price, shirt, stock

PHOTO = {"url": "https://a.example/1.jpg", "external": "https://a.example/1.jpg", "order": 0}


class TestPriceMarkup:
    """price_markup"""

    @pytest.mark.parametrize(
        ("settings", "full", "special", "sent"),
        [
            ({"percent": 10}, "10", "5", ("11.00", "5.50")),
            ({"percent": 12.5}, "9.99", None, ("11.24", None)),
            ({"percent": -50}, "10", None, ("5.00", None)),
            ({"add": 5}, "10", None, ("15.00", None)),
            ({"percent": 10, "add": 0.01}, "10", None, ("11.01", None)),
            ({"ending": 0.9}, "104.20", "100.90", ("104.90", "100.90")),
            ({"ending": 0.9}, "104.95", None, ("105.90", None)),
            ({"ending": 0.0}, "104.95", None, ("105.00", None)),
            ({"percent": 10, "ending": 0.99}, "100", "90", ("110.99", "99.99")),
            ({"percent": 12.5}, "10.60", None, ("11.93", None)),
            ({"percent": -50}, "10.01", "9.97", ("5.01", "4.99")),
            ({"ending": 0.9}, "104.80", "104.20", ("104.90", "103.90")),
            ({"ending": 0.9}, "0.80", "0.20", ("0.90", None)),
            ({"ending": 0}, "1", "0.50", ("1.00", None)),
            ({"ending": 0.9}, "104.80", "104.80", ("104.90", "104.90")),
        ],
    )
    async def test_prices(
        self, using: Using, settings: dict[str, Any], full: str, special: str | None, sent: tuple[str, str | None]
    ) -> None:
        payload = (await using("price_markup", settings).price(price(full=full, special=special))).payload

        assert str(payload["price"]) == sent[0]
        assert payload["special_price"] == (None if sent[1] is None else Decimal(sent[1]))

    @pytest.mark.parametrize(
        ("full", "special", "told"), [("10", None, "0.00 of 10"), ("9", None, "-1.00 of 9"), ("20", "10", "0.00 of 10")]
    )
    async def test_nothing_is_sold_for_its_ending(
        self, using: Using, full: str, special: str | None, told: str
    ) -> None:
        answer = await using("price_markup", {"add": -10, "ending": 0.9}).price(price(full=full, special=special))

        assert isinstance(answer, ItemError)
        assert answer.reason is Reason.INVALID_ITEM
        assert told in answer.detail

    @pytest.mark.parametrize(
        ("settings", "told"),
        [
            ({"percent": "10"}, "percent must be a number"),
            ({"percent": True}, "percent must be a number"),
            ({"percent": -100}, "above -100"),
            ({"ending": 90}, "ending must be centavos"),
            ({"ending": 0.999}, "ending must be centavos"),
            ({"ending": 0.001}, "ending must be centavos"),
            ({"ending": 0.005}, "ending must be centavos"),
        ],
    )
    async def test_settings(self, using: Using, settings: dict[str, Any], told: str) -> None:
        [text] = await using("price_markup", settings).complaints()

        assert told in text


class TestStockBuffer:
    """stock_buffer"""

    @pytest.mark.parametrize(
        ("settings", "on_hand", "quantity"),
        [
            ({"units": 2}, 10, 8),
            ({"units": 2}, 1, 0),
            ({"share": 0.1}, 10, 9),
            ({"share": 0.1}, 30, 27),
            ({"share": 0.25}, 3, 2),
            ({"share": 1}, 3, 0),
            ({"at_most": 5}, 10, 5),
            ({"units": 1, "share": 0.5, "at_most": 3}, 10, 3),
        ],
    )
    async def test_quantities(self, using: Using, settings: dict[str, Any], on_hand: int, quantity: int) -> None:
        document = await using("stock_buffer", settings).stock(stock(on_hand=on_hand))

        assert document.payload == {"quantity": quantity}

    @pytest.mark.parametrize("settings", [{"units": -1}, {"units": 1.5}, {"share": 10}, {"at_most": "x"}])
    async def test_settings(self, using: Using, settings: dict[str, Any]) -> None:
        assert len(await using("stock_buffer", settings).complaints()) == 1


class TestFieldLocks:
    """field_locks"""

    LOCKS = ("name", "photos", "dimension")

    async def test_everything_goes_at_creation(self, using: Using) -> None:
        row = listing(photos=(PHOTO["url"],), weight_kg=Decimal(1))

        payload = await using("field_locks", self.LOCKS).payload(row)

        assert (payload["name"], payload["photos"]) == ("Panela", [PHOTO])

    async def test_single_members_are_left_out_afterwards_and_lists_stay_as_they_were_sent(self, using: Using) -> None:
        held = {"sku": "PAN", "name": "Old", "photos": [PHOTO], "dimension": {"weight": 2}}
        row = listing(photos=("https://a.example/new.jpg",), weight_kg=Decimal(1), brand="New")

        payload = await using("field_locks", self.LOCKS).payload(row, held)

        assert payload == {"sku": "PAN", "available": 1, "brand": "New", "photos": [PHOTO]}

    async def test_a_list_that_was_never_sent_is_not_sent(self, using: Using) -> None:
        payload = await using("field_locks", ["photos"]).payload(listing(photos=("u",)), {"sku": "PAN"})

        assert "photos" not in payload

    async def test_a_new_variation_comes_with_everything(self, using: Using) -> None:
        held = {"sku": "SHIRT", "name": "Camiseta", "variations": [{"sku": "SHIRT-P", "name": "Pequena"}]}

        payload = await using("field_locks", ["name"]).payload(shirt("P", "M"), held)

        assert [(one["sku"], one.get("name")) for one in payload["variations"]] == [("SHIRT-P", None), ("SHIRT-M", "M")]

    async def test_a_locked_price_is_sent_at_creation_only(self, using: Using) -> None:
        client = using("field_locks", ["price", "quantity"])

        created = await client.product(listing())
        answers = [await client.price(price()), await client.stock(stock())]

        assert created.offers["PAN"].price["price"] == Decimal("10.00")
        assert created.offers["PAN"].stock == {"quantity": 3}
        assert all(isinstance(answer, Skip) and answer.reason is Reason.NOT_SELECTED for answer in answers)

    async def test_what_is_inactive_goes_to_0_in_spite_of_the_lock(self, using: Using) -> None:
        document = await using("field_locks", ["quantity"]).stock(stock(on_hand=9, active=False))

        assert document.payload == {"quantity": 0}

    async def test_what_is_not_locked_goes_on(self, using: Using) -> None:
        client = using("field_locks", ["price"])

        assert (await client.stock(stock())).payload == {"quantity": 3}

    @pytest.mark.parametrize("member", ["sku", "variations", "available", "special_price"])
    async def test_not_everything_can_be_locked(self, using: Using, member: str) -> None:
        [text] = await using("field_locks", [member]).complaints()

        assert f"cannot lock '{member}'" in text


class TestFiscalFields:
    """fiscal_fields"""

    SETTINGS: dict[str, Any] = {  # noqa: RUF012 # read only
        "all": {"origin": 0, "warranty_time": 3, "warranty_message": "3 meses", "cest": "28.064.00"},
        "attributes": {"ncm": "NCM", "warranty_time": "Garantia"},
    }

    async def test_values_come_from_settings_and_attributes(self, using: Using) -> None:
        row = listing(attributes={"NCM": "7615.10.00", "Garantia": " 12 Meses ", "Cor": "Azul"})

        payload = await using("fiscal_fields", self.SETTINGS).payload(row)

        members = {name: payload.get(name) for name in ("origin", "warranty_time", "warranty_message", "cest", "ncm")}
        assert members == {
            "origin": 0,
            "warranty_time": 12,
            "warranty_message": "3 meses",
            "cest": "2806400",
            "ncm": "76151000",
        }
        assert [one["label"] for one in payload["attributes"]] == ["Cor"]

    @pytest.mark.parametrize(
        ("label", "value", "told"),
        [
            ("NCM", "123", "attribute NCM: ncm must have 8 digits, not '123'"),
            ("NCM", "٧٦١٥١٠٠٠", "attribute NCM: ncm must have 8 digits"),
            ("Garantia", "1 ano", "attribute Garantia: warranty_time must be a whole number, not '1 ano'"),
            ("Garantia", "2.9", "attribute Garantia: warranty_time must be a whole number, not '2.9'"),
            ("Garantia", "9" * 5000, "attribute Garantia: warranty_time must be a whole number"),
        ],
    )
    async def test_a_value_that_cannot_be_right_sets_the_product_aside(
        self, using: Using, label: str, value: str, told: str
    ) -> None:
        answer = await using("fiscal_fields", self.SETTINGS).product(listing(attributes={label: value}))

        assert isinstance(answer, ItemError)
        assert answer.reason is Reason.INVALID_ITEM
        assert told in answer.detail

    @pytest.mark.parametrize(
        "members",
        [
            *({"ncm": "1"}, {"ncm": 1.5}, {"ncm": "٧٦١٥١٠٠٠"}, {"cest": 123456.0}, {"weight": 1}),
            *({"origin": 9}, {"origin": "8.9"}, {"origin": True}, {"origin": None}),
            *({"handling_time": "soon"}, {"warranty_time": 2.9}, {"warranty_time": -1}, {"warranty_time": "1 ano"}),
            *({"warranty_message": None}, {"warranty_message": ["a"]}, {"warranty_message": " "}, {"isbn": 3}),
        ],
    )
    async def test_settings(self, using: Using, members: dict[str, Any]) -> None:
        [text] = await using("fiscal_fields", {"all": members}).complaints()

        assert next(iter(members)) in text

    @pytest.mark.parametrize("label", [["NCM"], 5, "", " ", None, {}])
    async def test_labels_that_are_no_text_are_complained_about(self, using: Using, label: object) -> None:
        [text] = await using("fiscal_fields", {"attributes": {"ncm": label}}).complaints()

        assert "ncm must name an attribute of the products" in text


class TestCategoryFilter:
    """category_filter"""

    @pytest.mark.parametrize(
        ("settings", "categories", "goes"),
        [
            ({"only": ["Casa"]}, ("Casa > Cozinha",), True),
            ({"only": ["casa>cozinha"]}, ("Casa > Cozinha > Panelas",), True),
            ({"only": ["Casa > Coz"]}, ("Casa > Cozinha",), False),
            ({"only": ["Casa"]}, ("Moda", "Casa"), True),
            ({"only": ["Casa"]}, (), False),
            ({"only": ["Casa >"]}, ("Casa > Cozinha",), True),
            ({"only": ["Casa >> Cozinha"]}, ("Casa > Cozinha",), True),
            ({"only": ["> Casa > > Cozinha > "]}, ("Casa > Cozinha > Panelas",), True),
            ({"only": ["Casa > Cozinha"]}, ("Casa > > Cozinha >",), True),
            ({"only": ["Decora\u00e7\u00e3o"]}, ("Decorac\u0327a\u0303o",), True),
            ({"never": ["> >"]}, ("Casa",), True),
            ({"only": []}, ("Casa",), False),
            ({"never": ["Casa > Usados"]}, ("Casa > Usados > Bons",), False),
            ({"never": ["Casa > Usados"]}, ("Casa",), True),
            ({"only": ["Casa"], "never": ["Casa > Usados"]}, ("Casa", "Casa > Usados"), False),
        ],
    )
    async def test_which_go(
        self, using: Using, settings: dict[str, Any], categories: tuple[str, ...], goes: bool
    ) -> None:
        answer = await using("category_filter", settings).product(listing(categories=categories))

        assert isinstance(answer, ProductDocument) is goes
        if not goes:
            assert answer.reason is Reason.NOT_SELECTED

    @pytest.mark.parametrize(
        "settings", [{"only": "Casa"}, {"never": [3]}, {"only": [" "]}, {"never": ["> >"]}, {"only": []}]
    )
    async def test_settings(self, using: Using, settings: dict[str, Any]) -> None:
        assert len(await using("category_filter", settings).complaints()) == 1


class TestOrderNotes:
    """order_notes"""

    async def test_notes_stand_with_the_delivery(self, using: Using) -> None:
        settings = {"text": "{channel} {channel_order}", "from": ["receiver_additional_info", "delivery_type"]}

        document = await using("order_notes", settings).order(samples.hub_orders()[0])

        assert document["delivery"]["notes"] == "mercadolivre 2000001; Portaria 2"
        assert document["delivery"]["city"] == "São Paulo"

    async def test_doubled_braces_are_braces(self, using: Using) -> None:
        document = await using("order_notes", {"text": "{{{channel}}}"}).order(samples.hub_orders()[0])

        assert document["delivery"]["notes"] == "{mercadolivre}"

    async def test_a_member_that_is_no_text_is_no_note(self, using: Using) -> None:
        order = samples.hub_orders()[0]
        document = await using("order_notes", {"from": ["total", "payments"]}).order(
            replace(order, document={**order.document, "payments": [{"id": "1"}]})
        )

        assert "notes" not in document["delivery"]

    @pytest.mark.parametrize(
        "text",
        [
            *("{channel.__class__}", "{channel[0]}", "{channel!r}", "{channel:>3000000}", "{channel:{channel}}"),
            *("{0}", "{}", "{buyer}", "}"),
        ],
    )
    async def test_nothing_but_the_named_blanks_is_filled_in(self, using: Using, text: str) -> None:
        client = using("order_notes", {"text": text})

        [complaint] = await client.complaints()
        [answer] = await client.mappers.orders(client.tenant, [(samples.hub_orders()[0], None)])

        assert "no other braces than {channel}, {channel_order}, {pluggto_id}" in complaint
        assert isinstance(answer, ItemError)
        assert "no other braces" in answer.detail

    @pytest.mark.parametrize("member", ["payments", "total", "nothing", 3, ["receiver_name"]])
    async def test_only_members_that_are_texts_can_be_notes(self, using: Using, member: object) -> None:
        [complaint] = await using("order_notes", {"from": ["receiver_city", member]}).complaints()

        assert f"has {member!r}; it may have" in complaint
        assert "receiver_additional_info, " in complaint

    async def test_without_anything_to_note_there_is_no_note(self, using: Using) -> None:
        document = await using("order_notes", {"from": ["nothing"]}).order(samples.hub_orders()[0])

        assert "notes" not in document["delivery"]

    @pytest.mark.parametrize("settings", [{"text": "{buyer}"}, {"text": 3}, {"text": "{"}, {"from": "name"}])
    async def test_settings(self, using: Using, settings: dict[str, Any]) -> None:
        assert len(await using("order_notes", settings).complaints()) == 1
