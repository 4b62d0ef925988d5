"""The catalogues are believable, and the same every time."""

from decimal import Decimal

import pytest

from rocksync.demo.fiscal import nfe_key
from rocksync.demo.goods import Catalogue, ean13, sellable
from rocksync.demo.stores import Store, demo_stores
from rocksync.mapping.validation import check_nfe_key

STORES = demo_stores()


@pytest.fixture(params=STORES, ids=lambda store: store.slug)
def store(request: pytest.FixtureRequest) -> Store:
    found: Store = request.param
    return found


def every_sku(catalogue: Catalogue) -> list[str]:
    products = [listing.product for listing in (*catalogue.listings, catalogue.reserve)]
    return [sku for product in products for sku in {product.sku, *sellable(product)}]


def test_the_same_seed_gives_the_same_stores_and_another_one_others():
    assert demo_stores(1) == demo_stores(1)
    assert demo_stores(1) != demo_stores(2)


def test_there_are_at_least_three_hundred_skus():
    assert sum(len(store.catalogue.skus) for store in STORES) >= 300


def test_no_sku_of_a_store_is_used_twice(store: Store):
    skus = every_sku(store.catalogue)

    assert len(skus) == len(set(skus))


def test_codes_have_valid_check_digits(store: Store):
    products = [listing.product for listing in store.catalogue.listings]
    codes = [row.ean for product in products for row in (product, *product.variations) if row.ean]

    assert len(codes) == len(set(codes)) > 50
    for code in codes:
        digits = [int(digit) for digit in code]
        assert len(digits) == 13
        assert sum(digit * (3 if place % 2 else 1) for place, digit in enumerate(digits)) % 10 == 0


def test_a_known_code_gets_its_known_check_digit():
    assert ean13("400638133", 393) == "4006381333931"


def test_what_is_not_half_filled_has_all_that_selling_takes(store: Store):
    catalogue = store.catalogue
    for listing in (*catalogue.listings, catalogue.reserve):
        product = listing.product
        if product.sku in catalogue.half_filled:
            continue
        assert product.name
        assert product.description
        assert product.categories
        assert product.photos
        assert product.weight_kg
        assert set(listing.prices) == set(listing.stocks) == set(sellable(product))
        for price in listing.prices.values():
            assert Decimal(0) < (price.special_price or price.price) <= price.price


def test_every_store_has_something_half_filled(store: Store):
    skus = {listing.product.sku for listing in store.catalogue.listings}

    assert store.catalogue.half_filled
    assert store.catalogue.half_filled < skus


def test_there_are_odd_skus_accents_html_promotions_and_variations():
    listings = [listing for store in STORES for listing in store.catalogue.listings]
    skus = {sku for store in STORES for sku in every_sku(store.catalogue)}

    assert {"CJ/5 PÇS", "00042", "KIT CHURRASCO 12", "000127"} <= skus
    assert any(price.special_price for listing in listings for price in listing.prices.values())
    assert any(set(one.attributes) == {"Cor", "Tamanho"} for listing in listings for one in listing.product.variations)
    assert any("ç" in (listing.product.description or "") for listing in listings)
    assert all((listing.product.description or "").startswith("<p>") for listing in listings)


def test_invoice_keys_pass_the_check_that_real_ones_pass(store: Store, now):
    check_nfe_key(nfe_key(store.cnpj, 17, now))
    check_nfe_key(nfe_key(store.cnpj, 123_456_789, now))
