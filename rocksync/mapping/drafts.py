"""Listings on their way through a mapper host: what it is given of each, and what comes of its answer."""

from collections.abc import Collection, Sequence
from decimal import Decimal
from typing import Any

import msgspec

from rocksync.domain.catalog import Listing, Price, Stock
from rocksync.domain.documents import Offer, ProductDocument, ProductPayload, Skip
from rocksync.mapping import answers, conversion, default
from rocksync.mapping.validation import InvalidPayloadError
from rocksync.mapping.wire import ENCODER, NULL, ROW_ENCODER, Answer, ListingRow, MappedListing

AcceptedListing = tuple[Listing, dict[str, Any] | None]


class Drafts:
    """Default payloads of the listings of one call, kept until it is known what mappers change of them."""

    def __init__(self, *, hooks: Collection[str], arguments: Collection[str]) -> None:
        self._maps = "rocksync_map_product" in hooks
        self._shows_product = "product" in arguments
        self._shows_accepted = "accepted" in arguments
        self._payloads: dict[str, ProductPayload | None] = {}

    def encode(self, pairs: Sequence[AcceptedListing]) -> bytes:
        """Return what a host is given of listings."""
        return ROW_ENCODER.encode([self._row(*pair) for pair in pairs])

    def _row(self, listing: Listing, accepted: dict[str, Any] | None) -> ListingRow:
        product, known = listing.product, conversion.known_skus(listing, accepted)
        offered = _offered(listing, known)
        payload = self._payloads[product.sku] = _payload(listing, known, offered)
        return ListingRow(
            product if self._shows_product else None,
            NULL if payload is None or not self._maps else msgspec.Raw(ENCODER.encode(payload)),
            offered,
            known,
            NULL if accepted is None or not self._shows_accepted else msgspec.Raw(ENCODER.encode(accepted)),
        )

    def document(self, pair: AcceptedListing, answer: Answer) -> ProductDocument | Skip:
        """Return the document of a mapped listing.

        Raises: ItemError.
        """
        if not isinstance(answer, MappedListing):
            raise answers.unexpected(answer)
        listing, accepted = pair
        payload = self._payloads[listing.product.sku]
        if not answer.selected:
            return conversion.document(listing, accepted, None, {})
        if payload is None:
            return conversion.convert_listing(listing, accepted, conversion.DefaultRules())
        if len(answer.offers) < len(listing.prices):
            conversion.without_unoffered(payload, conversion.known_skus(listing, accepted), answer.offers)
        for member in answer.gone:
            payload.pop(member, None)  # type: ignore[misc] # a member, as the host found it there
        if answer.changed is not None:
            payload.update(answer.changed)  # type: ignore[typeddict-item] # of members that the host has checked
        elif not self._maps:
            conversion.named(payload)
        offers = {sku: _offer(*parts) for sku, parts in answer.offers.items()}
        return conversion.document(listing, accepted, payload, offers)


def _offered(listing: Listing, known: frozenset[str]) -> list[tuple[Price, Stock]]:
    return [
        (price, stock)
        for sku in conversion.sellable(listing, known)
        if (price := listing.prices.get(sku)) is not None and (stock := listing.stocks.get(sku)) is not None
    ]


def _payload(listing: Listing, known: frozenset[str], offered: Sequence[tuple[Price, Stock]]) -> ProductPayload | None:
    """Return the payload before mappers; None if the listing cannot go: by default there is a reason for it."""
    if not known and not offered:
        return None
    skus = {price.sku for price, _ in offered}
    try:
        return default.product_payload(listing, conversion.listed(listing.product, known, skus))
    except InvalidPayloadError:
        return None


def _offer(price: Decimal, special: Decimal | None, quantity: int) -> Offer:
    return Offer(price={"price": price, "special_price": special}, stock={"quantity": quantity})
