"""What people type after a command, read and checked."""

import json
import re
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, TypeVar

import click
from click.shell_completion import CompletionItem

from rocksync.domain.durations import parse_duration
from rocksync.domain.reasons import Reason
from rocksync.domain.tenancy import Kind

F = TypeVar("F", bound=Callable[..., object])
_SETTING = re.compile(r"([A-Za-z_][\w.-]*)=(.*)", re.DOTALL)


class KindType(click.ParamType[Kind]):
    """product, price, stock or order."""

    name = "kind"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Kind:  # noqa: ANN401 # click's
        """Return the kind that *value* names."""
        try:
            return Kind(str(value).lower())
        except ValueError:
            self.fail(f"{value!r} is no kind: product, price, stock or order", param, ctx)

    def shell_complete(self, ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:
        """Return the kinds that begin with *incomplete*."""
        del ctx, param
        return [CompletionItem(kind) for kind in Kind if kind.startswith(incomplete)]


class ReasonType(click.ParamType[Reason]):
    """A reason code: ``missing_price``."""

    name = "reason"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Reason:  # noqa: ANN401 # click's
        """Return the reason that *value* names."""
        try:
            return Reason(str(value).lower())
        except ValueError:
            self.fail(f"{value!r} is no reason code: docs/reasons.md lists them", param, ctx)

    def shell_complete(self, ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:
        """Return the reason codes that begin with *incomplete*."""
        del ctx, param
        return [CompletionItem(reason) for reason in Reason if reason.startswith(incomplete)]


class DurationType(click.ParamType[timedelta]):
    """``90s``, ``10m``, ``1h30m``."""

    name = "duration"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> timedelta:  # noqa: ANN401 # click's
        """Return the duration that *value* says."""
        if isinstance(value, timedelta):
            return value
        try:
            return parse_duration(str(value))
        except ValueError as error:
            self.fail(f"{value!r} {error}", param, ctx)


class MomentType(click.ParamType[datetime]):
    """A date or time, ``2026-01-31`` or ``2026-01-31T18:00``, in this machine's zone unless it says another."""

    name = "time"

    def __init__(self, *, after_now: bool = False) -> None:
        """*after_now*: a duration counts as well, from now, and what is past is refused."""
        self._after_now = after_now

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> datetime:  # noqa: ANN401 # click's
        """Return the time that *value* says, in UTC."""
        if isinstance(value, datetime):
            return value
        moment = self._read(str(value))
        if moment is None:
            also = ", or a duration such as 2h" if self._after_now else ""
            self.fail(f"{value!r} must be a date or time such as 2026-01-31 or 2026-01-31T18:00{also}", param, ctx)
        if self._after_now and moment <= datetime.now(UTC):
            self.fail(f"{value!r} is past already", param, ctx)
        return moment

    def _read(self, text: str) -> datetime | None:
        try:
            return datetime.fromisoformat(text).astimezone(UTC)
        except (ValueError, OverflowError):
            pass
        try:
            return datetime.now(UTC) + parse_duration(text) if self._after_now else None
        except (ValueError, OverflowError):
            return None


class SettingType(click.ParamType[tuple[str, Any]]):
    """``name=value``; the value is read as JSON if it is JSON, else as text."""

    name = "name=value"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> tuple[str, Any]:  # noqa: ANN401 # click's
        """Return name and value."""
        if isinstance(value, tuple):
            return value
        found = _SETTING.fullmatch(str(value))
        if found is None:
            self.fail(f"{value!r} must be like reserve_stock=false", param, ctx)
        try:
            return found[1], json.loads(found[2], parse_constant=_refuse)
        except ValueError:
            return found[1], found[2]


def slug_argument(command: F) -> F:
    """Give a command the argument SLUG."""
    return click.argument("slug")(command)


def thing_arguments(command: F) -> F:
    """Give a command the arguments WHAT, sku or order, and KEY."""
    named = click.argument("key", metavar="KEY")(command)
    return click.argument("what", type=click.Choice(["sku", "order"]))(named)


def key_option(command: F) -> F:
    """Give a command ``--key``, any number of times, as the argument ``keys``."""
    return click.option("--key", "keys", multiple=True, help="Only this SKU or order id; may be repeated.")(command)


def kind_option(command: F) -> F:
    """Give a command ``--kind``, any number of times, as the argument ``kinds``."""
    return click.option("--kind", "kinds", multiple=True, type=KindType(), help="Only this kind; may be repeated.")(
        command
    )


def as_settings(pairs: Sequence[tuple[str, Any]]) -> Mapping[str, Any]:
    """Return settings from name and value pairs, the last of a name counting."""
    return dict(pairs)


def _refuse(constant: str) -> None:
    raise ValueError(f"{constant} is not JSON")
