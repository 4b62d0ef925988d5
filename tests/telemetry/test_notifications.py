import json

import pytest

from rocksync.telemetry.notifications import Notices

ORDER = "60a66dfbe3f2ab416d669e38"


def body(**members: object) -> bytes:
    return json.dumps(
        {"type": "orders", "id": ORDER, "action": "updated", "user": 129, "changes": {}, **members}
    ).encode()


def test_an_order_is_taken_once():
    notices = Notices()

    assert [notices.offer(body()), notices.offer(body(user="129"))] == ["taken", "taken"]

    (notice,) = notices.take()
    assert (notice.order_id, notice.user) == (ORDER, "129")
    assert notices.take() == []


@pytest.mark.parametrize("kind", ["products", "skus", "messages", "invoices", "whatever"])
def test_what_is_no_order_is_dropped(kind: str):
    notices = Notices()

    assert notices.offer(body(type=kind, id="SKU-1")) == "dropped"
    assert notices.take() == []


@pytest.mark.parametrize(
    "given",
    [
        b"",
        b"\xff\xfe",
        b"[]",
        b'"x"',
        b"{}",
        b"[" * 50_000,
        body(id="../../etc"),
        body(id=ORDER + "0"),
        body(id=None),
        body(user={"$ne": 1}),
        body(user="1 OR 1=1"),
        body(type=["orders"]),
    ],
)
def test_rubbish_is_invalid(given: bytes):
    notices = Notices()

    assert notices.offer(given) == "invalid"
    assert notices.take() == []


def test_one_owner_cannot_flood_the_others():
    now_s = 0.0
    notices = Notices(per_second=1, burst=3, now=lambda: now_s)
    offered = [notices.offer(body(id=f"{number:024x}", user=1)) for number in range(6)]

    assert offered == ["taken"] * 3 + ["dropped"] * 3
    assert notices.offer(body(user=2)) == "taken"
    now_s = 2.0
    assert [notices.offer(body(id=f"{number:024x}", user=1)) for number in range(10, 13)] == [
        "taken",
        "taken",
        "dropped",
    ]


def test_no_more_than_a_thousand_wait():
    notices = Notices(burst=10_000)

    taken = [notices.offer(body(id=f"{number:024x}")) for number in range(1100)].count("taken")

    assert taken == 1000
    assert len(notices.take()) == 1000
