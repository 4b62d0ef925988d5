"""Durations as people write them: ``90s``, ``10m``, ``1h30m``, ``2d``."""

import re
from datetime import timedelta

_UNITS = {"w": 604_800, "d": 86_400, "h": 3_600, "m": 60, "s": 1}
_TEXT = re.compile(r"(?:(\d+)w)?(?:(\d+)d)?(?:(\d+)h)?(?:(\d+)m)?(?:(\d+)s)?")
_MAX_DIGITS = 9


def parse_duration(text: str) -> timedelta:
    """Return the duration that *text* says: numbers with w, d, h, m or s, the largest unit first.

    Raises: ValueError, fit to follow the name of what was given.
    """
    found = _TEXT.fullmatch(text.strip().lower())
    numbers = found.groups() if found else ()
    if not any(numbers) or any(len(each or "") > _MAX_DIGITS for each in numbers):
        raise ValueError("must be a duration such as 90s, 10m, 1h30m or 2d")
    seconds = sum(int(number or 0) * unit for number, unit in zip(numbers, _UNITS.values(), strict=True))
    try:
        return timedelta(seconds=seconds)
    except OverflowError:
        raise ValueError("must be a shorter duration") from None


def format_duration(duration: timedelta | float) -> str:
    """Return *duration*, or so many seconds, to the second, as `parse_duration` reads it: ``1h30m``, ``0s``."""
    left = round(duration.total_seconds() if isinstance(duration, timedelta) else duration)
    parts = []
    for name, unit in _UNITS.items():
        if name == "w":
            continue
        count, left = divmod(left, unit)
        if count:
            parts.append(f"{count}{name}")
    return "".join(parts) or "0s"
