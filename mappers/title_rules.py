"""Names of products and variations: with prefix, suffix and brand, and cut to a length.

Settings, all optional:

    "title_rules": {"prefix": "Oferta", "suffix": "Loja Exemplo", "brand": "last", "max_length": 60}

brand       "first" or "last": the brand is put there when the name does not have it yet, as a word of its own
max_length  in characters; the store's name is shortened, at a blank where there is one, never what is put around it

A name whose brand would be cut off has it put there too. Where a long brand leaves no room for the name it is left out,
then prefix and suffix.
"""

import re
import unicodedata

from rocksync.mapping import ItemError, ProductPayload, Tenant, hookimpl

_KNOWN = ("prefix", "suffix", "brand", "max_length")
_JOINER = "\u200d"
_FLAGS = range(0x1F1E6, 0x1F200)  # two of these letters make a flag
_TONES_AND_TAGS = {*range(0x1F3FB, 0x1F400), *range(0xE0020, 0xE0080), 0x200C, ord(_JOINER)}


@hookimpl
def rocksync_map_product(tenant: Tenant, payload: ProductPayload) -> None:
    rule = tenant.settings.get("title_rules", {})
    prefix, suffix = rule.get("prefix", "").strip(), rule.get("suffix", "").strip()
    brand = payload.get("brand", "").strip() if "brand" in rule else ""
    branded = (f"{prefix} {brand}", suffix) if rule.get("brand") == "first" else (prefix, f"{brand} {suffix}")
    for named in (payload, *payload.get("variations", [])):
        if named.get("name", "").strip():
            named["name"] = _title(named["name"], (prefix, suffix), branded, brand, rule.get("max_length", 0))


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
    if (
        not wrong
        and "max_length" in rule
        and len(_joined(rule.get("prefix", ""), "x", rule.get("suffix", ""))) > (rule["max_length"])
    ):
        wrong.append("title_rules.max_length leaves no room for the name beside prefix and suffix")
    return wrong


def _title(name: str, plain: tuple[str, str], branded: tuple[str, str], brand: str, max_length: int) -> str:
    kept = _shortened(name, plain, max_length)
    if brand and not _has_word(kept, brand) and (beside := _shortened(name, branded, max_length)):
        return _joined(branded[0], beside, branded[1])
    if kept:
        return _joined(plain[0], kept, plain[1])
    if alone := _shortened(name, ("", ""), max_length):
        return alone
    raise ItemError(f"title_rules.max_length has no room for the first character of {name!r}")


def _has_word(name: str, word: str) -> bool:
    name, word = (unicodedata.normalize("NFC", text.casefold()) for text in (name, word))
    return re.search(rf"(?<!\w){re.escape(word)}(?!\w)", name) is not None


def _shortened(name: str, around: tuple[str, str], max_length: int) -> str:
    """Return as much of the name as there is room for, empty if there is none. Length 0: all of it."""
    name = name.strip()
    room = max_length - len(_joined(around[0], "x", around[1])) + 1
    if not max_length or len(name) <= room:
        return name
    end = next((end for end in range(max(room, 0), 0, -1) if not _is_inside(name, end)), 0)
    whole = name[:end].rstrip()
    at_blank = whole if name[len(whole)].isspace() else whole.rpartition(" ")[0]
    return at_blank.rstrip(" -,") or whole


def _is_inside(text: str, place: int) -> bool:
    """Tell whether what is seen as one character begins before *place* and ends after it."""
    before, after = text[place - 1], text[place]
    if before == _JOINER or ord(after) in _TONES_AND_TAGS or unicodedata.category(after).startswith("M"):
        return True
    flags = 0
    while flags < place and ord(text[place - 1 - flags]) in _FLAGS:
        flags += 1
    return ord(after) in _FLAGS and flags % 2 == 1


def _joined(before: str, name: str, after: str) -> str:
    return " ".join(part for part in (before.strip(), name, after.strip()) if part)
