"""One of everything a hook may meet, made up, to try mappers on."""

from datetime import UTC, datetime
from decimal import Decimal

from rocksync.domain.catalog import Listing, Price, Product, Stock, Variation
from rocksync.domain.orders import HubLine, HubOrder, Invoice, OrderStatus, Shipment, StoreOrder

NFE_KEY = "35240711222333000181550010000000121000000129"
_NOON = datetime(2024, 7, 15, 12, tzinfo=UTC)


def _prices(parent: str, skus: list[str]) -> dict[str, Price]:
    special = [None, Decimal("99.90"), None]
    return {
        sku: Price(sku=sku, product_sku=parent, price=Decimal("129.90"), special_price=special[number % 3])
        for number, sku in enumerate(skus)
    }


def _stocks(parent: str, skus: list[str]) -> dict[str, Stock]:
    return {sku: Stock(sku=sku, product_sku=parent, on_hand=12 * number) for number, sku in enumerate(skus, start=1)}


def listings() -> list[Listing]:
    """Return a full simple product, one with variations, and one that has nothing but a name."""
    pan = Product(
        sku="SAMPLE-PAN",
        name="Panela de pressão 4,5 L",
        description="<p>Panela de <b>alumínio</b></p>",
        short_description="Panela de alumínio",
        brand="Marca Teste",
        model="MT-45",
        ean="7891000000007",
        categories=("Casa > Cozinha > Panelas",),
        weight_kg=Decimal("1.850"),
        height_cm=Decimal(22),
        width_cm=Decimal(24),
        length_cm=Decimal(41),
        attributes={"Voltagem": "220V", "NCM": "7615.10.00", "Capacidade (L)": "4,5"},
        photos=("https://img.example/pan-1.jpg", "https://img.example/pan-2.jpg"),
        link="https://loja.example/panela",
        external_id="1001",
    )
    shirt = Product(
        sku="SAMPLE-SHIRT",
        name="Camiseta básica",
        brand="Marca Teste",
        categories=("Moda > Camisetas", "Moda > Promoções"),
        weight_kg=Decimal("0.2"),
        variations=tuple(
            Variation(
                sku=f"SAMPLE-SHIRT-{size}",
                product_sku="SAMPLE-SHIRT",
                name=f"Camiseta básica azul {size}",
                attributes={"Cor": "Azul", "Tamanho": size},
                photos=("https://img.example/shirt-blue.jpg",),
            )
            for size in ("P", "M")
        ),
    )
    bare = Product(sku="SAMPLE / BARE", name="Só o nome")
    found = []
    for product in (pan, shirt, bare):
        skus = [one.sku for one in product.variations] or [product.sku]
        found.append(Listing(product=product, prices=_prices(product.sku, skus), stocks=_stocks(product.sku, skus)))
    return found


def prices() -> list[Price]:
    """Return prices with and without promotion, tiny and large, of a simple product and of variations."""
    small = Price(sku="SAMPLE-CENT", product_sku="SAMPLE-CENT", price=Decimal("0.01"))
    large = Price(sku="SAMPLE-LARGE", product_sku="SAMPLE-LARGE", price=Decimal("123456.789"), special_price=Decimal(0))
    return [price for listing in listings() for price in listing.prices.values()] + [small, large]


def stocks() -> list[Stock]:
    """Return stocks with none, one and many units, with units reserved, and of what is inactive."""
    none = Stock(sku="SAMPLE-NONE", product_sku="SAMPLE-NONE", on_hand=0)
    taken = Stock(sku="SAMPLE-TAKEN", product_sku="SAMPLE-TAKEN", on_hand=1, reserved=2)
    inactive = Stock(sku="SAMPLE-OFF", product_sku="SAMPLE-OFF", on_hand=5, active=False)
    many = Stock(sku="SAMPLE-MANY", product_sku="SAMPLE-MANY", on_hand=100_000)
    return [stock for listing in listings() for stock in listing.stocks.values()] + [none, taken, inactive, many]


def hub_orders() -> list[HubOrder]:
    """Return a paid order of two lines that tells much, and a pending one that tells as little as can be."""
    person = {"name": "Fulano de Teste", "email": "cliente@exemplo.invalid", "phone": "11900000000"}
    address = {"street": "Rua Exemplo", "number": "100", "city": "São Paulo", "state": "SP", "zip": "01001000"}
    full = HubOrder(
        id="60a66dfbe3f2ab416d669e38",
        status="approved",
        ack=False,
        externals=(),
        modified_at=_NOON,
        placed_at=_NOON,
        channel="mercadolivre",
        channel_order="2000001",
        user="129",
        lines=(_line("SAMPLE-PAN", 1, "99.90"), _line("SAMPLE-SHIRT-P", 2, "49.90")),
        shipments=(),
        customer={**person, "document": "00000000191"},
        delivery={**person, **address, "country": "BR"},
        payments=({"payment_type": "credit", "payment_total": Decimal("209.70"), "payment_installments": "3"},),
        subtotal=Decimal("199.70"),
        shipping=Decimal(10),
        discount=Decimal(0),
        total=Decimal("209.70"),
        document={
            "id": "60a66dfbe3f2ab416d669e38",
            "status": "approved",
            "total": Decimal("209.70"),
            "receiver_additional_info": "Portaria 2",
            "delivery_type": None,
        },
    )
    little = HubOrder(
        id="60a66dfbe3f2ab416d669e39",
        status="pending",
        ack=False,
        externals=(),
        modified_at=None,
        placed_at=None,
        channel=None,
        channel_order=None,
        user=None,
        lines=(_line("SAMPLE-PAN", 1, "99.90"),),
        shipments=(),
        customer={},
        delivery={},
        payments=(),
        subtotal=None,
        shipping=None,
        discount=None,
        total=None,
        document={"id": "60a66dfbe3f2ab416d669e39", "status": "pending"},
    )
    return [full, little]


def _line(sku: str, quantity: int, price: str) -> HubLine:
    unit = Decimal(price)
    return HubLine(sku=sku, name=None, quantity=quantity, unit_price=unit, discount=Decimal(0), total=unit * quantity)


def parcels() -> list[tuple[HubOrder, StoreOrder]]:
    """Return imported orders: with an invoice and a shipment, and with as little of both as can be."""
    full, little = hub_orders()
    return [
        (
            full,
            StoreOrder(
                id=1,
                pluggto_id=full.id,
                status=OrderStatus.SHIPPED,
                channel=full.channel,
                channel_order=full.channel_order,
                total=Decimal("209.70"),
                placed_at=_NOON,
                invoice=Invoice(
                    key=NFE_KEY,
                    number="12",
                    series="1",
                    issued_at=_NOON,
                    xml_url="https://nfe.example/12.xml",
                    cfops="5102,6102",
                ),
                shipment=Shipment(
                    carrier="Correios",
                    method="PAC",
                    tracking_code="QC123456729BR",
                    tracking_url="https://rastreio.example/QC123456729BR",
                    shipped_at=_NOON,
                ),
            ),
        ),
        (
            little,
            StoreOrder(
                id=2,
                pluggto_id=little.id,
                status=OrderStatus.SHIPPED,
                invoice=Invoice(key=NFE_KEY, number="12", series="1", issued_at=_NOON),
                shipment=Shipment(),
            ),
        ),
    ]
