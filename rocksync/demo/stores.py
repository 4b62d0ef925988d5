"""The three stores of the demo: who they are, what they sell, and what each wants done differently."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from rocksync.demo import books, fashion, kitchen
from rocksync.demo.goods import Catalogue
from rocksync.domain.tenancy import Kind, Mode

SEED = 20_240_715


@dataclass(frozen=True, slots=True, kw_only=True)
class Store:
    """One demo store. ``modes`` are its schedules where they are not automatic; ``cnpj`` is synthetic."""

    slug: str
    name: str
    domain: str
    cnpj: str
    catalogue: Catalogue = field(repr=False)
    mappers: Sequence[str]
    settings: Mapping[str, Any]
    modes: Mapping[Kind, Mode] = field(default_factory=dict)


def demo_stores(seed: int = SEED) -> tuple[Store, ...]:
    """Return the stores, the same for the same *seed*."""
    return (
        Store(
            slug="casa-da-panela",
            name="Casa da Panela",
            domain=kitchen.DOMAIN,
            cnpj="99900111000111",
            catalogue=kitchen.kitchen(seed),
            mappers=("price_markup",),
            settings={"price_markup": {"percent": 12, "ending": 0.90}},
            modes=dict.fromkeys(Kind, Mode.IMMEDIATE),
        ),
        Store(
            slug="moda-ipe",
            name="Moda Ipê",
            domain=fashion.DOMAIN,
            cnpj="99900222000128",
            catalogue=fashion.fashion(seed),
            mappers=("title_rules", "stock_buffer"),
            settings={"title_rules": {"brand": "last", "max_length": 60}, "stock_buffer": {"units": 1}},
            modes={Kind.STOCK: Mode.IMMEDIATE},
        ),
        Store(
            slug="livraria-aurora",
            name="Livraria Aurora",
            domain=books.DOMAIN,
            cnpj="99900333000134",
            catalogue=books.books(seed),
            mappers=("fiscal_fields", "field_locks", "order_notes"),
            settings={
                "fiscal_fields": {"all": {"ncm": "49019900", "origin": 0, "handling_time": 1}},
                "field_locks": ["description"],
                "order_notes": {"text": "Embrulhar em papel kraft; pedido {channel_order} do canal {channel}"},
            },
        ),
    )
