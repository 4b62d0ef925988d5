"""What mappers, and files that may be some, give to be told."""

from rocksync.domain.texts import storable

_LONGEST = 2_000


def tellable(text: str) -> str:
    """Return *text*, whatever it is, cut short and as it can be stored."""
    return storable(text[:_LONGEST])
