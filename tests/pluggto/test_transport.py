"""What the headers of a reply ask for."""

import pytest

from rocksync.pluggto.transport import Answer, retry_after_s


@pytest.mark.parametrize(
    ("header", "date", "asked_s"),
    [
        (None, None, None),
        ("7", None, 7),
        ("-7", None, 0),
        ("nan", None, None),
        ("soon", None, None),
        ("Thu, 01 Jan 1970 00:01:40 GMT", None, 40),
        ("Thu, 01 Jan 1970 00:01:40 GMT", "Thu, 01 Jan 1970 00:01:30 GMT", 10),
    ],
)
def test_seconds_and_dates_say_when_to_ask_again(header: str | None, date: str | None, asked_s: float | None) -> None:
    assert retry_after_s(Answer(status=429, content=b"", retry_after=header, date=date), 60) == asked_s
