"""Which products go to Plugg.to, by category.

Settings, both optional:

    "category_filter": {"only": ["Casa > Cozinha"], "never": ["Casa > Cozinha > Usados"]}

only   a product goes if one of its categories is one of these, or below one
never  a product stays if one of its categories is one of these, or below one; it wins over "only"

Paths are compared part by part, whatever the case, blanks around parts and empty parts: "casa>Cozinha >" is the same
as "Casa > Cozinha".
"""

import unicodedata

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
        if not isinstance(paths, list) or not all(isinstance(path, str) for path in paths):
            wrong.append(f"category_filter.{key} must be a list of category paths")
        else:
            wrong += [
                f"category_filter.{key} has the path {path!r}, which is empty" for path in paths if not _parts(path)
            ]
    if rule.get("only") == []:
        wrong.append("category_filter.only is empty: no product would go; leave it out to let all go")
    return wrong


def _is_in(product: Product, wanted: list[str]) -> bool:
    paths = [_parts(path) for path in product.categories]
    return any(path[: len(parts)] == parts for parts in map(_parts, wanted) if parts for path in paths)


def _parts(path: str) -> list[str]:
    # NFC, because an accent may be part of its letter or a character of its own.
    parts = (unicodedata.normalize("NFC", part.strip().casefold()) for part in path.split(">"))
    return [part for part in parts if part]
