"""Made-up Brazilian buyers. Names, streets and numbers are drawn at random and belong to nobody."""

import random

from rocksync.sandbox.shapes import Document

_FIRST = ("Ana", "João", "Luíza", "Antônio", "Conceição", "Rafael", "Márcia", "Tomás", "Íris", "Vinícius")
_LAST = ("da Silva", "Gonçalves", "de Araújo", "Magalhães", "dos Santos", "Assunção", "Pacheco", "Brandão")
_STREETS = ("Rua das Acácias", "Avenida São João", "Travessa do Sabão", "Rua XV de Novembro", "Alameda dos Ipês")
_PLACES = (
    ("São Paulo", "SP", "01001-000", "11", "Sé"),
    ("Belo Horizonte", "MG", "30110-005", "31", "Savassi"),
    ("Curitiba", "PR", "80010-000", "41", "Centro Cívico"),
    ("Goiânia", "GO", "74003-010", "62", "Setor Central"),
    ("Maceió", "AL", "57020-000", "82", "Jatiúca"),
    ("Florianópolis", "SC", "88010-400", "48", "Trindade"),
)


def buyer(rng: random.Random) -> Document:
    """Return the receiver's and payer's members of an order of one made-up buyer."""
    first, last = rng.choice(_FIRST), rng.choice(_LAST)
    city, state, zipcode, area, district = rng.choice(_PLACES)
    person = {
        "name": first,
        "lastname": last,
        "address": rng.choice(_STREETS),
        "address_number": str(rng.randint(1, 3000)),
        "neighborhood": district,
        "city": city,
        "state": state,
        "country": "BR",
        "zipcode": zipcode,
        "phone_area": area,
        "phone": f"90000-{rng.randint(0, 9999):04d}",
        "email": f"comprador{rng.randint(1, 99999)}@exemplo.invalid",
    }
    if rng.random() < 0.5:  # noqa: PLR2004 (every other buyer lives in a flat)
        person["address_complement"] = f"Ap {rng.randint(1, 200)}"
    members = {f"{role}_{name}": value for role in ("receiver", "payer") for name, value in person.items()}
    return members | {"payer_cpf": _cpf(rng), "payer_gender": "n/a"}


def _cpf(rng: random.Random) -> str:
    """Return eleven digits with valid check digits, from the range that starts with 0000."""
    digits = [0, 0, 0, 0, *(rng.randint(0, 9) for _ in range(5))]
    for length in (9, 10):
        total = sum(digit * (length + 1 - place) for place, digit in enumerate(digits[:length]))
        digits.append(total * 10 % 11 % 10)
    return "".join(map(str, digits))
