"""The file that a new mapper starts from."""

from rocksync.mapping.folder import NAME

_LONGEST_NAME = 100  # file systems take 255 bytes
_TEXT = '''"""What {title} wants at Plugg.to.

Change it, then: rocksync mapper check {name}, and rocksync mapper preview {name} SLUG.
mappers/README.md tells what every hook is given and may change.
"""

from rocksync.mapping import Product, ProductPayload, Tenant, hookimpl


@hookimpl
def rocksync_select_product(product: Product) -> bool | None:
    """Keep off Plugg.to what must not go there; None leaves it to other mappers."""
    if product.sku.startswith("TESTE-"):
        return False
    return None


@hookimpl
def rocksync_map_product(tenant: Tenant, payload: ProductPayload) -> None:
    """Change the payload in place; what is not touched goes as the store has it."""
    if "brand" not in payload and "brand" in tenant.settings:
        payload["brand"] = tenant.settings["brand"]


@hookimpl
def rocksync_check_settings(tenant: Tenant) -> list[str]:
    """Say what is wrong with the tenant's settings, a line each."""
    if not isinstance(tenant.settings.get("brand", ""), str):
        return ["brand must be a text"]
    return []
'''


def new_mapper_source(name: str) -> str:
    """Return the text of a first version of mapper *name*, which does little and passes every check.

    Raises: ValueError when no mapper can have this name.
    """
    if len(name) > _LONGEST_NAME:
        raise ValueError(f"a mapper name has at most {_LONGEST_NAME} characters, not {len(name)}")
    if not NAME.fullmatch(name):
        raise ValueError(f"{name!r} is no mapper name: lower-case letters, digits, - and _, and no - or _ first")
    title = name.replace("-", " ").replace("_", " ").title()
    return _TEXT.format(name=name, title=title)
