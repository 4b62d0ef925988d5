"""What a reply means, from its bytes."""

from collections.abc import Callable
from decimal import Decimal

import pytest

from rocksync.pluggto import replies

WHOLE = b'{"Product": {"sku": "A", "price": 1.5, "photos": [{"url": "http://x.test/1"}], "note": "\\u00e9"}}'
BODIES = [
    WHOLE,
    b'{"error": false, "Product": {}}',
    b'{"error": null, "other": [1, {"Product": 1}], "Product": {"sku": null}}',
    b'{"Product": {}, "Product": {"sku": "B"}}',
    b"",
    b"null",
    b"[]",
    b"{}",
    b'"Product"',
    b'{"Product": null}',
    b'{"Product": []}',
    b'{"Product": "A"}',
    b'{"product": {}}',
    b'{"error": true, "Product": {"sku": "A"}}',
    b'{"error": "x", "Product": {"sku": "A"}}',
    WHOLE + b"<!-- -->",
    b"<html></html>",
    b'{"Product": {"name": "Caf\xe9"}}',
    b'{"Product": {"name": "Ana \\ud83d"}}',
    b'{"Caf\xe9": "\\ud83d", "error": "\\udc00", "Product": {}}',
    b'{"Product": {"a": NaN}}',
    b'{"Product": ' + b'{"a": ' * 100_000,
    b'{"Product": {"a": ' + b"[" * 100_000 + b"]" * 100_000 + b"}}",
    *(WHOLE[:length] for length in range(1, len(WHOLE))),
]


@pytest.mark.parametrize("body", BODIES, ids=range(len(BODIES)))
def test_a_product_that_is_not_taken_apart_is_there_just_when_it_can_be(body: bytes) -> None:
    def verdict(read: Callable[[bytes], object]) -> str:
        try:
            read(body)
        except replies.BadReplyError as error:
            return str(error)
        return "there"

    assert verdict(replies.holds_product) == verdict(replies.product)


@pytest.mark.parametrize(
    ("text", "means"),
    [
        (b"Ana \\ud83d", "Ana \ufffd"),
        (b"\\ude00 Ana", "\ufffd Ana"),
        (b"Jos\xe9", "Jos\ufffd"),
        (b"\\ud83d\\ude00 \\\\ud83d \\ud83d\\ud83d\\ude00 \\u00e9 \xc3\xa9", "\U0001f600 \\ud83d \ufffd\U0001f600 é é"),
    ],
)
def test_broken_text_is_read_with_a_mark_in_its_place(text: bytes, means: str) -> None:
    assert replies.decode(b'{"name": "%s", "total": 0.10}' % text, exact=True) == {
        "name": means,
        "total": Decimal("0.10"),
    }


def test_a_refusal_that_repeats_secrets_or_a_buyer_is_told_without_them() -> None:
    refused = replies.refused(400, b'{"details": "Bearer abcdef123456 is not for ana@exemplo.test"}')

    assert refused.details == "[redacted] is not for [redacted]"


def test_a_refusal_without_an_end_is_searched_for_a_moment_only() -> None:
    refused = replies.refused(400, b'{"details": "' + b"x" * 2**24 + b'"}')

    assert refused.details == "x" * 300
