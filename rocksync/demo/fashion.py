"""Moda Ipê: clothes in colours and sizes; only the variations are sold."""

import random
from collections.abc import Iterator
from dataclasses import dataclass, replace
from decimal import Decimal

from rocksync.demo.goods import (
    Catalogue,
    catalogue,
    ean13,
    html,
    listed,
    photos,
    priced,
    reais,
    web_name,
    without_stocks,
)
from rocksync.domain.catalog import Listing, Product, Variation

DOMAIN = "modaipe.example"
_EAN_PREFIX = "7890001"
_LETTERS = ("P", "M", "G", "GG")
_WAISTS = ("38", "40", "42", "44")
_SHOES = ("35", "36", "37", "38", "39")


@dataclass(frozen=True, slots=True)
class _Model:
    """A piece as it is designed. ``price`` in BRL, ``weight`` in kg."""

    code: str
    name: str
    shelf: str
    colours: tuple[str, ...]
    sizes: tuple[str, ...]
    price: int
    weight: str
    cloth: str
    story: str


_MODELS = (
    _Model(
        "VEST-MIDI",
        "Vestido Midi de Linho",
        "Moda > Feminina > Vestidos",
        ("Areia", "Verde-oliva"),
        _LETTERS,
        229,
        "0.38",
        "Linho e viscose",
        "Caimento leve, bolsos de verdade e botões de coco.",
    ),
    _Model(
        "VEST-LONGO",
        "Vestido Longo Estampa Ipê",
        "Moda > Feminina > Vestidos",
        ("Amarelo-ipê", "Roxo-ipê"),
        _LETTERS,
        279,
        "0.45",
        "Viscose",
        "A florada de agosto estampada em um vestido só.",
    ),
    _Model(
        "BLUSA-CIG",
        "Blusa Ciganinha",
        "Moda > Feminina > Blusas",
        ("Branco", "Coral", "Preto"),
        _LETTERS[:3],
        89,
        "0.18",
        "Algodão",
        "Elástico macio, que fica no lugar até o fim da festa.",
    ),
    _Model(
        "SAIA-ENV",
        "Saia Envelope",
        "Moda > Feminina > Saias",
        ("Caramelo", "Preto"),
        _LETTERS,
        119,
        "0.25",
        "Crepe",
        "Amarração ajustável, comprimento abaixo do joelho.",
    ),
    _Model(
        "CALCA-PANT",
        "Calça Pantalona",
        "Moda > Feminina > Calças",
        ("Cru", "Marinho"),
        _WAISTS,
        169,
        "0.42",
        "Linho",
        "Cintura alta e perna ampla, do escritório ao passeio.",
    ),
    _Model(
        "JEANS-RETO",
        "Calça Jeans Reta",
        "Moda > Masculina > Calças",
        ("Azul Escuro", "Azul Claro"),
        _WAISTS,
        159,
        "0.62",
        "Algodão com elastano",
        "Lavagem que não desbota na segunda semana.",
    ),
    _Model(
        "BERM-SARJA",
        "Bermuda de Sarja",
        "Moda > Masculina > Bermudas",
        ("Cáqui", "Verde-musgo"),
        _WAISTS,
        99,
        "0.34",
        "Sarja",
        "Cordão por dentro, quatro bolsos por fora.",
    ),
    _Model(
        "CAM-ALG",
        "Camiseta de Algodão Orgânico",
        "Moda > Masculina > Camisetas",
        ("Branco", "Grafite", "Terracota"),
        _LETTERS,
        69,
        "0.20",
        "Algodão orgânico",
        "Malha encorpada, que não torce na lavagem.",
    ),
    _Model(
        "CAM-LINHO",
        "Camisa de Linho Manga Longa",
        "Moda > Masculina > Camisas",
        ("Branco", "Azul-céu"),
        _LETTERS,
        199,
        "0.28",
        "Linho",
        "Fresca como deve ser uma camisa em janeiro.",
    ),
    _Model(
        "POLO-PIQ",
        "Polo Piquê",
        "Moda > Masculina > Polos",
        ("Marinho", "Vinho"),
        _LETTERS,
        109,
        "0.26",
        "Piquê de algodão",
        "Gola firme, bordado discreto.",
    ),
    _Model(
        "SHORT-LINHO",
        "Short de Linho",
        "Moda > Feminina > Shorts",
        ("Areia", "Preto"),
        _WAISTS,
        99,
        "0.24",
        "Linho e algodão",
        "Elástico nas costas, barra dobrada.",
    ),
    _Model(
        "MACACAO",
        "Macacão Pantacourt",
        "Moda > Feminina > Macacões",
        ("Terracota", "Verde-oliva"),
        _LETTERS,
        239,
        "0.46",
        "Viscose com elastano",
        "Uma peça só, e o dia está resolvido.",
    ),
    _Model(
        "MOLETOM",
        "Moletom Canguru",
        "Moda > Unissex > Moletons",
        ("Mescla", "Preto"),
        _LETTERS,
        179,
        "0.70",
        "Moletom felpado",
        "Para a serra em julho, ou o ar-condicionado em dezembro.",
    ),
    _Model(
        "PIJAMA-INF",
        "Pijama Infantil Tamanduá",
        "Moda > Infantil > Pijamas",
        ("Azul", "Rosa"),
        ("2", "4", "6", "8"),
        79,
        "0.22",
        "Malha de algodão",
        "Brilha no escuro e não pinica.",
    ),
    _Model(
        "RAST-TRANC",
        "Rasteira Trançada",
        "Calçados > Feminino > Rasteiras",
        ("Caramelo", "Dourado"),
        _SHOES,
        129,
        "0.48",
        "Couro",
        "Palmilha macia, que aguenta um dia de feira.",
    ),
    _Model(
        "TENIS-LONA",
        "Tênis de Lona",
        "Calçados > Unissex > Tênis",
        ("Branco", "Mostarda"),
        _SHOES,
        149,
        "0.66",
        "Lona e borracha",
        "Leve na mala e fácil de lavar.",
    ),
)


def fashion(seed: int) -> Catalogue:
    """Return the same catalogue for the same *seed*."""
    rng = random.Random(f"moda-ipe {seed}")  # noqa: S311 (repeatable, not secret)
    sold = [*_garments(rng), *_accessories(rng)]
    return catalogue(sold, _half_filled(rng), _accessory(rng, 390, "ECHARPE ÍNDIGO", "Echarpe de Seda Índigo", 139))


def _garments(rng: random.Random) -> Iterator[Listing]:
    for number, model in enumerate(_MODELS, start=100):
        yield _garment(rng, number, model)


def _garment(rng: random.Random, number: int, model: _Model) -> Listing:
    variations = [
        Variation(
            sku=f"{model.code}-{web_name(colour).upper()}-{size}",
            product_sku=model.code,
            name=f"{model.name} {colour} {size}",
            ean=ean13(_EAN_PREFIX, number * 100 + place),
            attributes={"Cor": colour, "Tamanho": size},
            photos=photos(DOMAIN, f"{model.code} {colour}", 2),
            weight_kg=Decimal(model.weight) + Decimal("0.02") * size_no,
        )
        for place, (colour, size_no, size) in enumerate(
            (colour, size_no, size) for colour in model.colours for size_no, size in enumerate(model.sizes)
        )
    ]
    if number % 5 == 0:
        variations[-1] = replace(variations[-1], active=False)
    points = {"Composição": model.cloth, "Lavagem": "à mão, água fria", "Origem": "feito no Brasil"}
    product = Product(
        sku=model.code,
        name=model.name,
        description=html(model.story, points, "A modelo veste <i>M</i>. Troca grátis em até 30 dias."),
        short_description=model.story,
        brand="Ipê",
        model=model.code,
        categories=(model.shelf, "Coleção > Florada"),
        weight_kg=Decimal(model.weight),
        height_cm=Decimal(5),
        width_cm=Decimal(25),
        length_cm=Decimal(35),
        attributes={"Composição": model.cloth, "Gênero": model.shelf.split(" > ")[1]},
        photos=photos(DOMAIN, model.code, 2),
        link=f"https://www.{DOMAIN}/{web_name(model.name)}",
        external_id=f"IPE{number}",
        variations=tuple(variations),
    )
    return listed(rng, product, [reais(model.price)] * len(variations))


def _accessories(rng: random.Random) -> Iterator[Listing]:
    yield _accessory(rng, 301, "BOLSA PALHA", "Bolsa de Palha Natural", 189)
    yield _accessory(rng, 302, "CINTO/COURO", "Cinto de Couro Trançado", 79)
    yield _accessory(rng, 303, "00815", "Lenço de Algodão Estampado", 49)
    yield _accessory(rng, 304, "CHAPÉU-PRAIA", "Chapéu de Praia Aba Larga", 99)
    yield _accessory(rng, 305, "MEIA 3PÇS", "Kit de Meias 3 Pares", 39)


def _accessory(rng: random.Random, number: int, sku: str, name: str, price: int) -> Listing:
    product = Product(
        sku=sku,
        name=name,
        description=html(f"{name}, para completar o look.", {"Tamanho": "único"}, "Vem em saquinho de algodão."),
        brand="Ipê",
        ean=ean13(_EAN_PREFIX, number),
        categories=("Moda > Acessórios",),
        weight_kg=Decimal("0.25"),
        height_cm=Decimal(6),
        width_cm=Decimal(22),
        length_cm=Decimal(22),
        attributes={"Tamanho": "Único"},
        photos=photos(DOMAIN, name, 2),
        link=f"https://www.{DOMAIN}/{web_name(name)}",
        external_id=f"IPE{number}",
    )
    return listed(rng, product, [reais(price)])


def _half_filled(rng: random.Random) -> Iterator[Listing]:
    jacket = _Model(
        "JAQ-PV",
        "Jaqueta Prova de Vitrine",
        "Moda > Feminina > Jaquetas",
        ("Preto",),
        ("P", "M"),
        299,
        "0.9",
        "Sarja encerada",
        "Ainda sem contagem: chegou hoje.",
    )
    yield without_stocks(_garment(rng, 401, jacket))
    wrong = _accessory(rng, 402, "BROCHE-ERRADO", "Broche de Resina", 29)
    yield priced(wrong, Decimal("29.90"), Decimal("39.90"))
