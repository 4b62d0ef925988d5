"""What strangers send: replies of the hub and bodies of notifications, made up by a machine that wants to do harm."""

import contextlib
import json
import os
import string
from typing import Any

import msgspec
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from rocksync.domain.errors import ItemError
from rocksync.mapping.conversion import DefaultRules
from rocksync.pluggto import order_decoding, product_writes, replies
from rocksync.pluggto.replies import BadReplyError
from rocksync.store.texts import json_text, storable, storable_json
from rocksync.telemetry.notifications import Notices

CASES = int(os.environ.get("CHAOS_CASES", "300"))
"""Cases of each test; the long run asks for more."""
hostile = settings(max_examples=CASES, deadline=None, suppress_health_check=list(HealthCheck))

_TEXTS = st.one_of(
    st.text(max_size=30),
    st.sampled_from(
        [
            "'; DROP TABLE store.product; --",
            '{"level":"error"}\n{"event":"forged"}',
            "../../etc/passwd",
            "%00\x00",
            "\ud800",
            "1e999999",
            "9" * 400,
            "NaN",
            "-0",
            "2026-99-99T99:99:99Z",
            "9999-12-31T23:59:59-23:59",
            "0001-01-01T00:00:00+23:59",
            "true",
        ]
    ),
)
_NUMBERS = st.one_of(st.integers(), st.floats(), st.just(10**400), st.just(-(2**63) - 1))
_JSON: st.SearchStrategy[Any] = st.recursive(
    st.one_of(st.none(), st.booleans(), _NUMBERS, _TEXTS),
    lambda inner: st.one_of(st.lists(inner, max_size=4), st.dictionaries(_TEXTS, inner, max_size=4)),
    max_leaves=12,
)
_MEMBERS = st.sampled_from(
    [
        "id",
        "sku",
        "status",
        "items",
        "shipments",
        "created",
        "modified",
        "total",
        "external",
        "ack",
        "variation",
        "price",
        "quantity",
        "payments",
        "variations",
        "attributes",
        "categories",
        "photos",
        "receiver_name",
        "original_id",
        "name",
        "user_id",
        "nfe_key",
        "track_code",
        "discount",
        "subtotal",
        "channel",
        "code",
        "url",
        "log_history",
        "result",
    ]
)
_ENTITY: st.SearchStrategy[Any] = st.recursive(
    st.one_of(st.none(), st.booleans(), _NUMBERS, _TEXTS),
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(_MEMBERS, inner, max_size=6)),
    max_leaves=20,
)


def sent(value: object) -> bytes:
    return json.dumps(value, ensure_ascii=True, default=str).encode()


_BODIES = st.one_of(
    st.binary(max_size=200),
    _JSON.map(sent),
    st.dictionaries(st.sampled_from(["Order", "Product", "result", "error", "type", "limit"]), _ENTITY).map(sent),
    st.integers(1, 200_000).map(lambda depth: b"[" * depth),
    _JSON.map(lambda value: sent(value)[:-1]),
    st.binary(max_size=20).map(lambda tail: b'{"Order": {"id": "' + tail),
)


@hostile
@given(_BODIES)
def test_a_reply_is_understood_or_refused_as_no_reply(body: bytes) -> None:
    for read in (replies.product, replies.order, replies.products, replies.orders):
        try:
            read(body)
        except BadReplyError:
            continue
    replies.grant(body)
    replies.refused(400, body)


@hostile
@given(st.dictionaries(_MEMBERS, _ENTITY, max_size=12))
def test_an_order_of_any_shape_is_decoded_or_refused_and_can_be_stored(entity: dict[str, Any]) -> None:
    try:
        document = replies.order(sent({"Order": entity}))
        order = order_decoding.decode(document)
    except (BadReplyError, ItemError):
        return
    msgspec.json.decode(storable_json(json_text(order.document)))
    assert "\0" not in storable(order.status)
    with contextlib.suppress(ItemError):
        DefaultRules().order(order)


@hostile
@given(st.dictionaries(_MEMBERS, _ENTITY, max_size=12))
@example({"categories": [{"id": [None], "name": [None]}]})
@example({"attributes": [{"id": {}, "code": {}}], "variations": [{"sku": "A", "categories": [{"id": 1, "name": []}]}]})
def test_a_product_of_any_shape_says_which_elements_it_has(entity: dict[str, Any]) -> None:
    try:
        shown = replies.product(sent({"Product": entity}))
    except BadReplyError:
        return
    product_writes.skus(shown)
    product_writes.without_duplicates(shown, shown)
    product_writes.lost_categories({"categories": [{"id": "x", "remove": True}]}, shown, shown)


@hostile
@given(
    st.dictionaries(st.sampled_from(["access_token", "refresh_token", "expires_in", "token_type", "error"]), _ENTITY)
)
def test_a_grant_of_any_shape_is_a_token_that_can_be_sent_or_none(entity: dict[str, Any]) -> None:
    granted = replies.grant(sent(entity))

    if granted is not None:
        assert granted.access_token.isascii()
        assert granted.access_token.isprintable()
        assert 0 <= granted.expires_in_s < float("inf")


@hostile
@given(st.fixed_dictionaries({"type": st.just("orders")}, optional={"id": _ENTITY, "user": _ENTITY, "action": _ENTITY}))
def test_a_notification_of_an_order_names_one_or_is_invalid(body: dict[str, Any]) -> None:
    notices = Notices()

    notices.offer(sent(body))

    assert all(len(notice.order_id) == 24 and notice.user for notice in notices.take())


@hostile
@given(_BODIES)
def test_a_notification_is_taken_dropped_or_invalid_and_nothing_else(body: bytes) -> None:
    notices = Notices()

    assert notices.offer(body) in {"taken", "dropped", "invalid"}

    for notice in notices.take():
        assert set(notice.order_id) <= set(string.hexdigits)


def test_a_flood_of_notifications_keeps_a_bounded_queue() -> None:
    notices = Notices()

    for number in range(50_000):
        notices.offer(sent({"type": "orders", "id": f"{number:024x}", "user": number % 20_000}))

    assert len(notices.take()) <= 1_000
