"""What goods of any demo store are made of: codes with valid check digits, prices, texts, listings."""

import random
import re
import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from decimal import Decimal

from rocksync.domain.catalog import Listing, Price, Product, Stock

_NOT_IN_A_NAME = re.compile(r"[^a-z0-9]+")
_PROMOTED = 0.3
_OUT_OF_STOCK = 0.06
_MOST_UNITS = 60


@dataclass(frozen=True, slots=True, kw_only=True)
class Catalogue:
    """All that a store sells. ``half_filled`` are product SKUs that lack something, so that Plugg.to cannot sell them.

    ``reserve`` is a product that the store does not have yet: somebody orders it before it appears.
    """

    listings: tuple[Listing, ...]
    reserve: Listing
    half_filled: frozenset[str] = field(default_factory=frozenset)

    @property
    def skus(self) -> tuple[str, ...]:
        """Sellable SKUs: those of variations, and of products without any."""
        return tuple(sku for listing in self.listings for sku in sellable(listing.product))


def sellable(product: Product) -> tuple[str, ...]:
    """Return the SKUs that a product sells."""
    return tuple(variation.sku for variation in product.variations) or (product.sku,)


def ean13(prefix: str, number: int) -> str:
    """Return the EAN-13 of a numbered article: *prefix*, the number, a check digit."""
    digits = prefix + str(number).zfill(12 - len(prefix))
    total = sum(int(digit) * (3 if place % 2 else 1) for place, digit in enumerate(digits))
    return f"{digits}{-total % 10}"


def reais(amount: float) -> Decimal:
    """Return a price as shops set them, ending in 90 centavos."""
    return Decimal(max(round(amount), 1)) - Decimal("0.10")


def web_name(text: str) -> str:
    """Return *text* as part of a URL: lower-case ASCII with hyphens."""
    plain = unicodedata.normalize("NFKD", text).encode("ascii", "ignore").decode().lower()
    return _NOT_IN_A_NAME.sub("-", plain).strip("-")


def photos(domain: str, name: str, count: int) -> tuple[str, ...]:
    """Return URLs of *count* photos on a domain that nobody has."""
    return tuple(f"https://fotos.{domain}/{web_name(name)}-{number}.jpg" for number in range(1, count + 1))


def html(opening: str, points: Mapping[str, str], closing: str) -> str:
    """Return a description as shops write them: a paragraph, a list, a paragraph."""
    rows = "".join(f"<li><b>{label}:</b> {value}</li>" for label, value in points.items())
    return f"<p>{opening}</p><ul>{rows}</ul><p>{closing}</p>"


def listed(rng: random.Random, product: Product, prices: Sequence[Decimal]) -> Listing:
    """Return *product* with prices, some of them promotions, and stocks. *prices* are those of its sellable SKUs."""
    skus = sellable(product)
    promoted = rng.random() < _PROMOTED
    cut = Decimal(rng.choice((85, 80, 75, 70))) / 100
    offers = {
        sku: Price(
            sku=sku,
            product_sku=product.sku,
            price=price,
            special_price=reais(float(price * cut)) if promoted else None,
        )
        for sku, price in zip(skus, prices, strict=True)
    }
    stocks = {
        sku: Stock(
            sku=sku,
            product_sku=product.sku,
            on_hand=0 if rng.random() < _OUT_OF_STOCK else rng.randint(3, _MOST_UNITS),
        )
        for sku in skus
    }
    return Listing(product=product, prices=offers, stocks=stocks)


def without_prices(listing: Listing) -> Listing:
    """Return *listing* as it is before anybody set its prices."""
    return replace(listing, prices={})


def without_stocks(listing: Listing) -> Listing:
    """Return *listing* as it is before anybody counted it."""
    return replace(listing, stocks={})


def priced(listing: Listing, price: Decimal, special_price: Decimal | None = None) -> Listing:
    """Return *listing* with one price for all of its SKUs."""
    prices = {sku: replace(row, price=price, special_price=special_price) for sku, row in listing.prices.items()}
    return replace(listing, prices=prices)


def described(listing: Listing, **members: object) -> Listing:
    """Return *listing* with members of its product changed. Raises: TypeError for one that it does not have."""
    return replace(listing, product=replace(listing.product, **members))  # type: ignore[arg-type] # checked by the class


def catalogue(sold: Iterable[Listing], half_filled: Iterable[Listing], reserve: Listing) -> Catalogue:
    """Return a catalogue of what is sold, and of what only half is."""
    lacking = tuple(half_filled)
    return Catalogue(
        listings=(*sold, *lacking),
        reserve=reserve,
        half_filled=frozenset(listing.product.sku for listing in lacking),
    )
