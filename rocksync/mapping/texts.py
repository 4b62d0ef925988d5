"""What mappers, and files that may be some, give to be told: whatever it is, Postgres and JSON have to take it."""

_LONGEST = 2_000


def storable(text: str) -> str:
    """Return *text* as any text column takes it: cut short, without NUL characters and halves of surrogate pairs."""
    return text[:_LONGEST].replace("\0", "").encode("utf-8", "replace").decode()
