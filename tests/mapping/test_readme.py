"""What mappers/README.md shows is run: every example by itself, on samples of every kind."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

from rocksync.domain.documents import Skip
from rocksync.mapping import samples
from rocksync.mapping.checking import check
from rocksync.mapping.hookspecs import HOOKS
from tests.mapping.conftest import Folder
from tests.mapping.rows import price, stock, tenant

MAPPERS = Path(__file__).parents[2] / "mappers"
TEXT = (MAPPERS / "README.md").read_text(encoding="utf-8")
EXAMPLES = re.findall(r"^```python\n(.*?)^```$", TEXT, re.DOTALL | re.MULTILINE)


def named(example: str) -> str:
    return example.strip().splitlines()[0].strip('"')


@pytest.mark.parametrize("example", EXAMPLES, ids=named)
async def test_every_example_passes_the_check(folder: Folder, example: str) -> None:
    (folder.path / "acme.py").write_text(example, encoding="utf-8")

    async with folder.opened() as mappers:
        findings = await check(mappers, "acme")

    assert [str(one) for one in findings if one.blocks] == []


@pytest.mark.parametrize("example", EXAMPLES, ids=named)
async def test_every_example_may_stand_behind_locks(folder: Folder, example: str) -> None:
    (folder.path / "acme.py").write_text(example, encoding="utf-8")
    (folder.path / "field_locks.py").write_text((MAPPERS / "field_locks.py").read_text(encoding="utf-8"))
    locked = tenant(mappers=("field_locks",), field_locks=["price", "quantity"])

    async with folder.opened() as mappers:
        answers = [*await mappers.prices(locked, [price()]), *await mappers.stocks(locked, [stock()])]

    assert [type(answer) for answer in answers] == [Skip, Skip]


@pytest.mark.parametrize("example", EXAMPLES, ids=named)
async def test_every_example_does_something_to_some_sample(folder: Folder, example: str) -> None:
    (folder.path / "acme.py").write_text(
        example.replace('"KIT-"', '"SAMPLE-"')
        .replace('"ECT"', '"Correios"')
        .replace('= "Correios"', '= "ECT"')
        .replace('"-ML"', '"-P"')
        .replace(">= 30", ">= 1"),
        encoding="utf-8",
    )
    plain, mapped = tenant("plain", 1), tenant("acme", 2, prefix="Loja")
    held = [(row, {"sku": row.product.sku, "name": row.product.name, "description": "x"}) for row in samples.listings()]
    orders = [*((order, None) for order in samples.hub_orders()), *samples.parcels()]

    async with folder.opened() as mappers:
        pairs = [
            (await convert(plain, rows), await convert(mapped, rows))
            for convert, rows in (
                (mappers.products, held),
                (mappers.prices, samples.prices()),
                (mappers.stocks, samples.stocks()),
                (mappers.orders, orders),
            )
        ]

    assert any(before != after for before, after in pairs)


def test_mappers_can_be_type_checked_and_tested(tmp_path: Path) -> None:
    """By those who have the package alone, its marker for type checkers included."""
    [(name, test)] = re.findall(r"^```python (\w+\.py)\n(.*?)^```$", TEXT, re.DOTALL | re.MULTILINE)
    (tmp_path / name).write_text(test, encoding="utf-8")
    for number, example in enumerate(EXAMPLES):
        (tmp_path / (f"example_{number}.py" if number else "acme.py")).write_text(example, encoding="utf-8")
    (tmp_path / "wrong.py").write_text(WRONG, encoding="utf-8")

    checked = run(tmp_path, "mypy", "--strict", "--no-incremental", ".")
    tested = run(tmp_path, "pytest", "-q", "-p", "no:cacheprovider", name)

    told = [line.partition(": error: ")[0] for line in checked.stdout.splitlines() if ": error: " in line]
    assert told == ["wrong.py:9", "wrong.py:10"], checked.stdout
    assert tested.returncode == 0, tested.stdout


WRONG = """
from decimal import Decimal

from rocksync.mapping import ProductPayload, hookimpl

@hookimpl
def rocksync_map_product(payload: ProductPayload) -> None:
    payload["ncm"], payload["cost"], payload["grouped_skus"] = "73239300", Decimal("9.90"), [{"sku": "A"}]
    payload["ncn"] = "73239300"
    payload["cost"] = 9.9
    payload["variations"][0]["warranty_time"] = 12
"""


def run(folder: Path, *command: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, "-m", *command], cwd=folder, capture_output=True, text=True, check=False)


@pytest.mark.parametrize("hook", HOOKS)
def test_every_hook_is_described_and_has_an_example(hook: str) -> None:
    assert f"### `{hook}`" in TEXT
    assert f"| `{hook}` |" in TEXT
    assert any(f"def {hook}(" in example for example in EXAMPLES)


def test_every_ready_mapper_is_listed() -> None:
    ready = TEXT.partition("## Ready ones")[2].partition("\n## ")[0]

    assert {path.stem for path in MAPPERS.glob("*.py")} == set(re.findall(r"^\| `(\w+)` \|", ready, re.MULTILINE))
