"""Who buys and where it goes, from an order's ``payer_*`` and ``receiver_*`` members.

Source: pluggto-api 4.3 (member names), 4.4 (split phones, CEP with or without a dash, long names of states); Instrução
Normativa RFB 2.229/2024 (letters in a CNPJ). That Plugg.to passes such a CNPJ on as it is, is assumed.
"""

import re
import unicodedata
from collections.abc import Mapping
from typing import Any

from rocksync.pluggto.reading import digits, text

_STATES = {
    "acre": "AC",
    "alagoas": "AL",
    "amapa": "AP",
    "amazonas": "AM",
    "bahia": "BA",
    "ceara": "CE",
    "distrito federal": "DF",
    "espirito santo": "ES",
    "goias": "GO",
    "maranhao": "MA",
    "mato grosso": "MT",
    "mato grosso do sul": "MS",
    "minas gerais": "MG",
    "para": "PA",
    "paraiba": "PB",
    "parana": "PR",
    "pernambuco": "PE",
    "piaui": "PI",
    "rio de janeiro": "RJ",
    "rio grande do norte": "RN",
    "rio grande do sul": "RS",
    "rondonia": "RO",
    "roraima": "RR",
    "santa catarina": "SC",
    "sao paulo": "SP",
    "sergipe": "SE",
    "tocantins": "TO",
}
_CODES = frozenset(_STATES.values())
_CPF, _CNPJ, _CEP = 11, 14, 8
_CNPJ_FORM = re.compile(r"([0-9A-Z]{2})\.?([0-9A-Z]{3})\.?([0-9A-Z]{3})/?([0-9A-Z]{4})-?([0-9]{2})")
_ADDRESS = {
    "street": "address",
    "number": "address_number",
    "complement": "address_complement",
    "district": "neighborhood",
    "city": "city",
    "reference": "address_reference",
}


def customer(order: Mapping[str, Any]) -> dict[str, str]:
    """Name, document, email and phone of who pays, as far as known; else of who receives."""
    return _known(
        {
            "name": _name(order, "payer") or text(order.get("payer_razao_social")) or _name(order, "receiver"),
            "document": _document(order),
            "email": text(order.get("payer_email")) or text(order.get("receiver_email")),
            "phone": _phone(order, "payer") or _phone(order, "receiver"),
        }
    )


def delivery(order: Mapping[str, Any]) -> dict[str, str]:
    """Name, phone and address of who receives, as far as known; else of who pays."""
    role = "receiver" if text(order.get("receiver_address")) or text(order.get("receiver_zipcode")) else "payer"
    found = {ours: text(order.get(f"{role}_{theirs}")) for ours, theirs in _ADDRESS.items()}
    found |= {
        "name": _name(order, role) or _name(order, "payer"),
        "phone": _phone(order, role),
        "state": state(order.get(f"{role}_state")),
        "zip": _padded(order.get(f"{role}_zipcode"), _CEP),
    }
    if any(found.values()):
        found["country"] = _country(text(order.get(f"{role}_country")))
    return _known(found)


def state(value: object) -> str | None:
    """The two letters of a Brazilian state, from them or from its name; None: it is neither."""
    found = text(value)
    if found is None:
        return None
    if found.upper() in _CODES:
        return found.upper()
    bare = unicodedata.normalize("NFKD", found).encode("ascii", "ignore").decode().lower()
    return _STATES.get(" ".join(bare.split()))


def _known(found: Mapping[str, str | None]) -> dict[str, str]:
    return {name: value for name, value in found.items() if value}


def _name(order: Mapping[str, Any], role: str) -> str | None:
    parts = [text(order.get(f"{role}_name")), text(order.get(f"{role}_lastname"))]
    return " ".join(part for part in parts if part) or text(order.get(f"{role}_fullname"))


def _document(order: Mapping[str, Any]) -> str | None:
    for member in ("payer_cpf", "payer_cnpj", "payer_document", "payer_tax_id", "receiver_cpf"):
        value = order.get(member)
        found = _cnpj(value) or _padded(value, _CNPJ if member == "payer_cnpj" else _CPF)
        if found:
            return found
    return None


def _cnpj(value: object) -> str | None:
    """The digits and capital letters of a CNPJ; None: *value* has not the form of one."""
    found = _CNPJ_FORM.fullmatch((text(value) or "").upper())
    return "".join(found.groups()) if found else None


def _phone(order: Mapping[str, Any], role: str) -> str | None:
    for suffix in ("phone", "phone2"):
        local = digits(order.get(f"{role}_{suffix}"))
        if local:
            return (digits(order.get(f"{role}_{suffix}_area")) or "") + local
    return None


def _padded(value: object, length: int) -> str | None:
    """Digits of *value*; a number has lost its leading zeros and gets them back."""
    found = digits(value)
    return found.zfill(length) if found and isinstance(value, int) else found


def _country(found: str | None) -> str:
    """The country as given; one that is not given is Brazil. Source: pluggto-api 4.4."""
    return "BR" if found is None or found.lower() in {"br", "bra", "brasil", "brazil"} else found
