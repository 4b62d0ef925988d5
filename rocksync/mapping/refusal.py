"""How a mapper says that an item must not go as it is."""


class ItemError(Exception):
    """Raised in a hook: the item is set aside with this text, and the others go on.

    It is looked at again when its row, the mapper or the tenant's settings change; with ``final=False`` also by itself,
    a few times.
    """

    def __init__(self, detail: str, *, final: bool = True) -> None:
        super().__init__(detail)
        self.detail = detail
        self.final = final
