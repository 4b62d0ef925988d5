"""Notes for whoever packs an order, kept with its delivery address: ``delivery ->> 'notes'`` of the store's order.

Settings, both optional:

    "order_notes": {"text": "Pedido do canal {channel}, número {channel_order}", "from": ["receiver_additional_info"]}

text  comes first; {channel}, {channel_order} and {pluggto_id} are filled in, just so; {{ and }} are braces
from  names members of Plugg.to's order whose text follows, where there is any: of whoever receives (receiver_...) or
      pays (payer_...) and some others, only members that are texts
"""

from collections.abc import Mapping
from string import Formatter

from rocksync.mapping import HubOrder, ItemError, OrderDocument, Tenant, hookimpl

_KNOWN = ("text", "from")
_BLANKS = ("channel", "channel_order", "pluggto_id")
_PERSON = (
    *("name", "lastname", "cpf", "email", "address", "address_number", "address_complement", "address_reference"),
    *("additional_info", "neighborhood", "city", "state", "country", "zipcode", "phone_area", "phone", "phone2_area"),
    *("phone2", "schedule_date", "schedule_period"),
)
_PAYER = ("fullname", "gender", "cnpj", "ie", "im", "razao_social", "company_name", "tax_id", "document")
_TEXTS = (
    *(f"receiver_{name}" for name in _PERSON),
    *(f"payer_{name}" for name in (*_PERSON, *_PAYER)),
    *("email_nfe", "delivery_type", "expected_send_date", "expected_delivery_date", "purchased", "channel_account"),
    *("original_id", "sub_status", "discount_description", "currency", "sale_intermediary", "payment_intermediary"),
    *("intermediary_seller_id", "stock_code", "price_code"),
)


@hookimpl
def rocksync_map_order(tenant: Tenant, order: HubOrder, document: OrderDocument) -> None:
    rule = tenant.settings.get("order_notes", {})
    fill = {
        "channel": document["channel"] or "",
        "channel_order": document["channel_order"] or "",
        "pluggto_id": document["pluggto_id"],
    }
    notes = [
        _filled(rule.get("text", ""), fill),
        *(order.document.get(name) for name in rule.get("from", [])),
    ]
    if text := "; ".join(note.strip() for note in notes if isinstance(note, str) and note.strip()):
        document["delivery"]["notes"] = text


@hookimpl
def rocksync_check_settings(tenant: Tenant) -> list[str]:
    rule = tenant.settings.get("order_notes", {})
    if not isinstance(rule, dict):
        return ['order_notes must be like {"text": "Pedido do canal {channel}"}']
    wrong = [f"order_notes knows no {key}; it knows {', '.join(_KNOWN)}" for key in rule if key not in _KNOWN]
    try:
        _filled(rule.get("text", ""), dict.fromkeys(_BLANKS, ""))
    except ItemError as error:
        wrong.append(error.detail)
    names = rule.get("from", [])
    if not isinstance(names, list):
        return [*wrong, 'order_notes.from must be a list like ["receiver_additional_info"]']
    if others := [name for name in names if name not in _TEXTS]:
        wrong.append(
            f"order_notes.from has {', '.join(map(repr, others))}; it may have the members of Plugg.to's order that"
            f" are texts: {', '.join(_TEXTS)}"
        )
    return wrong


def _filled(text: object, fill: Mapping[str, str]) -> str:
    """Return the text with its blanks filled in. ``str.format`` would do more: reach into values, pad to any length."""
    filled = []
    try:
        for literal, name, spec, conversion in Formatter().parse(text if isinstance(text, str) else "{"):
            blank = f"{name}!{conversion}:{spec}" if spec or conversion else name
            filled += [literal, "" if blank is None else fill[blank]]
    except (KeyError, ValueError) as error:
        blanks = ", ".join(f"{{{one}}}" for one in _BLANKS)
        raise ItemError(f"order_notes.text must be a text with no other braces than {blanks}") from error
    return "".join(filled)
