"""``rocksync explain``: why a SKU or an order is where it is. Writes nothing."""

import importlib
import re
from collections.abc import Iterable, Mapping
from dataclasses import asdict
from datetime import datetime
from typing import TYPE_CHECKING, Any

import click

from rocksync.cli.output import (
    json_option,
    print_facts,
    print_json,
    print_lines,
    print_table,
    print_text,
    print_verdict,
)
from rocksync.cli.parameters import slug_argument, thing_arguments
from rocksync.cli.running import DONE, run
from rocksync.domain.reasons import GUIDANCE, Actor, Reason
from rocksync.domain.tenancy import Kind
from rocksync.settings import Settings

if TYPE_CHECKING:
    from rocksync.domain.desk import Attempt
    from rocksync.domain.explanation import Explanation, Part, StockSum

_ATTEMPTS = 5
_DIFFERENCES = 10


@click.command()
@slug_argument
@thing_arguments
@json_option
def explain(slug: str, what: str, key: str, as_json: bool) -> None:
    """Tell the whole chain of one SKU or order of tenant SLUG, from the store's row to what Plugg.to shows now.

    It ends in one reason code (docs/reasons.md) with its fix. KEY is a SKU, or an order's id at Plugg.to or in the
    store; one that begins with a hyphen comes after --. Nothing is written anywhere.
    """
    app = importlib.import_module("rocksync.app")
    chain = importlib.import_module("rocksync.cli.chain").chain

    async def body(settings: Settings) -> int:
        async with app.open_app(settings) as opened:
            explained: Explanation = await chain(opened, slug, what, key, attempts=_ATTEMPTS)
        if as_json:
            print_json(_as_json(explained))
        else:
            _print(explained)
        return DONE

    run(body)


def _as_json(explained: "Explanation") -> dict[str, object]:
    parts = {str(part.kind): part for part in explained.parts}
    reason = explained.verdict.reason
    return {
        "tenant": explained.slug,
        explained.what: explained.name,
        "store": {kind: part.store for kind, part in parts.items()},
        "eligibility": explained.eligibility,
        "mapped": {kind: part.mapped for kind, part in parts.items()},
        "accepted": {kind: part.item.accepted if part.item else None for kind, part in parts.items()},
        "items": {kind: _item_as_json(part) for kind, part in parts.items()},
        "stock": asdict(explained.stock) | {"sum": _sum(explained.stock)} if explained.stock else None,
        "attempts": [attempt_as_json(each) for each in explained.attempts],
        "live": {"shown": explained.live.shown, "error": explained.live.error},
        "next_action": _named(explained.next_action, explained),
        "reason": reason,
        "detail": explained.verdict.detail,
        "meaning": GUIDANCE[reason].meaning,
        "fix": _fix(explained),
        "who": _who(explained),
    }


def _item_as_json(part: "Part") -> dict[str, object]:
    item = part.item
    return {
        "key": part.key,
        "reason": part.verdict.reason,
        "detail": part.verdict.detail,
        "state": item.state if item else None,
        "recorded_reason": item.reason if item else None,
        "changed_at": item.changed_at if item else None,
        "attempts": item.attempts if item else 0,
        "attempted_at": item.attempted_at if item else None,
        "next_attempt_at": item.next_attempt_at if item and item.state == "pending" else None,
        "accepted_at": item.accepted_at if item else None,
    }


def attempt_as_json(attempt: "Attempt") -> dict[str, object]:
    """Return one line of history, without secrets and personal data."""
    redaction = importlib.import_module("rocksync.domain.redaction")
    sent = attempt.sent if attempt.kind != "order" else redaction.redact("", attempt.sent)
    return asdict(attempt) | {
        "sent": sent,
        "detail": None if attempt.detail is None else redaction.redact_text(attempt.detail),
    }


_PLACES = re.compile(r"""SLUG|KIND|order ID|--key ID|(?:--key|sku) (?:'[^']*'|"'"|[^\s'"])+""")
"""What stands for a name in a text, and what is one already, whatever letters are in it."""


def _fix(explained: "Explanation") -> str:
    return _named(explained.verdict.fix or GUIDANCE[explained.verdict.reason].fix, explained)


def _who(explained: "Explanation") -> Actor:
    return GUIDANCE[explained.verdict.reason].who if explained.verdict.fix is None else Actor.OPERATOR


def _named(text: str, explained: "Explanation") -> str:
    """*text* with the tenant, kind and order that it is about in place of SLUG, KIND and ID."""
    names = {"SLUG": explained.slug}
    if explained.decided_by is not None:
        names["KIND"] = str(explained.decided_by)
    if explained.what == "order":
        names["order ID"] = f"order {explained.name}"
        names["--key ID"] = f"--key {explained.name}"
    return _PLACES.sub(lambda found: names.get(found[0], found[0]), text)


def _print(explained: "Explanation") -> None:
    reason = explained.verdict.reason
    print_facts({"tenant": explained.slug, explained.what: explained.name})
    for part in explained.parts:
        _section(f"store: {part.kind}", _short(part.store) if part.store else ["not there"])
    _section("eligibility", _short(explained.eligibility))
    if explained.stock is not None:
        _section("stock", [_sum(explained.stock)])
    for part in explained.parts:
        _section(f"mapped: {part.kind} {part.key}", _differences(part))
    click.echo()
    print_table(
        ("KIND", "STATE", "REASON", "ACCEPTED", "ATTEMPTS", "DETAIL"),
        [
            (
                part.kind,
                part.item.state if part.item else None,
                part.verdict.reason,
                part.item.accepted_at if part.item else None,
                part.item.attempts if part.item else 0,
                part.verdict.detail or "",
            )
            for part in explained.parts
        ],
        whole=("KIND", "STATE", "REASON", "ACCEPTED", "ATTEMPTS"),
        none="nothing is known of it",
    )
    _section("last attempts", [_told(each) for each in explained.attempts] or ["none"])
    _section("Plugg.to now", _live(explained))
    _section("next", [_named(explained.next_action, explained)])
    detail = f": {explained.verdict.detail}" if explained.verdict.detail else ""
    _section("reason", [])
    print_verdict(reason, detail, good=reason is Reason.IN_SYNC, indent="  ")
    print_lines([GUIDANCE[reason].meaning], indent="  ")
    _section("fix", [f"({_who(explained)}) {_fix(explained)}"])


def _section(title: str, lines: Iterable[str]) -> None:
    click.echo()
    print_text(f"{title}:")
    print_lines(lines, indent="  ")


def _short(facts: Mapping[str, Any]) -> list[str]:
    return [f"{name}: {_value(value)}" for name, value in facts.items() if value is not None]


def _value(value: object) -> str:
    match value:
        case datetime():
            return f"{value:%Y-%m-%d %H:%M:%SZ}"
        case list() | tuple():
            return ", ".join(_value(each) for each in value) or "none"
        case dict():
            return "{" + ", ".join(f"{name}: {_value(each)}" for name, each in value.items() if each) + "}"
        case _:
            return str(value)


def _differences(part: "Part") -> list[str]:
    if not part.mapped:
        return ["nothing is to be sent of it"]
    if part.kind is Kind.ORDER:  # what was accepted of an order is no document
        return _short(part.mapped)
    accepted = part.item.accepted if part.item else None
    found = importlib.import_module("rocksync.mapping.preview").differences(accepted, part.mapped)
    if not found:
        return ["as Plugg.to last accepted it"]
    lines = [f"{each.path}: {each.before} -> {each.after}" for each in found[:_DIFFERENCES]]
    more = len(found) - len(lines)
    return [*lines, f"and {more} more members (--json shows all)"] if more else lines


def _live(explained: "Explanation") -> list[str]:
    live = explained.live
    if live.error is not None:
        return [f"live value unavailable: {live.error}"]
    return _short(live.shown) if live.shown is not None else ["it is not there"]


def _sum(stock: "StockSum") -> str:
    if not stock.active:
        return f"{stock.on_hand} on hand, but off sale = 0"
    buffer = f" - {stock.buffer} buffer" if stock.buffer else ""
    if stock.buffer is not None and stock.buffer < 0:
        buffer = f" + {-stock.buffer} added by a mapper"
    held = "" if not stock.held else f" - {stock.held} held by orders"
    sent = stock.sellable if stock.quantity is None else stock.quantity
    floor = " (never below 0)" if stock.on_hand - stock.reserved - stock.held < 0 else ""
    return f"{stock.on_hand} on hand - {stock.reserved} reserved{held}{buffer} = {sent}{floor}"


def _told(attempt: "Attempt") -> str:
    told = attempt_as_json(attempt)
    answer = f" {attempt.status}" if attempt.status else ""
    took = f" in {attempt.took_ms} ms" if attempt.took_ms is not None else ""
    detail = f": {told['detail']}" if told["detail"] else ""
    return f"{attempt.at:%Y-%m-%d %H:%M:%SZ} {attempt.kind} {attempt.action}{answer}{took} {attempt.reason}{detail}"
