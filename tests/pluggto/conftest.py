"""The real client against the real sandbox, over HTTP; waiting is told of, not done."""

from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass, field
from decimal import Decimal

import pytest

from rocksync.domain.documents import Offer, ProductDocument, ProductPayload
from rocksync.domain.errors import TenantError
from rocksync.domain.tenancy import Credentials, Tenant, TenantId
from rocksync.pluggto.client import Client
from rocksync.pluggto.facts import Exchange, Fact, Login
from rocksync.pluggto.hub import PluggtoHub
from rocksync.pluggto.transport import open_transport
from rocksync.sandbox.accounts import Account
from rocksync.sandbox.hub import Sandbox
from rocksync.sandbox.server import serve

TENANT = Tenant(id=TenantId(1), slug="casa-da-panela", name="Casa da Panela", domain="casa.example")


@dataclass(slots=True)
class World:
    """A sandbox with the account of one tenant, the hub that rocksync sees, and what was told on the way.

    ``meanwhile`` happens whenever something waits.
    """

    sandbox: Sandbox
    account: Account
    hub: PluggtoHub
    client: Client
    credentials: dict[int, Credentials]
    facts: list[Fact] = field(default_factory=list)
    slept: list[float] = field(default_factory=list)
    now: float = 1000.0
    meanwhile: Callable[[], None] = lambda: None

    def clock(self) -> float:
        return self.now

    async def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.now += seconds
        self.meanwhile()

    def exchanges(self) -> list[tuple[str, str, int]]:
        return [(fact.method, fact.route, fact.status) for fact in self.facts if isinstance(fact, Exchange)]

    def logins(self) -> list[tuple[str, str]]:
        return [(fact.grant, fact.outcome) for fact in self.facts if isinstance(fact, Login)]

    def bodies(self, method: str, route: str) -> list[dict]:
        return [entry["body"] for entry in self.sandbox.requests(method=method, route=route)]

    def shown(self, sku: str) -> dict:
        found = self.sandbox.product(self.account.user_id, sku)
        assert found is not None
        return found


Open = Callable[..., AbstractAsyncContextManager[World]]


def of(account: Account) -> Credentials:
    known = account.credentials
    return Credentials(
        client_id=known.client_id,
        client_secret=known.client_secret,
        api_user=known.api_user,
        api_secret=known.api_secret,
    )


@asynccontextmanager
async def open_world(
    profile: str = "strict", *, faults: tuple[str, ...] = (), timeout_s: float = 5.0, rate: float = 1000.0
) -> AsyncIterator[World]:
    async with serve(profile=profile, faults=faults) as sandbox:
        account = sandbox.add_account()
        known = {int(TENANT.id): of(account)}
        facts: list[Fact] = []

        async def credentials(tenant: TenantId) -> Credentials:
            if tenant not in known:
                raise TenantError("no credentials")
            return known[tenant]

        async with open_transport(sandbox.url, timeout_s=timeout_s, connections=50) as transport:
            world: World

            async def sleep(seconds: float) -> None:
                await world.sleep(seconds)

            client = Client(
                transport,
                credentials=credentials,
                requests_per_second=rate,
                concurrency=5,
                observe=facts.append,
                clock=lambda: world.now,
                sleep=sleep,
            )
            world = World(
                sandbox=sandbox,
                account=account,
                hub=PluggtoHub(client),
                client=client,
                credentials=known,
                facts=facts,
            )
            yield world


@pytest.fixture
def opened() -> Open:
    """Opens a world with a profile and faults."""
    return open_world


@pytest.fixture
async def world() -> AsyncIterator[World]:
    """A strict sandbox without faults."""
    async with open_world() as each:
        yield each


def offer(price: str, quantity: int, special: str | None = None) -> Offer:
    return Offer(
        price={"price": Decimal(price), "special_price": None if special is None else Decimal(special)},
        stock={"quantity": quantity},
    )


def simple(sku: str = "PANELA-1", **members: object) -> ProductDocument:
    payload: ProductPayload = {
        "sku": sku,
        "name": "Panela de pressão",
        "description": "<p>Alumínio</p>",
        "available": 1,
        "categories": [{"name": "Casa"}, {"name": "Casa > Cozinha"}],
        "dimension": {"weight": Decimal("0.455"), "height": Decimal("11.00")},
        "attributes": [
            {"code": "cor", "label": "Cor", "value": {"code": "Azul", "label": "Azul"}},
            {"code": "voltagem", "label": "Voltagem", "value": {"code": "220V", "label": "220V"}},
        ],
        "photos": [
            {"url": "https://img.example/1.jpg", "external": "https://img.example/1.jpg", "order": 0},
            {"url": "https://img.example/2.jpg", "external": "https://img.example/2.jpg", "order": 1},
        ],
    }
    payload.update(members)  # type: ignore[typeddict-item]  # tests change any member
    return ProductDocument(key=sku, payload=payload, offers={sku: offer("129.90", 12, "99.90")})


def varied(sku: str = "CAMISETA", *sizes: str) -> ProductDocument:
    sizes = sizes or ("P", "M")
    return ProductDocument(
        key=sku,
        payload={
            "sku": sku,
            "name": "Camiseta",
            "available": 1,
            "variations": [
                {
                    "sku": f"{sku}-{size}",
                    "name": f"Camiseta {size}",
                    "available": 1,
                    "attributes": [{"code": "size", "label": "Tamanho", "value": {"code": size, "label": size}}],
                }
                for size in sizes
            ],
        },
        offers={f"{sku}-{size}": offer("59.90", 4) for size in sizes},
    )
