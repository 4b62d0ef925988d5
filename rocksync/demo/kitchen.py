"""Casa da Panela: kitchenware. Simple products, appliances by voltage, and SKUs as they grew over the years."""

import random
from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal

from rocksync.demo.goods import (
    Catalogue,
    catalogue,
    described,
    ean13,
    html,
    listed,
    photos,
    priced,
    reais,
    without_prices,
)
from rocksync.domain.catalog import Listing, Product, Variation

DOMAIN = "casadapanela.example"
_EAN_PREFIX = "7890000"
_BRANDS = ("Fogo Manso", "Dona Cidinha", "Serra Alta")


@dataclass(frozen=True, slots=True)
class _Family:
    """Goods that come in sizes and materials. ``price`` in BRL and ``weight`` in kg are those of the smallest."""

    code: str
    name: str
    shelf: str
    sizes: tuple[str, ...]
    materials: tuple[str, ...]
    price: int
    weight: str
    use: str


_FAMILIES = (
    _Family(
        "PAN-PRES",
        "Panela de Pressão",
        "Casa > Cozinha > Panelas > Pressão",
        ("3 L", "4,5 L", "7 L", "10 L"),
        ("Alumínio Polido", "Aço Inox"),
        119,
        "1.4",
        "Feijão macio em vinte minutos, com válvula de segurança e cabo que não esquenta.",
    ),
    _Family(
        "CACAROLA",
        "Caçarola com Tampa",
        "Casa > Cozinha > Panelas > Caçarolas",
        ("16 cm", "20 cm", "24 cm", "28 cm"),
        ("Alumínio Fundido", "Cerâmica"),
        89,
        "0.9",
        "Fundo grosso, que espalha o calor por igual: o arroz solta e o molho não pega.",
    ),
    _Family(
        "FRIG",
        "Frigideira Antiaderente",
        "Casa > Cozinha > Panelas > Frigideiras",
        ("18 cm", "22 cm", "26 cm", "30 cm"),
        ("Alumínio Fundido", "Cerâmica"),
        59,
        "0.6",
        "A omelete escorrega para o prato sem uma gota de óleo.",
    ),
    _Family(
        "BARRO",
        "Panela de Barro",
        "Casa > Cozinha > Panelas > Barro",
        ("Pequena", "Média", "Grande"),
        ("Barro Queimado",),
        98,
        "2.1",
        "Moqueca fumegando até a mesa. Cada peça é única: pequenas manchas fazem parte da queima.",
    ),
    _Family(
        "CUSCUZ",
        "Cuscuzeira",
        "Casa > Cozinha > Panelas > Cuscuzeiras",
        ("14 cm", "18 cm"),
        ("Alumínio", "Ágata"),
        45,
        "0.5",
        "O café da manhã nordestino em dez minutos de vapor.",
    ),
    _Family(
        "ASSAD",
        "Assadeira Retangular",
        "Casa > Cozinha > Assadeiras e Formas",
        ("25 × 18 cm", "30 × 20 cm", "35 × 25 cm", "40 × 28 cm"),
        ("Alumínio", "Vidro Temperado"),
        34,
        "0.7",
        "Do forno à mesa, da lasanha ao bolo de fubá.",
    ),
    _Family(
        "FACA",
        "Faca do Chef",
        "Casa > Cozinha > Facas e Talheres",
        ("6 pol.", "8 pol.", "10 pol."),
        ("Aço Carbono", "Aço Inox"),
        72,
        "0.2",
        "Lâmina forjada em peça única, que guarda o fio por meses.",
    ),
    _Family(
        "TABUA",
        "Tábua de Corte",
        "Casa > Cozinha > Utensílios > Tábuas",
        ("30 × 20 cm", "40 × 25 cm", "50 × 30 cm"),
        ("Bambu", "Teca"),
        39,
        "0.8",
        "Canaleta para o suco da carne e alça para pendurar.",
    ),
    _Family(
        "JARRA",
        "Jarra com Tampa",
        "Casa > Mesa Posta > Jarras",
        ("1 L", "1,5 L", "2 L"),
        ("Vidro", "Ágata"),
        49,
        "0.7",
        "Bico que não pinga e tampa que cabe na porta da geladeira.",
    ),
    _Family(
        "TERM",
        "Garrafa Térmica",
        "Casa > Mesa Posta > Garrafas Térmicas",
        ("500 ml", "1 L", "1,8 L"),
        ("Inox", "Inox Esmaltado"),
        79,
        "0.5",
        "Café quente por doze horas e água gelada por um dia inteiro.",
    ),
    _Family(
        "POTE",
        "Pote Hermético",
        "Casa > Organização > Potes",
        ("350 ml", "800 ml", "1,5 L"),
        ("Vidro", "Vidro com Tampa de Bambu"),
        19,
        "0.4",
        "Vedação de silicone: o biscoito continua crocante.",
    ),
    _Family(
        "XICARA",
        "Xícara de Café com Pires",
        "Casa > Mesa Posta > Xícaras",
        ("50 ml", "80 ml"),
        ("Porcelana", "Cerâmica Esmaltada"),
        22,
        "0.2",
        "Para o cafezinho depois do almoço, na medida.",
    ),
)
_APPLIANCES = (
    ("LIQ-1200", "Liquidificador 1200 W Jarra de Vidro", 189, "3.1"),
    ("BAT-PLAN", "Batedeira Planetária 5 Velocidades", 429, "5.4"),
    ("CAFET-15", "Cafeteira Elétrica 15 Xícaras", 149, "2.0"),
    ("SANDUI", "Sanduicheira e Grill", 99, "1.6"),
    ("ARROZ-EL", "Panela Elétrica de Arroz 5 Xícaras", 169, "2.2"),
    ("CHALEIRA", "Chaleira Elétrica Inox 1,7 L", 129, "1.1"),
    ("MIXER-3", "Mixer 3 em 1 com Copo", 139, "1.3"),
    ("FRITAD-4", "Fritadeira sem Óleo 4 L", 379, "4.8"),
)
_SETS = (
    ("CJ/5 PÇS", "Conjunto de Panelas 5 Peças", 299, "6.2"),
    ("CJ/10 PÇS", "Conjunto de Panelas 10 Peças", 549, "11.5"),
    ("007-ABRIDOR", "Abridor de Latas Reforçado", 15, "0.1"),
    ("00042", "Concha de Feijão Inox", 24, "0.2"),
    ("KIT CHURRASCO 12", "Kit Churrasco 12 Peças na Maleta", 219, "2.4"),
    ("AÇUC-ÁGATA", "Açucareiro de Ágata", 38, "0.3"),
)


def kitchen(seed: int) -> Catalogue:
    """Return the same catalogue for the same *seed*."""
    rng = random.Random(f"casa-da-panela {seed}")  # noqa: S311 (repeatable, not secret)
    sold = [*_utensils(rng), *_appliances(rng), *_sets(rng)]
    return catalogue(sold, _half_filled(rng), _piece(rng, 990, "TAGINE-24", "Tagine de Cerâmica 24 cm", 159, "1.9"))


def _utensils(rng: random.Random) -> Iterator[Listing]:
    number = 100
    for family in _FAMILIES:
        for material_no, material in enumerate(family.materials):
            for size_no, size in enumerate(family.sizes):
                number += 1
                yield _utensil(rng, family, number, (material_no, material), (size_no, size))


def _utensil(
    rng: random.Random, family: _Family, number: int, material: tuple[int, str], size: tuple[int, str]
) -> Listing:
    brand = _BRANDS[material[0] % len(_BRANDS)]
    name = f"{family.name} {size[1]} {material[1]} {brand}"
    growth = 1 + 0.35 * size[0] + 0.25 * material[0]
    side = Decimal(16 + 4 * size[0])
    points = {"Tamanho": size[1], "Material": material[1], "Garantia": "12 meses contra defeito de fabricação"}
    product = Product(
        sku=f"{family.code}-{number}",
        name=name,
        description=html(family.use, points, "Lave com esponja macia antes do primeiro uso."),
        short_description=f"{family.name} em {material[1].lower()}, {size[1]}.",
        brand=brand,
        model=f"{family.code}-{size[1]}",
        ean=ean13(_EAN_PREFIX, number),
        categories=(family.shelf,),
        weight_kg=(Decimal(family.weight) * Decimal(str(growth))).quantize(Decimal("0.001")),
        height_cm=side / 2,
        width_cm=side,
        length_cm=side + 12,
        attributes={"Material": material[1], "Tamanho": size[1]},
        photos=photos(DOMAIN, name, 1 + number % 3),
        link=f"https://www.{DOMAIN}/p/{number}",
        external_id=str(number),
    )
    return listed(rng, product, [reais(family.price * growth)])


def _appliances(rng: random.Random) -> Iterator[Listing]:
    for number, (code, name, price, weight) in enumerate(_APPLIANCES, start=600):
        variations = tuple(
            Variation(
                sku=f"{code}-{volts}",
                product_sku=code,
                name=f"{name} {volts}V",
                ean=ean13(_EAN_PREFIX, number * 10 + volts),
                attributes={"Voltagem": f"{volts}V"},
            )
            for volts in (127, 220)
        )
        points = {"Cabo": "1,2 m com plugue de três pinos", "Selo": "eficiência A", "Garantia": "12 meses"}
        product = Product(
            sku=code,
            name=name,
            description=html(
                f"{name}: potência de sobra para o dia a dia da família.",
                points,
                "<b>Atenção:</b> confira a voltagem da sua casa antes de escolher.",
            ),
            brand="Serra Alta",
            model=code,
            categories=("Eletroportáteis > Cozinha", "Casa > Cozinha > Eletroportáteis"),
            weight_kg=Decimal(weight),
            height_cm=Decimal(38),
            width_cm=Decimal(26),
            length_cm=Decimal("30.5"),
            attributes={"Cor": rng.choice(("Preto", "Vermelho", "Branco"))},
            photos=photos(DOMAIN, name, 3),
            link=f"https://www.{DOMAIN}/p/{number}",
            external_id=str(number),
            variations=variations,
        )
        yield listed(rng, product, [reais(price)] * 2)


def _sets(rng: random.Random) -> Iterator[Listing]:
    for number, (sku, name, price, weight) in enumerate(_SETS, start=700):
        yield _piece(rng, number, sku, name, price, weight)


def _piece(rng: random.Random, number: int, sku: str, name: str, price: int, weight: str) -> Listing:
    product = Product(
        sku=sku,
        name=name,
        description=html(f"{name}, direto da nossa loja.", {"Garantia": "3 meses"}, "Embalagem reforçada."),
        brand="Dona Cidinha",
        ean=ean13(_EAN_PREFIX, number),
        categories=("Casa > Cozinha > Utensílios",),
        weight_kg=Decimal(weight),
        height_cm=Decimal(20),
        width_cm=Decimal(30),
        length_cm=Decimal(40),
        photos=photos(DOMAIN, name, 2),
        link=f"https://www.{DOMAIN}/p/{number}",
        external_id=str(number),
    )
    return listed(rng, product, [reais(price)])


def _half_filled(rng: random.Random) -> Iterator[Listing]:
    yield without_prices(_piece(rng, 801, "PIPOCA-5L", "Pipoqueira com Manivela 5 L", 139, "1.8"))
    yield priced(_piece(rng, 802, "BRINDE-PEGADOR", "Pegador de Massa (brinde)", 9, "0.1"), Decimal(0))
    yield described(_piece(rng, 803, "FONDUE-ANTIGO", "Aparelho de Fondue 2019", 189, "2.7"), active=False)
    yield _piece(rng, 804, "ESCORR ", "Escorredor de Massa Inox", 44, "0.4")
