"""Livraria Aurora: books, sold by ISBN-like numbers whose leading zeros count. Titles and authors are made up."""

import random
from collections.abc import Iterator
from decimal import Decimal

from rocksync.demo.goods import Catalogue, catalogue, described, ean13, html, listed, photos, priced, reais
from rocksync.domain.catalog import Listing, Product

DOMAIN = "livrariaaurora.example"
_ISBN_PREFIX = "9786599"
_HOUSES = ("Edições Candeia", "Maré Alta", "Sabiá de Papel")
_SHELVES = {
    "Livros > Ficção > Romance": (
        "A Casa que Esperava a Chuva",
        "Cartas para o Rio de Baixo",
        "O Último Bonde de São Bento",
        "Três Verões em Maragogipe",
        "A Costureira de Horizontes",
        "Ninguém Atravessa Sozinho",
        "O Herdeiro do Armazém",
        "Memória de Água Salobra",
        "Quando a Cidade Dorme Cedo",
        "As Irmãs do Casarão Azul",
        "Sete Janelas para o Sertão",
        "O Relógio da Estação Velha",
        "Um Quarto Voltado para o Mar",
        "A Professora de Lua Nova",
        "Depois da Safra",
        "O Homem que Consertava Rádios",
    ),
    "Livros > Ficção > Suspense": (
        "A Sombra no Elevador",
        "Linha 4, Último Vagão",
        "O Caso da Pensão Amélia",
        "Noite sem Lua em Paranapiacaba",
        "A Testemunha Muda",
        "Doze Degraus",
        "O Perito e a Orquídea",
        "Silêncio de Concreto",
        "O Hóspede do 304",
        "Ponte Pênsil",
        "A Chave Errada",
    ),
    "Livros > Infantil": (
        "O Tatu que Queria Voar",
        "Dona Onça Vai à Feira",
        "A Menina que Colecionava Trovões",
        "Bento e o Botão Perdido",
        "Quem Roubou o Pão de Queijo?",
        "O Alfabeto da Mata",
        "Boa Noite, Capivara",
        "Uma Pipa Chamada Domingo",
        "O Dragão do Quintal",
        "Catarina Conta até Cem",
        "A Girafa no Consultório",
        "Pé de Jambo, Pé de Vento",
    ),
    "Livros > Gastronomia": (
        "Cozinha de Fogão a Lenha",
        "Pães de Fermentação Lenta",
        "O Livro das Farofas",
        "Doces de Tacho e de Tia",
        "Feira Livre: 80 Receitas da Estação",
        "Café: do Pé à Xícara",
        "Pimentas do Brasil",
        "Sopas para Noites de Junho",
        "A Marmita da Semana",
    ),
    "Livros > História": (
        "Trilhos: uma História das Ferrovias Paulistas",
        "O Ouro e a Fome",
        "Ruas que Mudaram de Nome",
        "Mulheres do Cais",
        "A Imprensa Clandestina no Recife",
        "Quilombos do Vale",
        "Breve História do Sal",
        "Fortalezas da Costa",
    ),
    "Livros > Ciências": (
        "O Céu do Hemisfério Sul",
        "Matemática para Quem Tem Medo",
        "A Vida Secreta do Mangue",
        "Por que Chove à Tarde?",
        "Abelhas sem Ferrão",
        "O Clima em Doze Perguntas",
    ),
    "Livros > Negócios": (
        "Estoque Parado Não Paga Boleto",
        "A Loja da Esquina na Internet",
        "Preço Certo",
        "Vender sem Gritar",
        "Contas em Dia",
    ),
    "Livros > Poesia": (
        "Inventário de Miudezas",
        "Poemas para Ler no Ônibus",
        "O Avesso da Rede",
        "Manual de Desatar Nós",
        "Sal, Sol, Sul",
        "Cantigas de Varal",
    ),
}
_FIRST_NAMES = ("Helena", "Otávio", "Iracema", "Caetana", "Benício", "Lourdes", "Áureo", "Jussara", "Nivaldo", "Zélia")
_LAST_NAMES = ("Quaresma", "do Vale", "Sant’Ângelo", "Bragança", "Tourinho", "de Assunção", "Peçanha", "Guimarães-Lago")
_AGES = {"Livros > Infantil": "4 a 8 anos"}


def books(seed: int) -> Catalogue:
    """Return the same catalogue for the same *seed*."""
    rng = random.Random(f"livraria-aurora {seed}")  # noqa: S311 (repeatable, not secret)
    sold = [*_titles(rng), *_stationery(rng)]
    reserve = _book(rng, 9001, "Livros > Ficção > Romance", "O Livro que Ainda Não Chegou")
    return catalogue(sold, _half_filled(rng), reserve)


def _titles(rng: random.Random) -> Iterator[Listing]:
    number = 120
    for shelf, titles in _SHELVES.items():
        for title in titles:
            number += 7
            yield _book(rng, number, shelf, title)


def _book(rng: random.Random, number: int, shelf: str, title: str) -> Listing:
    author = f"{rng.choice(_FIRST_NAMES)} {rng.choice(_LAST_NAMES)}"
    house = rng.choice(_HOUSES)
    pages = rng.randrange(64, 512, 16)
    cover = rng.choice(("Brochura", "Capa dura"))
    attributes = {"Autor": author, "Páginas": str(pages), "Encadernação": cover, "Idioma": "Português"}
    if shelf in _AGES:
        attributes["Faixa Etária"] = _AGES[shelf]
    product = Product(
        sku=str(number).zfill(6),
        name=f"{title} - {author}",
        description=html(
            f"“{title}” chega à nossa estante pelas mãos de {author}. {_verdict(rng)}",
            {"Autor": author, "Editora": house, "Páginas": str(pages), "Acabamento": cover},
            "Enviamos em papel kraft, sem plástico.",
        ),
        short_description=f"{title}, de {author} ({house}).",
        brand=house,
        ean=ean13(_ISBN_PREFIX, number),
        categories=(shelf,),
        weight_kg=Decimal(pages) / 1000 + Decimal("0.080"),
        height_cm=Decimal(23),
        width_cm=Decimal(16),
        length_cm=Decimal(max(pages // 160, 1)),
        attributes=attributes,
        photos=photos(DOMAIN, title, 1),
        link=f"https://www.{DOMAIN}/livro/{number}",
        external_id=str(number),
    )
    return listed(rng, product, [reais(24 + pages / 8 + (20 if cover == "Capa dura" else 0))])


def _verdict(rng: random.Random) -> str:
    return rng.choice(
        (
            "Quem começa à noite amanhece com ele no colo.",
            "Uma leitura para emprestar, e cobrar de volta.",
            "Frases curtas, fôlego longo.",
            "Para ler devagar, com café ao lado.",
            "O tipo de livro que muda de prateleira para a cabeceira.",
        )
    )


def _stationery(rng: random.Random) -> Iterator[Listing]:
    for number, (sku, name, price) in enumerate(
        (
            ("CADERNO A5/PAUTADO", "Caderno A5 Pautado 160 Folhas", 42),
            ("MARCADOR CJ 6", "Marcadores de Página em Latão, Conjunto 6", 29),
            ("LÂMPADA-LEITURA", "Lâmpada de Leitura com Presilha", 69),
        ),
        start=5000,
    ):
        product = Product(
            sku=sku,
            name=name,
            description=html(f"{name}, da nossa papelaria.", {"Garantia": "3 meses"}, "Embrulhamos para presente."),
            brand="Aurora",
            ean=ean13("7890002", number),
            categories=("Papelaria > Leitura",),
            weight_kg=Decimal("0.3"),
            height_cm=Decimal(3),
            width_cm=Decimal(16),
            length_cm=Decimal(22),
            photos=photos(DOMAIN, name, 1),
            external_id=str(number),
        )
        yield listed(rng, product, [reais(price)])


def _half_filled(rng: random.Random) -> Iterator[Listing]:
    shelf = "Livros > História"
    yield described(_book(rng, 8001, shelf, "Sem Título na Ficha"), name=None)
    yield priced(_book(rng, 8002, shelf, "Catálogo de Cortesia"), Decimal(0))
    yield described(_book(rng, 8003, shelf, "Edição Esgotada"), active=False)
