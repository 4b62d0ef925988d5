from datetime import UTC, datetime, timedelta, timezone

from rocksync.domain.texts import stamp


def test_times_are_written_in_utc_with_milliseconds() -> None:
    noon = datetime(2026, 3, 1, 12, 0, 0, 1999, tzinfo=timezone(timedelta(hours=-3)))

    assert stamp(noon) == "2026-03-01T15:00:00.001Z"
    assert stamp(datetime(2026, 3, 1, tzinfo=UTC)) == "2026-03-01T00:00:00.000Z"
