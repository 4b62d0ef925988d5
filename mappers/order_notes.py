"""Notes for whoever packs an order, kept with its delivery address: ``delivery ->> 'notes'`` of the store's order.

Settings, both optional:

    "order_notes": {"text": "Pedido do canal {channel}, número {channel_order}", "from": ["receiver_additional_info"]}

text  comes first; {channel}, {channel_order} and {pluggto_id} are filled in
from  names members of Plugg.to's order whose text follows, where there is any
"""

from rocksync.mapping import HubOrder, OrderDocument, Tenant, hookimpl

_KNOWN = ("text", "from")
_BLANKS = ("channel", "channel_order", "pluggto_id")


@hookimpl
def rocksync_map_order(tenant: Tenant, order: HubOrder, document: OrderDocument) -> None:
    rule = tenant.settings.get("order_notes", {})
    fill = {
        "channel": document["channel"] or "",
        "channel_order": document["channel_order"] or "",
        "pluggto_id": document["pluggto_id"],
    }
    notes = [
        rule.get("text", "").format(**fill),
        *(str(order.document.get(name) or "") for name in rule.get("from", [])),
    ]
    if text := "; ".join(note.strip() for note in notes if note.strip()):
        document["delivery"]["notes"] = text


@hookimpl
def rocksync_check_settings(tenant: Tenant) -> list[str]:
    rule = tenant.settings.get("order_notes", {})
    if not isinstance(rule, dict):
        return ['order_notes must be like {"text": "Pedido do canal {channel}"}']
    wrong = [f"order_notes knows no {key}; it knows {', '.join(_KNOWN)}" for key in rule if key not in _KNOWN]
    try:
        rule.get("text", "").format(**dict.fromkeys(_BLANKS, ""))
    except (AttributeError, KeyError, IndexError, ValueError):
        wrong.append(
            f"order_notes.text must be a text with no other braces than {', '.join(f'{{{one}}}' for one in _BLANKS)}"
        )
    names = rule.get("from", [])
    if not isinstance(names, list) or not all(isinstance(name, str) for name in names):
        wrong.append("order_notes.from must be a list of members of Plugg.to's order")
    return wrong
