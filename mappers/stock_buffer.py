"""Units kept back from Plugg.to, so that a marketplace does not sell the last one twice.

Settings, all optional:

    "stock_buffer": {"units": 2, "share": 0.1, "at_most": 50}

units    kept back of every SKU
share    kept back besides, of what is sellable: 0.1 is a tenth, rounded up to whole units
at_most  is shown, however many there are
"""

import math

from rocksync.mapping import StockPayload, Tenant, hookimpl

_KNOWN = ("units", "share", "at_most")


@hookimpl
def rocksync_map_stock(tenant: Tenant, payload: StockPayload) -> None:
    rule = tenant.settings.get("stock_buffer", {})
    quantity = payload["quantity"]
    kept_back = rule.get("units", 0) + math.ceil(round(quantity * rule.get("share", 0), 6))
    payload["quantity"] = max(min(quantity - kept_back, rule.get("at_most", quantity)), 0)


@hookimpl
def rocksync_check_settings(tenant: Tenant) -> list[str]:
    rule = tenant.settings.get("stock_buffer", {})
    if not isinstance(rule, dict):
        return ['stock_buffer must be like {"units": 2}']
    wrong = [f"stock_buffer knows no {key}; it knows {', '.join(_KNOWN)}" for key in rule if key not in _KNOWN]
    wrong += [
        f"stock_buffer.{key} must be whole units, 0 or more"
        for key in ("units", "at_most")
        if not (type(rule.get(key, 0)) is int and rule.get(key, 0) >= 0)
    ]
    share = rule.get("share", 0)
    if isinstance(share, bool) or not isinstance(share, int | float) or not 0 <= share <= 1:
        wrong.append("stock_buffer.share must be between 0 and 1: 0.1 is a tenth")
    return wrong
