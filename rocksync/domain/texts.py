"""Foreign text as it can be kept, and times as both sides of the hub's door write them."""

from datetime import UTC, datetime


def storable(text: str) -> str:
    """Return *text* as any text column and JSON take it: without NUL characters and halves of surrogate pairs."""
    return text.replace("\0", "").encode("utf-8", "replace").decode()


def stamp(moment: datetime) -> str:
    """Return the moment as Plugg.to writes times: ``2024-07-15T18:07:07.000Z``. Source: pluggto-api 4.4, 9 X16."""
    return f"{moment.astimezone(UTC).replace(tzinfo=None).isoformat(timespec='milliseconds')}Z"
