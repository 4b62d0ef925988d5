"""What the manuals say holds: settings, commands, and the ways that they describe."""

import re
import runpy
from pathlib import Path
from typing import Any

import asyncpg
import click
import pytest

from rocksync.cli.main import cli
from rocksync.domain.orders import IMPORTED_AS
from rocksync.settings import list_keys
from tests.worker.conftest import world  # noqa: F401 # a fixture
from tests.worker.world import World

DOCS = Path(__file__).parents[2] / "docs"
OPERATING = DOCS.joinpath("operating.md").read_text(encoding="utf-8")
MANUAL = DOCS.joinpath("manual.pt-BR.md").read_text(encoding="utf-8")
COMMAND = re.compile(r"^    rocksync ([a-z-]+)(?: ([a-z-]+))?.*$", re.MULTILINE)


def test_the_table_of_settings_is_that_of_the_code():
    generated: dict[str, Any] = runpy.run_path(str(DOCS / "generate.py"))

    assert generated["operating"]() == OPERATING, "make docs writes operating.md anew"
    assert all(f"`{key.name}`" in OPERATING for key in list_keys())


@pytest.mark.parametrize("line", [found[0].strip() for found in COMMAND.finditer(OPERATING)])
def test_every_command_in_the_manual_is_there_with_its_options(line: str):
    words = line.partition("#")[0].split()[1:]
    command: click.Command = cli
    while isinstance(command, click.Group) and words:
        found = command.get_command(click.Context(command), words[0])
        assert found is not None, line
        command, words = found, words[1:]
    options = {name for each in command.params if isinstance(each, click.Option) for name in each.opts}

    assert {word for word in words if word.startswith("--")} <= options


def test_the_links_between_the_manuals_lead_somewhere():
    for text in (OPERATING, MANUAL):
        places = [place for place in re.findall(r"\]\((?!http|#)([^)#]+)", text) if not (DOCS / place).exists()]
        assert places == []
    titles = re.findall(r"^## (.+)$", OPERATING, re.MULTILINE)
    headings = {title.lower().replace(" ", "-").replace(".", "") for title in titles}
    assert set(re.findall(r"\]\(#([^)]+)\)", OPERATING)) == headings


@pytest.mark.parametrize("word", ["NCM", "ISBN", "NBM", "CEST", "garantia", "fabricação", "manuseio"])
def test_the_clients_manual_names_what_is_not_sent(word: str):
    assert word in MANUAL.split("**Não são enviados**")[1].split("\n\n")[0]


def test_the_clients_manual_names_every_status_of_the_panel():
    for code in ("pending", "approved", "invoiced", "shipping_informed", "shipped", "delivered", "canceled"):
        assert f"`{code}`" in MANUAL


def test_the_clients_manual_names_what_is_not_imported_when_it_is_first_seen():
    rule = MANUAL.split("- Só entra na loja o pedido")[1].split("\n- ")[0]

    for code in ("under_review", "picking", "waiting_invoice", "invoice_error"):
        assert code not in IMPORTED_AS
        assert f"`{code}`" in rule


async def test_what_a_restored_database_does_not_know_of_is_put_right(world: World, pool: asyncpg.Pool):  # noqa: F811
    shop = await world.shop()
    await shop.simple("A", on_hand=5)
    await world.sync(shop)
    there = world.hub.product(shop.user, "A")
    assert there is not None
    there.update(quantity=99, name="Depois do backup")
    (statement,) = re.findall(r"^    (UPDATE rocksync\.item .*;)$", OPERATING, re.MULTILINE)

    await pool.execute(statement)
    await world.app.tenants.request_sync(shop.slug, ["product", "price", "stock"], all_items=True)
    await world.sync(shop)

    now = shop.at_hub("A")
    assert (now["quantity"], now["name"]) == (5, "Produto A")
