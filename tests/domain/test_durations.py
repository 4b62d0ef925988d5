from datetime import timedelta

import pytest

from rocksync.domain.durations import format_duration, parse_duration


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("90s", 90), ("10m", 600), ("1h30m", 5400), ("2d", 172_800), ("1w1d", 691_200), (" 5M ", 300), ("0s", 0)],
)
def test_a_duration_is_read_with_its_units(text: str, seconds: int):
    assert parse_duration(text) == timedelta(seconds=seconds)


@pytest.mark.parametrize("text", ["", "10", "m", "1.5h", "-5m", "5m1h", "10 m", "1h30", "9999999999s", "999999999w"])
def test_what_is_no_duration_is_refused(text: str):
    with pytest.raises(ValueError, match="duration"):
        parse_duration(text)


@pytest.mark.parametrize("text", ["1h30m", "2d", "45s", "0s", "1d2h3m4s"])
def test_a_duration_is_written_as_it_is_read(text: str):
    assert format_duration(parse_duration(text)) == text
