"""Which members a body may have, and of what type: how a typo or a wrong type is found.

The names are those of pluggto-api.md sections 3.3 to 3.7 and 4.3; that the hub refuses others is assumed.
"""

from collections.abc import Callable
from datetime import datetime
from typing import Any

from rocksync.sandbox.refusals import invalid

Check = Callable[[object, str], None]
"""Takes a value and its path in the body; raises a Refusal that names the path."""


def text(value: object, path: str) -> None:
    """Refuse all but a string with something in it."""
    if type(value) is not str:
        raise invalid(path, "must be a string")
    if not value or value.isspace():
        raise invalid(path, "must not be empty")


def number(value: object, path: str) -> None:
    """Refuse all but a JSON number of at least 0."""
    if type(value) not in {int, float}:
        raise invalid(path, "must be a number")
    if value < 0:  # type: ignore[operator]  # an int or a float, by the line above
        raise invalid(path, "must not be negative")


def price(value: object, path: str) -> None:
    """Refuse all but a JSON number above 0."""
    number(value, path)
    if value == 0:
        raise invalid(path, "must be greater than 0")


def integer(value: object, path: str) -> None:
    """Refuse all but a whole JSON number of at least 0."""
    if type(value) is not int:
        raise invalid(path, "must be an integer")
    if value < 0:
        raise invalid(path, "must not be negative")


def boolean(value: object, path: str) -> None:
    """Refuse all but true and false."""
    if type(value) is not bool:
        raise invalid(path, "must be true or false")


def zero_or_one(value: object, path: str) -> None:
    """Refuse all but the numbers 0 and 1."""
    if type(value) is not int or value not in {0, 1}:
        raise invalid(path, "must be 0 or 1")


def text_or_number(value: object, path: str) -> None:
    """Refuse all but a string or a number: the sources show both."""
    if type(value) not in {int, float}:
        text(value, path)


def date(value: object, path: str) -> None:
    """Refuse all but an ISO date or instant."""
    text(value, path)
    try:
        datetime.fromisoformat(str(value))
    except ValueError:
        raise invalid(path, "must be an ISO date") from None


def access_key(value: object, path: str) -> None:
    """Refuse all but a string of digits and of the capital letters that a CNPJ may have (assumed)."""
    text(value, path)
    if not (str(value).isascii() and str(value).isalnum() and str(value) == str(value).upper()):
        raise invalid(path, "must hold digits only")


def one_of(*choices: str) -> Check:
    """Return a check for an enumeration."""

    def check(value: object, path: str) -> None:
        if value not in choices:
            raise invalid(path, f"must be one of {', '.join(choices)}")

    return check


def members(table: dict[str, Check]) -> Check:
    """Return a check for an object with some of the members of *table* and no others."""

    def check(value: object, path: str) -> None:
        if type(value) is not dict:
            raise invalid(path, "must be an object")
        if not value:
            raise invalid(path, "must not be empty")
        check_members(value, table, f"{path}.")

    return check


def rows(table: dict[str, Check]) -> Check:
    """Return a check for an array of such objects."""
    one = members(table)

    def check(value: object, path: str) -> None:
        if type(value) is not list:
            raise invalid(path, "must be an array")
        if not value:
            raise invalid(path, "must not be empty")
        for index, row in enumerate(value):
            one(row, f"{path}[{index}]")

    return check


def check_members(body: dict[str, Any], table: dict[str, Check], prefix: str = "") -> None:
    """Raise a Refusal for the first member of *body* that is not in *table* or does not pass its check."""
    for name, value in body.items():
        check = table.get(name)
        if check is None:
            raise invalid(prefix + name, "unknown member")
        if value is None:
            raise invalid(prefix + name, "must not be null")
        check(value, prefix + name)


SIZE: dict[str, Check] = dict.fromkeys(("length", "width", "height", "weight"), number)
CODE_AND_LABEL: dict[str, Check] = {"code": text, "label": text}
CATEGORY: dict[str, Check] = {"name": text, "id": text, "remove": boolean}
ATTRIBUTE: dict[str, Check] = {
    **CODE_AND_LABEL,
    "value": members(CODE_AND_LABEL),
    "attribute_diff": boolean,
    "id": text,
    "remove": boolean,
}
PHOTO: dict[str, Check] = {
    **dict.fromkeys(("url", "name", "title", "external", "id"), text),
    "order": integer,
    **dict.fromkeys(("thumb", "disabled", "remove"), boolean),
}
PRICE_ROW: dict[str, Check] = {
    **dict.fromkeys(("code", "label", "id"), text),
    "action": one_of("overwrite", "increase", "decrease"),
    **dict.fromkeys(("price", "special_price", "percentage", "maximum_price", "minimum_price"), number),
    "remove": boolean,
}
STOCK_ROW: dict[str, Check] = {
    **dict.fromkeys(("code", "id"), text),
    "type": one_of("own", "supplier"),
    **dict.fromkeys(("priority", "quantity", "handling_time", "reserved"), integer),
    **dict.fromkeys(("price", "special_price"), number),
    "remove": boolean,
}

SELLABLE: dict[str, Check] = {
    **dict.fromkeys(
        (
            *("sku", "name", "short_description", "description", "brand", "model", "ean", "ncm", "nbm", "isbn"),
            *("cest", "warranty_message", "link", "video", "location", "stock_code"),
        ),
        text,
    ),
    "external": text_or_number,
    "quantity": integer,
    "price": price,
    **dict.fromkeys(("special_price", "cost", "warranty_time", "handling_time", "manufacture_time"), number),
    "ean_not_mandatory": boolean,
    "origin": integer,
    "available": zero_or_one,
    "dimension": members(SIZE),
    "real_dimension": members(SIZE),
    "attributes": rows(ATTRIBUTE),
    "photos": rows(PHOTO),
    "price_table": rows(PRICE_ROW),
    "stock_table": rows(STOCK_ROW),
}
VARIATION: dict[str, Check] = {**SELLABLE, "id": text, "remove": boolean}
PRODUCT: dict[str, Check] = {
    **SELLABLE,
    "marketplaces_available": text,
    "supplier_id": text,
    "categories": rows(CATEGORY),
    "variations": rows(VARIATION),
    "grouped_skus": rows({"sku": text, "name": text}),
}
STOCK: dict[str, Check] = {"action": one_of("increase", "decrease", "update"), "quantity": integer, "sku": text}

DOCUMENT: dict[str, Check] = {
    "id": text,
    "url": text,
    "external": text,
    "type": one_of("label", "packing_list", "invoice"),
}
SHIPMENT: dict[str, Check] = {
    **dict.fromkeys(
        (
            *("id", "status", "shipping_company", "shipping_method", "shipping_method_id", "description", "external"),
            *("comment", "error_message", "track_code", "track_url", "nfe_link", "nfe_number", "nfe_serie", "cfops"),
            "label_type",
        ),
        text,
    ),
    **dict.fromkeys(("estimate_delivery_date", "date_shipped", "date_delivered", "date_cancelled", "nfe_date"), date),
    "nfe_key": access_key,
    "quote": text_or_number,
    "printed": boolean,
    "documents": rows(DOCUMENT),
    "shipping_items": rows({"sku": text, "quantity": integer}),
    "issues": rows({"description": text, "date": date}),
}
ITEM: dict[str, Check] = {
    **dict.fromkeys(("sku", "original_sku", "name", "location", "stock_code", "place_code", "price_code"), text),
    **dict.fromkeys(("id", "photo_url", "supplier_id"), text),
    "external": text_or_number,
    "quantity": integer,
    **dict.fromkeys(("price", "total", "discount", "shipping_cost"), number),
    "commission": members({**dict.fromkeys(("fixed", "tax", "total_charged"), number), "comment": text}),
    "variation": members(
        {
            **dict.fromkeys(("id", "name", "sku", "ean", "photo_url"), text),
            "external": text_or_number,
            "attributes": rows(ATTRIBUTE),
        }
    ),
}
PAYMENT: dict[str, Check] = {
    "payment_type": one_of("credit", "debit", "ticket", "voucher", "transfer"),
    **dict.fromkeys(("id", "payment_method", "payment_additional_info", "external"), text),
    **dict.fromkeys(("payment_installments", "payment_total", "payment_quota", "payment_interest"), text_or_number),
}
PERSON = (
    *("name", "lastname", "cpf", "email", "address", "address_number", "address_complement", "address_reference"),
    *("additional_info", "neighborhood", "city", "state", "country", "zipcode", "phone_area", "phone", "phone2_area"),
    *("phone2", "schedule_date", "schedule_period"),
)
PAYER_ONLY = (*("fullname", "gender", "cnpj", "ie", "im", "razao_social", "company_name", "tax_id", "document"),)
ORDER: dict[str, Check] = {
    **{f"receiver_{name}": text for name in PERSON},
    **{f"payer_{name}": text for name in (*PERSON, *PAYER_ONLY)},
    **dict.fromkeys(
        (
            *("original_id", "external", "channel", "channel_account", "status", "sub_status", "discount_description"),
            *("currency", "sale_intermediary", "payment_intermediary", "intermediary_seller_id", "stock_code"),
            *("price_code", "email_nfe"),
        ),
        text,
    ),
    **dict.fromkeys(("total", "subtotal", "shipping", "discount", "total_paid"), text_or_number),
    **dict.fromkeys(("expected_send_date", "expected_delivery_date", "purchased"), date),
    **dict.fromkeys(("ack", "auto_reserve", "update"), boolean),
    "delivery_type": one_of(
        *("standard", "express", "economy", "onehour", "pickup", "guaranteed", "scheduled", "fulfillment")
    ),
    "payments": rows(PAYMENT),
    "items": rows(ITEM),
    "shipments": rows(SHIPMENT),
    "log_history": rows({"message": text, "date": date}),
}
