"""Foreign text as it can be kept."""


def storable(text: str) -> str:
    """Return *text* as any text column and JSON take it: without NUL characters and halves of surrogate pairs."""
    return text.replace("\0", "").encode("utf-8", "replace").decode()
