"""What title_rules makes of names."""

from typing import Any

import pytest

from rocksync.domain.errors import ItemError
from tests.mappers.conftest import Using
from tests.mapping.rows import listing, shirt


@pytest.mark.parametrize(
    ("settings", "name", "title"),
    [
        ({"prefix": "Oferta"}, "Panela", "Oferta Panela"),
        ({"suffix": "Loja"}, "Panela", "Panela Loja"),
        ({"brand": "last"}, "Panela", "Panela Tramont"),
        ({"brand": "first"}, "Panela", "Tramont Panela"),
        ({"brand": "last"}, "Panela TRAMONT 4L", "Panela TRAMONT 4L"),
        ({"max_length": 20}, "Panela de pressão 4,5 litros", "Panela de pressão"),
        ({"max_length": 17}, "Panela de pressão 4,5 litros", "Panela de pressão"),
        ({"max_length": 20, "brand": "last"}, "Panela de pressão", "Panela de Tramont"),
        ({"max_length": 5}, "Supercalifragilistic", "Super"),
        ({"max_length": 20, "brand": "last"}, "Panela de pressão Tramont", "Panela de Tramont"),
        ({"max_length": 20, "brand": "first"}, "Panela de pressão Tramont", "Tramont Panela de"),
        ({"max_length": 12, "brand": "last"}, "Supercalifragilistic", "Supe Tramont"),
        ({"max_length": 8, "brand": "last"}, "Panela grande", "Panela"),
        ({"max_length": 8, "prefix": "Oferta", "suffix": "Loja"}, "Panela de pressão", "Panela"),
        ({"max_length": 7, "prefix": "Oferta"}, "Panela", "Panela"),
        ({"max_length": 4}, "--- Panela", "---"),
        ({"prefix": " Oferta "}, "Panela", "Oferta Panela"),
    ],
)
async def test_names(using: Using, settings: dict[str, Any], name: str, title: str) -> None:
    payload = await using("title_rules", settings).payload(listing(name=name, brand="Tramont"))

    assert payload["name"] == title
    assert len(title) <= settings.get("max_length", 99)


@pytest.mark.parametrize(
    ("brand", "name", "title"),
    [
        ("LG", "Azulejo da Bulgária", "Azulejo da Bulgária LG"),
        ("LG", "Monitor lg 24", "Monitor lg 24"),
        ("LG", "Monitor (LG)", "Monitor (LG)"),
        ("H&M", "Blusa H&M azul", "Blusa H&M azul"),
        ("C++", "Livro de C", "Livro de C C++"),
        ("Pão", "Forno de pa\u0303o", "Forno de pa\u0303o"),
        (" ", "Monitor", "Monitor"),
    ],
)
async def test_the_brand_is_looked_for_as_a_word(using: Using, brand: str, name: str, title: str) -> None:
    payload = await using("title_rules", {"brand": "last"}).payload(listing(name=name, brand=brand))

    assert payload["name"] == title


@pytest.mark.parametrize(
    ("seen", "room"),
    [("o\u0303", 4), ("\u2764\ufe0f", 4), ("\U0001f468\u200d\U0001f467", 5), ("\U0001f1e7\U0001f1f7", 4)],
    ids=["accent", "variation selector", "joined", "flag"],
)
async def test_what_is_seen_as_one_character_is_not_cut_apart(using: Using, seen: str, room: int) -> None:
    payload = await using("title_rules", {"max_length": room}).payload(listing(name=f"Pra{seen}{seen}"))

    assert payload["name"] == "Pra"


async def test_a_name_of_which_nothing_fits_sets_its_product_aside(using: Using) -> None:
    answer = await using("title_rules", {"max_length": 1}).product(listing(name="\u2764\ufe0f Panela"))

    assert isinstance(answer, ItemError)
    assert "no room for the first character" in answer.detail


async def test_variations_are_named_like_their_product(using: Using) -> None:
    payload = await using("title_rules", {"prefix": "Oferta"}).payload(shirt("P"))

    assert payload["variations"][0]["name"] == "Oferta P"


@pytest.mark.parametrize(
    "settings",
    [
        *({"prefix": 3}, {"brand": "middle"}, {"max_length": 0}, {"max_length": "60"}),
        *({"prefix": "Oferta", "max_length": 7}, {"prefix": "Oferta", "suffix": "Loja", "max_length": 12}),
    ],
)
async def test_settings(using: Using, settings: dict[str, Any]) -> None:
    assert len(await using("title_rules", settings).complaints()) == 1
