"""Names of products and variations: with prefix, suffix and brand, and cut to a length.

Settings, all optional:

    "title_rules": {"prefix": "Oferta", "suffix": "Loja Exemplo", "brand": "last", "max_length": 60}

brand       "first" or "last": the brand is put there when the name does not have it yet
max_length  in characters; the store's name is shortened, at a blank where there is one, never what is put around it
"""

from rocksync.mapping import ProductPayload, Tenant, hookimpl

_KNOWN = ("prefix", "suffix", "brand", "max_length")


@hookimpl
def rocksync_map_product(tenant: Tenant, payload: ProductPayload) -> None:
    rule = tenant.settings.get("title_rules", {})
    brand = payload.get("brand", "")
    for named in (payload, *payload.get("variations", [])):
        if "name" in named:
            before, after = [rule.get("prefix", "")], [rule.get("suffix", "")]
            if brand.casefold() not in named["name"].casefold():
                before += [brand] if rule.get("brand") == "first" else []
                after = ([brand] if rule.get("brand") == "last" else []) + after
            named["name"] = _title(before, named["name"], after, rule.get("max_length", 0))


@hookimpl
def rocksync_check_settings(tenant: Tenant) -> list[str]:
    rule = tenant.settings.get("title_rules", {})
    if not isinstance(rule, dict):
        return ['title_rules must be like {"prefix": "Oferta"}']
    wrong = [f"title_rules knows no {key}; it knows {', '.join(_KNOWN)}" for key in rule if key not in _KNOWN]
    wrong += [
        f"title_rules.{key} must be a text" for key in ("prefix", "suffix") if not isinstance(rule.get(key, ""), str)
    ]
    if rule.get("brand", "first") not in ("first", "last"):
        wrong.append('title_rules.brand must be "first" or "last"')
    if not (type(rule.get("max_length", 1)) is int and rule.get("max_length", 1) > 0):
        wrong.append("title_rules.max_length must be a whole number above 0")
    return wrong


def _title(before: list[str], name: str, after: list[str], max_length: int) -> str:
    around = sum(len(part) + 1 for part in (*before, *after) if part)
    room = max_length - around
    if max_length and len(name) > room:
        whole = name[: max(room, 1)]
        at_blank = whole if name[len(whole) : len(whole) + 1] == " " else whole.rpartition(" ")[0]
        name = (at_blank or whole).rstrip(" -,")
    return " ".join(part for part in (*before, name, *after) if part)
