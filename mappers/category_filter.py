"""Which products go to Plugg.to, by category.

Settings, both optional:

    "category_filter": {"only": ["Casa > Cozinha"], "never": ["Casa > Cozinha > Usados"]}

only   a product goes if one of its categories is one of these, or below one
never  a product stays if one of its categories is one of these, or below one; it wins over "only"
"""

from rocksync.mapping import Product, Tenant, hookimpl

_KNOWN = ("only", "never")


@hookimpl
def rocksync_select_product(tenant: Tenant, product: Product) -> bool | None:
    rule = tenant.settings.get("category_filter", {})
    if _is_in(product, rule.get("never", [])) or ("only" in rule and not _is_in(product, rule["only"])):
        return False
    return None


@hookimpl
def rocksync_check_settings(tenant: Tenant) -> list[str]:
    rule = tenant.settings.get("category_filter", {})
    if not isinstance(rule, dict):
        return ['category_filter must be like {"only": ["Casa > Cozinha"]}']
    wrong = [f"category_filter knows no {key}; it knows {', '.join(_KNOWN)}" for key in rule if key not in _KNOWN]
    for key in _KNOWN:
        paths = rule.get(key, [])
        if not isinstance(paths, list) or not all(isinstance(path, str) and path.strip() for path in paths):
            wrong.append(f"category_filter.{key} must be a list of category paths")
    return wrong


def _is_in(product: Product, wanted: list[str]) -> bool:
    paths = [_parts(path) for path in product.categories]
    return any(path[: len(parts)] == parts for parts in map(_parts, wanted) for path in paths)


def _parts(path: str) -> list[str]:
    return [part.strip().casefold() for part in path.split(">")]
