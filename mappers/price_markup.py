"""Prices at Plugg.to higher (or lower) than in the store.

Settings, all optional:

    "price_markup": {"percent": 12.5, "add": 5, "ending": 0.90}

percent  is added to every price; below 0 it is taken off
add      is added after that, in BRL
ending   is what prices end with: the next higher price that does so is taken (104.20 becomes 104.90)
"""

from decimal import ROUND_FLOOR, Decimal
from typing import Any

from rocksync.mapping import PricePayload, Tenant, hookimpl

_KNOWN = ("percent", "add", "ending")


@hookimpl
def rocksync_map_price(tenant: Tenant, payload: PricePayload) -> None:
    rule = tenant.settings.get("price_markup", {})
    payload["price"] = _marked_up(payload["price"], rule)
    if (special := payload.get("special_price")) is not None:
        payload["special_price"] = _marked_up(special, rule)


@hookimpl
def rocksync_check_settings(tenant: Tenant) -> list[str]:
    rule = tenant.settings.get("price_markup", {})
    if not isinstance(rule, dict):
        return ['price_markup must be like {"percent": 12.5}']
    wrong = [f"price_markup knows no {key}; it knows {', '.join(_KNOWN)}" for key in rule if key not in _KNOWN]
    wrong += [f"price_markup.{key} must be a number" for key in _KNOWN if not _is_number(rule.get(key, 0))]
    if not wrong and rule.get("percent", 0) <= -100:  # noqa: PLR2004 # all of it taken off
        wrong.append("price_markup.percent must be above -100: prices would be 0")
    if not wrong and not 0 <= rule.get("ending", 0) < 1:
        wrong.append("price_markup.ending must be centavos like 0.90")
    return wrong


def _marked_up(price: Decimal, rule: dict[str, Any]) -> Decimal:
    if price <= 0:
        return price  # not set in the store: to be refused, not to be sold for its ending
    # By text, because a float is not exactly what it shows: Decimal(0.9) is 0.90000000000000002…
    price = price * (100 + Decimal(str(rule.get("percent", 0)))) / 100 + Decimal(str(rule.get("add", 0)))
    price = price.quantize(Decimal("0.01"))
    if "ending" not in rule:
        return price
    ending = Decimal(str(rule["ending"]))
    whole = (price - ending).to_integral_value(ROUND_FLOOR)
    return whole + ending if whole + ending >= price else whole + 1 + ending


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)
