"""What the database refuses of an operator's wish, said in words."""

import contextlib
from collections.abc import Iterator

import asyncpg

from rocksync.domain.errors import MisuseError

_RULES = {
    "tenant_slug_is_lower_case_letters_digits_hyphens": (
        "a slug is of lower-case letters, digits and hyphens, and begins with a letter or digit: casa-da-panela"
    ),
    "tenant_name_is_not_blank": "the name must not be blank",
    "tenant_domain_is_a_host_name": "the domain is a host name without scheme or path: www.casadapanela.com.br",
    "tenant_settings_is_an_object": 'settings are a JSON object: {"reserve_stock": false}',
    "tenant_setting_reserve_stock_is_true_or_false": "reserve_stock is true or false, without quotation marks",
    "tenant_setting_tell_orders_is_true_or_false": "tell_orders is true or false, without quotation marks",
    "tenant_gate_has_max_zero_percent_or_max_price_change_percent": (
        'gate is an object such as {"max_zero_percent": 30, "max_price_change_percent": 50}'
    ),
    "tenant_setting_gate_limits_are_numbers_from_0": (
        "the limits of gate are numbers from 0, in percent, without quotation marks"
    ),
    "tenant_mappers_are_of_letters_digits_underscores_dots_hyphens": (
        "a mapper is named without its path or .py: price_markup for mappers/price_markup.py (rocksync mapper list)"
    ),
    "schedule_every_is_between_10_seconds_and_30_days": "an interval is between 10s and 30d",
    "tenant_slug_key": "there is a tenant of that slug already: choose another slug, or see `rocksync tenant list`",
}


@contextlib.contextmanager
def explained() -> Iterator[None]:
    """Turn what constraints and operator functions refuse into a MisuseError of one line, without any value."""
    try:
        yield
    except (asyncpg.CheckViolationError, asyncpg.UniqueViolationError) as error:
        message = _rule(getattr(error, "constraint_name", None) or "")
    except asyncpg.NotNullViolationError as error:
        message = f"{getattr(error, 'column_name', None) or 'a value'} must be given"
    except (asyncpg.RaiseError, asyncpg.NoDataFoundError) as error:
        hint = getattr(error, "hint", None)
        message = f"{error.args[0]}: {hint}" if hint else str(error.args[0])
    except (asyncpg.CharacterNotInRepertoireError, asyncpg.UntranslatableCharacterError, UnicodeEncodeError):
        message = "the text holds a character that cannot be stored (a zero byte?)"
    else:
        return
    raise MisuseError(message) from None


def _rule(constraint: str) -> str:
    if constraint in _RULES:
        return _RULES[constraint]
    if constraint.startswith("credential_") and constraint.endswith("_is_not_blank"):
        return f"{constraint.removeprefix('credential_').removesuffix('_is_not_blank')} must not be blank"
    return f"the database refuses it: {constraint.replace('_', ' ')}"
