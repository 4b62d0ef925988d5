"""Store rows as Plugg.to's members, before any mapper. Source: pluggto-api 3.3 to 3.7, 4.3, 4.8, 4.9."""

import re
import unicodedata
from collections.abc import Collection, Iterable, Mapping
from decimal import Decimal
from functools import lru_cache

from rocksync.domain.catalog import Listing, Price, Product, Stock, Variation
from rocksync.domain.documents import (
    Attribute,
    Category,
    Dimension,
    InvoicePayload,
    OrderDocument,
    OrderLine,
    Photo,
    PricePayload,
    ProductPayload,
    ShipmentPayload,
    StockPayload,
    VariationPayload,
)
from rocksync.domain.orders import IMPORTED_AS, HubLine, HubOrder, Invoice, Shipment
from rocksync.domain.texts import stamp
from rocksync.mapping.validation import InvalidPayloadError

_TEXTS = ("name", "description", "short_description", "brand", "model", "ean", "link")
_MOST_DIGITS = 100
_NOT_IN_A_CODE = re.compile(r"[^a-z0-9]+")


def product_payload(listing: Listing, variations: Collection[str]) -> ProductPayload:
    """Return the payload of a product with those of its variations whose SKU is in *variations*."""
    product = listing.product
    payload: ProductPayload = {"sku": product.sku, "available": int(product.active)}
    for member in _TEXTS:
        text = getattr(product, member)
        if text and not text.isspace():
            payload[member] = text  # type: ignore[literal-required] # every one of _TEXTS is a member that is text
    if product.external_id:
        payload["external"] = product.external_id
    if product.categories and (categories := _categories(product.categories)):
        payload["categories"] = categories
    if dimension := _dimension(product, product):
        payload["dimension"] = dimension
    if product.attributes and (attributes := _attributes(product.attributes)):
        payload["attributes"] = attributes
    if product.photos and (photos := _photos(product.photos)):
        payload["photos"] = photos
    if wanted := [_variation(product, dimension, one) for one in product.variations if one.sku in variations]:
        payload["variations"] = wanted
    return payload


def _variation(product: Product, dimension: Dimension, variation: Variation) -> VariationPayload:
    payload: VariationPayload = {"sku": variation.sku, "available": int(product.active and variation.active)}
    if variation.name and not variation.name.isspace():
        payload["name"] = variation.name
    if variation.ean and not variation.ean.isspace():
        payload["ean"] = variation.ean
    if variation.attributes and (attributes := _attributes(variation.attributes)):
        payload["attributes"] = attributes
    if variation.photos and (photos := _photos(variation.photos)):
        payload["photos"] = photos
    if own := _dimension(variation, product) if _has_measures(variation) else dimension.copy():
        payload["dimension"] = own
    return payload


def _dimension(row: Product | Variation, parent: Product) -> Dimension:
    dimension: Dimension = {}
    if (length := row.length_cm if row.length_cm is not None else parent.length_cm) is not None:
        dimension["length"] = plain(length)
    if (width := row.width_cm if row.width_cm is not None else parent.width_cm) is not None:
        dimension["width"] = plain(width)
    if (height := row.height_cm if row.height_cm is not None else parent.height_cm) is not None:
        dimension["height"] = plain(height)
    if (weight := row.weight_kg if row.weight_kg is not None else parent.weight_kg) is not None:
        dimension["weight"] = plain(weight)
    return dimension


def _has_measures(row: Variation) -> bool:
    return not (row.length_cm is row.width_cm is row.height_cm is row.weight_kg is None)


def plain(number: Decimal) -> Decimal:
    """Return the same number without zeros at its end: 0.500 is 0.5, 10.0 is 10, never 1E+1.

    Raises: InvalidPayloadError when it is no finite number, or one too long for JSON.
    """
    if not number.is_finite():
        raise InvalidPayloadError(f"a measure is no number: {number}")
    text = str(number)
    if "E" in text:
        text = format(number, "f")
        number = Decimal(text)
    if len(text) > _MOST_DIGITS:
        raise InvalidPayloadError(f"a measure has more than {_MOST_DIGITS} digits: {text[:20]}…")
    return Decimal(text.rstrip("0").rstrip(".")) if text[-1] == "0" and "." in text else number


def _categories(paths: Iterable[str]) -> list[Category]:
    names: dict[str, None] = {}
    for path in paths:
        parts = [part for part in map(str.strip, path.split(">")) if part]
        for depth in range(1, len(parts) + 1):
            names[" > ".join(parts[:depth])] = None
    return [{"name": name} for name in names]


def _attributes(labels: Mapping[str, str]) -> list[Attribute]:
    attributes: dict[str, Attribute] = {}
    for label, value in labels.items():
        if not value or value.isspace() or not label.strip():
            continue
        code = unused = attribute_code(label)
        number = 1
        while unused in attributes:
            number += 1
            unused = f"{code}_{number}"
        attributes[unused] = {"code": unused, "label": label, "value": {"code": value, "label": value}}
    return list(attributes.values())


@lru_cache(maxsize=4096)  # a store has few labels, and many products that bear them
def attribute_code(label: str) -> str:
    """Return the label in lower-case ASCII with underscores: ``Tensão (V)`` is ``tensao_v``."""
    ascii_only = label if label.isascii() else unicodedata.normalize("NFKD", label).encode("ascii", "ignore").decode()
    return _NOT_IN_A_CODE.sub("_", ascii_only.lower()).strip("_") or "attribute"


def _photos(urls: Iterable[str]) -> list[Photo]:
    kept = dict.fromkeys(url.strip() for url in urls)
    kept.pop("", None)
    return [{"url": url, "external": url, "order": order} for order, url in enumerate(kept)]


def price_payload(price: Price) -> PricePayload:
    """Return the price in BRL; a special price of 0 counts as none."""
    return {"price": price.price, "special_price": price.special_price or None}


def stock_payload(stock: Stock) -> StockPayload:
    """Return the units that may be sold now."""
    return {"quantity": stock.sellable}


def order_document(order: HubOrder) -> OrderDocument | None:
    """Return the store order to import, or None when its status at Plugg.to is none that is imported.

    A total that Plugg.to does not tell is worked out from the lines, shipping and discount.
    """
    status = IMPORTED_AS.get(order.status)
    if status is None:
        return None
    lines = [_line(line) for line in order.lines]
    total = order.total
    if total is None:
        goods = order.subtotal if order.subtotal is not None else sum((line["total"] for line in lines), Decimal(0))
        total = goods + (order.shipping or 0) - (order.discount or 0)
    return {
        "pluggto_id": order.id,
        "channel": order.channel,
        "channel_order": order.channel_order,
        "status": status.value,
        "customer": dict(order.customer),
        "delivery": dict(order.delivery),
        "payments": [dict(payment) for payment in order.payments],
        "subtotal": order.subtotal,
        "shipping": order.shipping,
        "discount": order.discount,
        "total": total,
        "placed_at": order.placed_at,
        "items": lines,
    }


def _line(line: HubLine) -> OrderLine:
    """Return the line; one without a price or a total has been refused before."""
    return {
        "sku": line.sku,
        "name": line.name,
        "quantity": line.quantity,
        "unit_price": line.unit_price,  # type: ignore[typeddict-item] # refused if None
        "discount": line.discount,
        "total": line.total,  # type: ignore[typeddict-item] # refused if None
    }


def invoice_payload(invoice: Invoice) -> InvoicePayload:
    """Return the NF-e members."""
    payload: InvoicePayload = {
        "nfe_key": invoice.key.strip(),
        "nfe_number": invoice.number.strip(),
        "nfe_serie": invoice.series.strip(),
        "nfe_date": stamp(invoice.issued_at),
    }
    if invoice.xml_url:
        payload["nfe_link"] = invoice.xml_url
    if invoice.cfops:
        payload["cfops"] = invoice.cfops
    return payload


def shipment_payload(shipment: Shipment) -> ShipmentPayload:
    """Return the tracking members, those that the store knows."""
    payload: ShipmentPayload = {}
    if shipment.carrier:
        payload["shipping_company"] = shipment.carrier
    if shipment.method:
        payload["shipping_method"] = shipment.method
    if shipment.tracking_code:
        payload["track_code"] = shipment.tracking_code
    if shipment.tracking_url:
        payload["track_url"] = shipment.tracking_url
    if shipment.shipped_at:
        payload["date_shipped"] = stamp(shipment.shipped_at)
    return payload
