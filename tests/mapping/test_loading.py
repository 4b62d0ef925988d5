"""Mappers come, change, break and go while the worker runs."""

import logging
import os
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from rocksync.domain.documents import PriceDocument
from rocksync.domain.errors import ItemError
from rocksync.domain.reasons import Reason
from rocksync.mapping.mapper import Mappers, open_mappers
from tests.mapping.conftest import DEADLINE_S, Folder
from tests.mapping.rows import price, tenant
from tests.worker.waiting import eventually


def adds(units: int) -> str:
    return f"@hookimpl\ndef rocksync_map_price(payload):\n    payload['price'] += {units}\n"


async def cost(mappers: Mappers, slug: str = "acme", *names: str) -> str | ItemError:
    [answer] = await mappers.prices(tenant(slug, mappers=names), [price()])
    if isinstance(answer, PriceDocument):
        return str(answer.payload["price"])
    assert isinstance(answer, ItemError)
    return answer


async def test_a_new_mapper_is_used_within_two_seconds_without_being_asked(folder: Folder) -> None:
    async with open_mappers(folder.path) as mappers:
        assert await cost(mappers) == "10.00"
        folder.write("acme", adds(1))
        began = time.monotonic()
        await eventually(lambda: mappers.version(tenant()))
        took_s = time.monotonic() - began

        assert took_s < 2
        assert await cost(mappers) == "11.00"


async def test_a_changed_mapper_is_used_even_if_it_changed_at_once_and_kept_its_size(folder: Folder) -> None:
    folder.write("acme", adds(1))

    async with folder.opened() as mappers:
        seen = [await cost(mappers)]
        for units in (2, 3, 4, 5):
            before = mappers.version(tenant())
            folder.write("acme", adds(units))
            await eventually(lambda before=before: mappers.version(tenant()) != before)
            seen.append(await cost(mappers))

    assert seen == ["11.00", "12.00", "13.00", "14.00", "15.00"]


async def test_a_changed_mapper_is_found_by_its_text_when_size_and_time_are_the_same(folder: Folder) -> None:
    path = folder.write("acme", adds(1))

    async with folder.opened() as mappers:
        stat = path.stat()
        path.write_text(path.read_text().replace("+= 1", "+= 7"))
        os.utime(path, ns=(stat.st_atime_ns, stat.st_mtime_ns))
        before = mappers.version(tenant())
        await eventually(lambda: mappers.version(tenant()) != before)

        assert await cost(mappers) == "17.00"


async def test_a_removed_mapper_is_not_used_any_more(folder: Folder) -> None:
    path = folder.write("acme", adds(1))

    async with folder.opened() as mappers:
        path.unlink()
        await eventually(lambda: not mappers.version(tenant()))

        assert await cost(mappers) == "10.00"
        assert mappers.listing() == []


async def test_a_mapper_that_is_absent_for_a_moment_stays_in_use(folder: Folder) -> None:
    path = folder.write("acme", adds(1))

    async with folder.opened() as mappers:
        before = mappers.version(tenant())
        text = path.read_text()
        path.unlink()
        path.write_text(text)
        await eventually(lambda: mappers.source("acme") is not None)

        assert mappers.version(tenant()) == before


BROKEN = [
    ("def (:", 2, "SyntaxError"),
    ("import not_there_at_all", 2, "ModuleNotFoundError"),
    ("x = 1 / 0", 2, "ZeroDivisionError"),
    ("raise SystemExit", 2, "tried to end the process"),
    ("raise ValueError('a NUL \\0 here')", 2, "ValueError: a NUL  here"),
    ("raise RuntimeError('half a pair \\ud800')", 2, "RuntimeError: half a pair ?"),
    ("import os; os._exit(3)", 2, "exit code 3"),
    ("while True: pass", 2, "not done within"),
    ("@hookimpl\ndef rocksync_map_prise(payload):\n    pass", 3, "there is no hook rocksync_map_prise"),
    ("@hookimpl\ndef rocksync_map_price(prise):\n    pass", 3, "may name tenant, price, payload, creating"),
    ("def rocksync_map_price(payload):\n    pass", 2, "not decorated"),
    ("@hookimpl\nasync def rocksync_map_price(payload):\n    pass", 3, "plain function"),
    ("@hookimpl\ndef rocksync_map_price(payload):\n    yield", 3, "plain function"),
    ("@hookimpl(wrapper=True)\ndef rocksync_map_price(payload):\n    return (yield)", 3, ""),
    ("@hookimpl\ndef rocksync_map_price(*payload):\n    pass", 3, "one by one"),
    ("x = 1", 0, "no hook"),
    (
        "@hookimpl\ndef rocksync_map_stock(payload):\n    pass\n@hookimpl\ndef rocksync_map_stock(payload):\n    pass",
        6,
        "defined twice: the one of line 3",
    ),
    (
        "@hookimpl\ndef rocksync_map_price(payload, prise=None):\n    pass",
        3,
        "may name tenant, price, payload, creating",
    ),
    (f"{adds(1)}class A: pass\nrocksync_map_stock = hookimpl(A())", 0, "must be a plain function, not A"),
]


@pytest.mark.parametrize(("text", "line", "told"), BROKEN, ids=[told or "wrapper" for _, _, told in BROKEN])
async def test_a_broken_version_is_refused_with_its_line_and_the_one_before_stays(
    folder: Folder, text: str, line: int, told: str
) -> None:
    folder.write("acme", adds(1))

    async with folder.opened() as mappers:
        folder.write("acme", text)
        await eventually(mappers.faults)
        [fault] = mappers.faults()
        [listed] = mappers.listing()

        assert (fault.name, fault.file, fault.line, fault.in_use) == ("acme", "acme.py", line, True)
        assert told in fault.detail
        assert listed.fault == fault
        assert listed.digest
        assert await cost(mappers) == "11.00"

        folder.write("acme", adds(2))
        await eventually(lambda: not mappers.faults())
        assert await cost(mappers) == "12.00"


async def test_a_mapper_that_was_broken_from_the_start_sets_items_aside(folder: Folder) -> None:
    folder.write("acme", "def (:")

    async with folder.opened() as mappers:
        answer = await cost(mappers)
        version = mappers.version(tenant())
        complaints = await mappers.complaints(tenant())

        assert isinstance(answer, ItemError)
        assert answer.reason is Reason.MAPPER_ERROR
        assert "acme.py line 2" in answer.detail
        assert complaints == [answer.detail]
        assert await cost(mappers, "other") == "10.00"

        folder.write("acme", adds(1))
        await eventually(lambda: mappers.version(tenant()) != version)
        assert await cost(mappers) == "11.00"


async def test_a_broken_file_for_a_tenant_that_had_none_changes_nothing(folder: Folder) -> None:
    async with folder.opened() as mappers:
        folder.write("acme", "def (:")
        await eventually(mappers.faults)

        assert await cost(mappers) == "10.00"
        assert not mappers.faults()[0].in_use


async def test_a_mapper_that_a_tenant_names_and_is_not_there_sets_items_aside(folder: Folder) -> None:
    async with folder.opened() as mappers:
        answer = await cost(mappers, "acme", "markup")
        folder.write("markup", adds(1))
        await eventually(lambda: mappers.source("markup") and mappers.used_by(tenant(mappers=("markup",))))

        assert isinstance(answer, ItemError)
        assert (answer.reason, answer.detail) == (Reason.MAPPER_ERROR, "there is no mapper markup")
        assert await cost(mappers, "acme", "markup") == "11.00"


@pytest.mark.parametrize("name", ["casa-da-panela", "casa_da_panela"])
async def test_a_slug_with_hyphens_finds_its_file_either_way(folder: Folder, name: str) -> None:
    folder.write(name, adds(1))

    async with folder.opened() as mappers:
        assert await cost(mappers, "casa-da-panela") == "11.00"


async def test_a_package_may_have_modules_of_its_own(folder: Folder) -> None:
    folder.write("acme/rules", "UNITS = 1\n")
    folder.write("acme/deep/more", "from ..rules import UNITS\nMORE = UNITS + 1\n")
    main = "from . import rules\nfrom .deep.more import MORE\n"
    text = "@hookimpl\ndef rocksync_map_price(payload):\n    payload['price'] += rules.UNITS + MORE\n"
    folder.write("acme/__init__", main + text)

    async with folder.opened() as mappers:
        first = await cost(mappers)
        version = mappers.version(tenant())
        folder.write("acme/rules", "UNITS = 2\n")
        await eventually(lambda: mappers.version(tenant()) != version)

        assert (first, await cost(mappers)) == ("13.00", "15.00")


async def test_an_error_in_a_module_of_a_package_names_that_file(folder: Folder) -> None:
    folder.write("acme/rules", "def add(payload):\n    raise ValueError('no')\n")
    folder.write(
        "acme/__init__", "from .rules import add\n@hookimpl\ndef rocksync_map_price(payload):\n    add(payload)\n"
    )

    async with folder.opened() as mappers:
        answer = await cost(mappers)

    assert isinstance(answer, ItemError)
    assert answer.detail == "mapper acme, acme/rules.py line 3: ValueError: no"


async def test_a_config_map_that_is_swapped_by_a_link_is_seen(tmp_path: Path) -> None:
    for number in (1, 2):
        folder = Folder(tmp_path / f"..v{number}")
        folder.write("acme", adds(number))
    mounted = tmp_path / "mounted"
    mounted.mkdir()
    (mounted / "..data").symlink_to(tmp_path / "..v1")
    (mounted / "acme.py").symlink_to(Path("..data") / "acme.py")

    async with open_mappers(mounted, deadline_s=DEADLINE_S, poll_s=0.02) as mappers:
        first = await cost(mappers)
        version = mappers.version(tenant())
        (mounted / "..data_tmp").symlink_to(tmp_path / "..v2")
        (mounted / "..data_tmp").replace(mounted / "..data")
        await eventually(lambda: mappers.version(tenant()) != version)

        assert (first, await cost(mappers)) == ("11.00", "12.00")


async def test_a_folder_that_vanishes_leaves_its_mappers_in_use_and_it_is_said_once(
    folder: Folder, caplog: pytest.LogCaptureFixture
) -> None:
    folder.write("acme", adds(1))

    with caplog.at_level(logging.INFO, "rocksync.mapping"):
        async with folder.opened() as mappers:
            folder.path.rename(folder.path.with_name("elsewhere"))
            await eventually(mappers.faults)

            assert await cost(mappers) == "11.00"
            assert "not there" in mappers.faults()[0].detail
            folder.path.with_name("elsewhere").rename(folder.path)
            await eventually(lambda: not mappers.faults())

    said = [(each.levelname, each.getMessage()) for each in caplog.records if "folder" in each.getMessage()]
    assert said == [("WARNING", "mappers_folder_unreadable"), ("INFO", "mappers_folder_readable")]


async def test_a_folder_that_never_was_is_warned_of_by_its_whole_path(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    told = f"{tmp_path / 'none'} is not there; no mapper of it is used"

    async with open_mappers(Path("none")) as mappers:
        assert [(str(fault), fault.refused) for fault in mappers.faults()] == [(told, False)]
        assert await cost(mappers) == "10.00"

    assert [each.__dict__["detail"] for each in caplog.records if each.levelname == "WARNING"] == [told]


async def test_files_that_are_no_mappers_are_left_alone(folder: Folder) -> None:
    folder.write("_draft", "def (:")
    folder.write(".hidden", "def (:")
    folder.write("My Mapper", "def (:")
    (folder.path / "README.md").write_text("text")
    (folder.path / "__pycache__").mkdir()

    async with folder.opened() as mappers:
        assert mappers.listing() == []
        assert [fault.name for fault in mappers.faults()] == ["My Mapper"]


async def test_whoever_listens_is_told_the_names(folder: Folder) -> None:
    told: list[Sequence[str]] = []

    async def slowly(names: Sequence[str]) -> None:
        told.append(list(names))

    def fails(_names: Sequence[str]) -> None:
        raise OSError("database is away")

    async with folder.opened() as mappers:
        mappers.on_change(fails)
        mappers.on_change(slowly)
        path = folder.write("acme", adds(1))
        await eventually(lambda: len(told) == 1)
        path.unlink()
        await eventually(lambda: len(told) == 2)

    assert told == [["acme"], ["acme"]]


async def test_a_refused_version_is_logged(folder: Folder, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.INFO, "rocksync.mapping"):
        async with folder.opened() as mappers:
            folder.write("acme", "def (:")
            await eventually(mappers.faults)

    [record] = [one for one in caplog.records if one.getMessage() == "mapper_refused"]
    assert "acme.py line 2" in record.__dict__["detail"]


@pytest.fixture
def packaged(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """An installed package with a mapper named ``packaged``."""
    site = tmp_path / "site"
    (site / "rules_of_acme").mkdir(parents=True)
    (site / "rules_of_acme" / "__init__.py").write_text("from rocksync.mapping import hookimpl\n" + adds(5))
    information = site / "rules_of_acme-1.2.dist-info"
    information.mkdir()
    (information / "METADATA").write_text("Metadata-Version: 2.1\nName: rules-of-acme\nVersion: 1.2\n")
    (information / "entry_points.txt").write_text("[rocksync.mappers]\npackaged = rules_of_acme\n")
    monkeypatch.syspath_prepend(str(site))
    return "packaged"


async def test_an_installed_package_brings_a_mapper(folder: Folder, packaged: str) -> None:
    async with folder.opened() as mappers:
        assert await cost(mappers, "acme", packaged) == "15.00"
        assert [(one.name, one.file) for one in mappers.listing()] == [(packaged, "rules_of_acme of rules-of-acme 1.2")]

    assert "rules_of_acme" not in sys.modules


async def test_the_folder_wins_over_an_installed_package_and_that_is_told(folder: Folder, packaged: str) -> None:
    path = folder.write(packaged, adds(1))

    async with folder.opened() as mappers:
        mine = await cost(mappers, "acme", packaged)
        [fault] = mappers.faults()
        path.unlink()
        version = mappers.version(tenant(mappers=(packaged,)))
        await eventually(lambda: mappers.version(tenant(mappers=(packaged,))) != version)

        assert mine == "11.00"
        assert "rules-of-acme 1.2" in fault.detail
        assert not fault.refused
        assert await cost(mappers, "acme", packaged) == "15.00"


async def test_what_is_only_to_be_told_of_a_mapper_is_told_after_its_fault(folder: Folder) -> None:
    folder.write("acme/__init__", "def (:")
    folder.write("acme", adds(1))

    async with folder.opened() as mappers:
        first, second = mappers.faults()
        [listed] = mappers.listing()

    assert (first.refused, second.refused) == (True, False)
    assert "acme/__init__.py line 2" in str(first)
    assert str(second) == "there is a folder and a file named acme; the folder is used"
    assert listed.fault == first


async def test_a_mapper_for_which_no_host_could_be_started_is_tried_again(
    folder: Folder, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder.write("acme", adds(1))
    monkeypatch.setattr(sys, "executable", "/nowhere/python")

    async with folder.opened() as mappers:
        [fault] = mappers.faults()
        monkeypatch.undo()
        await eventually(lambda: not mappers.faults())

        assert await cost(mappers) == "11.00"
    assert "no mapper host can be started" in str(fault)


async def test_mappers_are_never_imported_into_the_worker(folder: Folder) -> None:
    folder.write("acme", "import rocksync\nrocksync.touched = True\n" + adds(1))

    async with folder.opened() as mappers:
        await cost(mappers)

    rocksync: Any = sys.modules["rocksync"]
    assert not hasattr(rocksync, "touched")
