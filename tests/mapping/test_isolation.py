"""A bad mapper hurts its own tenant only: a second tenant, with a mapper of its own, watches."""

import asyncio
import contextlib
import ctypes
import os
import signal
import sys
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from rocksync.domain.documents import PriceDocument, Skip
from rocksync.domain.errors import ItemError
from rocksync.domain.reasons import Reason
from rocksync.mapping.mapper import Mappers
from tests.mapping.conftest import DEADLINE_S, Folder
from tests.mapping.rows import listing, price, prices, tenant
from tests.worker.waiting import eventually

BAD = tenant("bad", 1)
GOOD = tenant("good", 2)
GOOD_TEXT = """
@hookimpl
def rocksync_map_price(payload):
    payload["price"] += 1
"""


def bad(folder: Folder, line: str) -> None:
    """A mapper that does *line* for SKU-2 and nothing for any other."""
    folder.write("good", GOOD_TEXT)
    folder.write(
        "bad",
        f"\n@hookimpl\ndef rocksync_map_price(price, payload, tenant):\n    if price.sku == 'SKU-2':\n        {line}\n",
    )


async def both(
    mappers: Mappers, count: int = 5, settings: Mapping[str, Any] | None = None
) -> list[PriceDocument | Skip | ItemError]:
    """The bad tenant's answers, with the good one's checked: they came, and are right."""
    one = replace(BAD, settings=settings or {})
    answers, good = await asyncio.gather(mappers.prices(one, prices(count)), mappers.prices(GOOD, prices(50)))
    assert [str(one.payload["price"]) for one in good if isinstance(one, PriceDocument)] == ["11.00"] * 50
    return answers


def fault(answers: Sequence[object], reason: Reason, *parts: str) -> ItemError:
    """The one fault among *answers*: that of SKU-2, which names mapper, file and line."""
    [found] = [answer for answer in answers if isinstance(answer, ItemError)]
    assert answers.index(found) == 2
    assert (found.key, found.reason) == ("SKU-2", reason)
    assert found.detail.startswith("mapper bad, bad.py line ")
    for part in parts:
        assert part in found.detail
    return found


async def test_a_mapper_that_raises_costs_one_item(folder: Folder) -> None:
    bad(folder, "raise RuntimeError('oh')")

    async with folder.opened() as mappers:
        fault(await both(mappers), Reason.MAPPER_ERROR, "line 6: RuntimeError: oh")


@pytest.mark.parametrize(
    "line",
    [
        "while True: pass",
        "import time; time.sleep(1000)",
        "import re; re.match('(a+)+$', 'a' * 60 + 'b')",
        "import threading; threading.Event().wait()",
    ],
    ids=["loops", "sleeps", "backtracks", "waits"],
)
async def test_a_mapper_that_never_returns_costs_one_item(folder: Folder, line: str) -> None:
    bad(folder, line)

    async with folder.opened() as mappers:
        found = fault(await both(mappers), Reason.MAPPER_TIMEOUT, f"not done within {DEADLINE_S:g} s")

    assert not found.final


@pytest.mark.parametrize(
    "line", ["return 3", "payload['price'] = object()", "payload['x'] = payload", "return [payload]"]
)
async def test_a_mapper_that_leaves_rubbish_costs_one_item(folder: Folder, line: str) -> None:
    bad(folder, line)

    async with folder.opened() as mappers:
        fault(await both(mappers), Reason.MAPPER_ERROR)


@pytest.mark.parametrize(
    ("line", "told"),
    [
        ("raise SystemExit(3)", "line 6: the mapper tried to end the process"),
        ("import sys; sys.exit()", "line 6: the mapper tried to end the process"),
        ("import os; os._exit(7)", "line 6: it ended its process with exit code 7"),
        ("import os; os.abort()", "line 6: it ended its process by signal 6"),
        ("import os, signal; os.kill(os.getpid(), signal.SIGKILL)", "signal 9"),
        ("import os, signal; os.kill(0, signal.SIGTERM)", "signal 15"),
        ("import ctypes; ctypes.string_at(0)", "line 6: it ended its process by signal 11"),
        ("import os; os.close(0); os.closerange(3, 200)", ""),
    ],
    ids=["SystemExit", "sys.exit", "os._exit", "abort", "kill", "group", "segfault", "closes everything"],
)
async def test_a_mapper_that_exits_costs_one_item(folder: Folder, line: str, told: str) -> None:
    bad(folder, line)

    async with folder.opened() as mappers:
        fault(await both(mappers), Reason.MAPPER_ERROR, told)


@pytest.mark.parametrize(
    "line",
    [
        "price.price = 1",
        "price.product_sku += 'X'",
        "tenant.settings['rate'] = 2",
        "tenant.settings['ladder'].append(4)",
        "tenant.settings['nested']['deep'] = 2",
        "tenant.slug = 'good'",
    ],
)
async def test_a_mapper_that_changes_what_is_only_to_be_read_costs_one_item(folder: Folder, line: str) -> None:
    bad(folder, line)
    settings = {"rate": 1, "ladder": [1, 2], "nested": {"deep": 1}}

    async with folder.opened() as mappers:
        fault(await both(mappers, settings=settings), Reason.MAPPER_ERROR, "line 6: ", "Error: ")

    assert settings == {"rate": 1, "ladder": [1, 2], "nested": {"deep": 1}}


async def test_a_mapper_that_imports_what_is_missing_when_it_runs_costs_one_item(folder: Folder) -> None:
    bad(folder, "import not_there_at_all")

    async with folder.opened() as mappers:
        fault(await both(mappers), Reason.MAPPER_ERROR, "line 6: ModuleNotFoundError")


async def test_a_mapper_that_imports_what_is_missing_at_its_top_costs_its_own_tenant_only(folder: Folder) -> None:
    folder.write("good", GOOD_TEXT)
    folder.write("bad", "import not_there_at_all\n")

    async with folder.opened() as mappers:
        answers = await both(mappers)

    for answer in answers:
        assert isinstance(answer, ItemError)
        assert answer.reason is Reason.MAPPER_ERROR
        for part in ("mapper bad", "bad.py line 2", "ModuleNotFoundError"):
            assert part in answer.detail


async def test_a_mapper_that_allocates_without_end_costs_one_item(folder: Folder) -> None:
    bad(folder, "x = [bytearray(2 ** 24) for _ in range(10 ** 6)]")

    async with folder.opened(deadline_s=5) as mappers:
        fault(await both(mappers), Reason.MAPPER_ERROR, "MemoryError")


async def test_a_mapper_that_prints_does_not_disturb(folder: Folder, capfd: pytest.CaptureFixture[str]) -> None:
    bad(folder, "print('x' * 100_000, flush=True); import os; os.write(1, b'y' * 1000); os.write(2, b'z' * 1000)")

    async with folder.opened() as mappers:
        answers = await both(mappers)

    assert all(isinstance(answer, PriceDocument) for answer in answers)
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize(
    "line",
    [
        "import decimal; decimal.getcontext().prec = 1",
        "import rocksync.mapping.default as d; d.price_payload = None",
        "import decimal; decimal.Decimal = None",
        "import os; os.environ['TZ'] = 'x'; os.chdir('/')",
        "import builtins; builtins.len = None",
        "object.__setattr__(price, 'sku', 'X'); object.__setattr__(tenant, 'slug', 'good')",
    ],
)
async def test_what_a_mapper_does_to_its_process_is_seen_by_no_other(folder: Folder, line: str) -> None:
    bad(folder, line)
    before = Path.cwd()

    async with folder.opened() as mappers:
        await both(mappers)
        await both(mappers)

    assert Path.cwd() == before


async def test_a_mapper_shared_by_two_tenants_keeps_nothing_between_them(folder: Folder) -> None:
    hook = "def rocksync_map_price(tenant, payload):\n    SEEN.append(tenant.slug)\n"
    counts = "    payload['price'] += len(set(SEEN)) - 1\n"
    folder.write("shared", f"SEEN = []\n\n@hookimpl\n{hook}{counts}")
    one, other = tenant("one", 1, mappers=("shared",)), tenant("other", 2, mappers=("shared",))

    async with folder.opened() as mappers:
        answers = [*await mappers.prices(one, prices(3)), *await mappers.prices(other, prices(3))]

    assert {str(one.payload["price"]) for one in answers if isinstance(one, PriceDocument)} == {"10.00"}
    assert len(answers) == 6


async def test_a_mapper_sees_no_secrets_in_its_environment(folder: Folder, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ROCKSYNC_SECRETS__KEYS", "secret")
    monkeypatch.setenv("PGPASSWORD", "secret")
    bad(folder, "import os; raise ItemError('leak' if 'secret' in os.environ.values() else 'none')")

    async with folder.opened() as mappers:
        [found] = [one for one in await both(mappers) if isinstance(one, ItemError)]

    assert found.detail.startswith("none")
    if sys.platform == "linux":  # nor in that of this process, unless its user is root
        assert ctypes.CDLL(None).prctl(3) == 0  # PR_GET_DUMPABLE


_LATER = "import os, re, signal, threading, time; threading.Thread(target=lambda: {what}, daemon=True).start()"


@pytest.mark.parametrize(
    "line",
    [
        _LATER.format(what="(time.sleep(0.05), re.match('(a+)+$', 'a' * 60 + 'b'))"),
        _LATER.format(what="(time.sleep(0.05), os.kill(os.getpid(), signal.SIGSTOP))"),
        "import os, signal; os.kill(os.getpid(), signal.SIGSTOP)",
        "import os; os.fork()",
        "import os; os.fork() or time.sleep(0.05)",
        "import os; [os.write(n, b'R' * 99) for n in range(3, 40) if os.path.exists(f'/proc/self/fd/{n}')]",
        "import os; os.kill(os.getppid(), 9)",
    ],
    ids=["hogs later", "suspends later", "suspends", "forks", "forks and lags", "scribbles", "kills its parent"],
)
async def test_a_mapper_that_goes_on_behind_its_answers_hurts_nobody_else(folder: Folder, line: str) -> None:
    bad(folder, f"import time\n        {line}")
    rows = [price(f"SKU-{number}", f"{10 + number}") for number in range(40)]
    told: list[PriceDocument | Skip | ItemError] = []

    async with folder.opened() as mappers:
        for _ in range(3):  # what a host is told late must not count for what it is asked next
            answers, good = await asyncio.gather(mappers.prices(BAD, rows), mappers.prices(GOOD, prices(50)))
            assert [str(one.payload["price"]) for one in good if isinstance(one, PriceDocument)] == ["11.00"] * 50
            told += answers
        before = mappers.version(BAD)
        folder.write("bad", GOOD_TEXT)
        await eventually(lambda: mappers.version(BAD) != before)
        cured = await mappers.prices(BAD, rows)

    for number, one in enumerate(told):
        if isinstance(one, PriceDocument):
            assert (one.key, one.payload["price"]) == (f"SKU-{number % 40}", 10 + number % 40)
        else:
            assert isinstance(one, ItemError)
    assert [one.payload["price"] for one in cured if isinstance(one, PriceDocument)] == [11 + n for n in range(40)]


async def test_after_three_items_in_a_row_the_mapper_is_not_run_until_it_changes(folder: Folder) -> None:
    folder.write("good", GOOD_TEXT)
    folder.write("bad", "@hookimpl\ndef rocksync_map_price():\n    while True: pass\n")

    async with folder.opened() as mappers:
        answers = await both(mappers, 40)
        again = await both(mappers, 40)
        before = mappers.version(BAD)
        folder.write("bad", GOOD_TEXT)
        await eventually(lambda: mappers.version(BAD) != before)
        cured = await both(mappers, 40)

    assert all(isinstance(one, ItemError) and one.reason is Reason.MAPPER_TIMEOUT for one in [*answers, *again])
    assert isinstance(again[0], ItemError)
    assert "line 4: not done" in again[0].detail
    assert "not run again until" in again[0].detail
    assert all(isinstance(one, PriceDocument) for one in cured)


@pytest.mark.parametrize("end", ["while True: pass", "__import__('os')._exit(1)"])
async def test_items_between_those_that_end_badly_are_kept_and_the_rest_is_for_later(folder: Folder, end: str) -> None:
    folder.write("bad", f"@hookimpl\ndef rocksync_map_price(price):\n    if price.sku[-1] == '5':\n        {end}\n")

    async with folder.opened() as mappers:
        answers = await mappers.prices(BAD, prices(100))

    kept = [number for number, answer in enumerate(answers) if isinstance(answer, PriceDocument)]
    assert kept == [number for number in range(25) if number % 10 != 5]
    assert not any(answer.final for answer in answers[26:] if isinstance(answer, ItemError))


async def test_two_that_hang_do_not_starve_a_third(folder: Folder) -> None:
    folder.write("good", GOOD_TEXT)
    for name in ("bad", "worse"):
        folder.write(name, "@hookimpl\ndef rocksync_map_price():\n    import time; time.sleep(1000)\n")
    worse = tenant("worse", 3)

    async with folder.opened(deadline_s=1) as mappers:
        await mappers.prices(GOOD, prices(1))
        hanging = [asyncio.create_task(mappers.prices(one, prices(5))) for one in (BAD, worse)]
        for _ in range(10):
            await mappers.prices(GOOD, prices(100))
        still_hanging = not any(one.done() for one in hanging)
        await asyncio.gather(*hanging)

    assert still_hanging


async def test_the_event_loop_goes_on_while_a_mapper_hangs(folder: Folder) -> None:
    bad(folder, "while True: pass")

    async with folder.opened() as mappers:
        task = asyncio.create_task(both(mappers))
        turns = 0
        while not task.done():
            await asyncio.sleep(0.001)
            turns += 1

    assert turns > 20


async def test_a_call_that_is_cancelled_leaves_no_answers_behind(folder: Folder) -> None:
    folder.write("good", GOOD_TEXT.replace("+= 1", "+= price.price").replace("(payload)", "(price, payload)"))

    async with folder.opened() as mappers:
        await mappers.prices(GOOD, prices(1))
        task = asyncio.create_task(mappers.prices(GOOD, prices(5000)))
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        [answer] = await mappers.prices(GOOD, [price("LAST", "7")])

    assert isinstance(answer, PriceDocument)
    assert str(answer.payload["price"]) == "14.00"


def _hosts() -> set[int]:
    """The processes of this one's mappers: that which hosts are forked from, and hosts."""
    parents = {}
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        with contextlib.suppress(OSError):
            if b"rocksync.mapping.host" in path.read_bytes():
                parents[int(path.parent.name)] = _parent(int(path.parent.name))
    return {pid for pid, parent in parents.items() if os.getpid() in {parent, parents.get(parent)}}


def _parent(pid: int) -> int:
    return int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1])


def _alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    return state != "Z"


@pytest.mark.skipif(not Path("/proc/self/cmdline").exists(), reason="looks at processes by /proc")
async def test_no_process_outlives_its_worker(folder: Folder) -> None:
    bad(folder, "while True: pass")
    before = _hosts()

    async with folder.opened() as mappers:
        await both(mappers)
        started = _hosts() - before

    assert started
    await eventually(lambda: not any(_alive(pid) for pid in started))


@pytest.mark.skipif(not Path("/proc/self/cmdline").exists(), reason="looks at processes by /proc")
async def test_hosts_come_back_when_all_of_them_are_lost(folder: Folder) -> None:
    folder.write("good", GOOD_TEXT)
    before = _hosts()

    async with folder.opened() as mappers:
        await mappers.prices(GOOD, prices(1))
        [forks] = [pid for pid in _hosts() - before if _parent(pid) == os.getpid()]
        os.kill(forks, signal.SIGKILL)
        answers = await mappers.prices(GOOD, prices(10))

    assert all(isinstance(one, PriceDocument) for one in answers)


async def test_without_mappers_no_process_is_started(folder: Folder) -> None:
    before = _hosts()

    async with folder.opened() as mappers:
        await mappers.products(GOOD, [(listing(), None)])

        assert _hosts() <= before
