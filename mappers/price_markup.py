"""Prices at Plugg.to higher (or lower) than in the store.

Settings, all optional:

    "price_markup": {"percent": 12.5, "add": 5, "ending": 0.90}

percent  is added to every price; below 0 it is taken off
add      is added after that, in BRL
ending   is what prices end with: the next higher price that does so is taken (104.20 becomes 104.90)

A promotion stays one: where the ending makes both prices the same, the special price takes the next lower ending
(104.90 and 103.90); where none is left above 0, there is no promotion. What comes out at 0 or below is set aside.
"""

from decimal import ROUND_FLOOR, ROUND_HALF_UP, Decimal
from typing import Any

from rocksync.mapping import ItemError, PricePayload, Tenant, hookimpl

_KNOWN = ("percent", "add", "ending")
_CENT = Decimal("0.01")


@hookimpl
def rocksync_map_price(tenant: Tenant, payload: PricePayload) -> None:
    rule = tenant.settings.get("price_markup", {})
    full, special = payload["price"], payload["special_price"]
    payload["price"] = _marked_up(full, rule)
    if special is not None:
        payload["special_price"] = _marked_up(special, rule)
        if "ending" in rule and special < full and payload["special_price"] == payload["price"]:
            payload["special_price"] = payload["price"] - 1 if payload["price"] > 1 else None


@hookimpl
def rocksync_check_settings(tenant: Tenant) -> list[str]:
    rule = tenant.settings.get("price_markup", {})
    if not isinstance(rule, dict):
        return ['price_markup must be like {"percent": 12.5}']
    wrong = [f"price_markup knows no {key}; it knows {', '.join(_KNOWN)}" for key in rule if key not in _KNOWN]
    wrong += [f"price_markup.{key} must be a number" for key in _KNOWN if not _is_number(rule.get(key, 0))]
    if not wrong and rule.get("percent", 0) <= -100:  # noqa: PLR2004 # all of it taken off
        wrong.append("price_markup.percent must be above -100: prices would be 0")
    if not wrong and not (0 <= rule.get("ending", 0) < 1 and Decimal(str(rule.get("ending", 0))) % _CENT == 0):
        wrong.append("price_markup.ending must be centavos like 0.90")
    return wrong


def _marked_up(price: Decimal, rule: dict[str, Any]) -> Decimal:
    if price <= 0:
        return price  # not set in the store: to be refused, not to be sold for its ending
    # By text, because a float is not exactly what it shows: Decimal(0.9) is 0.90000000000000002…
    exact = price * (100 + Decimal(str(rule.get("percent", 0)))) / 100 + Decimal(str(rule.get("add", 0)))
    marked_up = exact.quantize(_CENT, ROUND_HALF_UP)
    if marked_up <= 0:
        raise ItemError(f"price_markup makes {marked_up} of {price}: it must be above 0")
    if "ending" not in rule:
        return marked_up
    ending = Decimal(str(rule["ending"]))
    whole = (marked_up - ending).to_integral_value(ROUND_FLOOR)
    return whole + ending if whole + ending >= marked_up else whole + 1 + ending


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)
