"""``python -m tests.chaos short|long|storm --seeds 1-5``: the fault campaign, see ``--help``."""

import argparse
import asyncio
import logging
import sys
import time
from collections.abc import AsyncIterator
from pathlib import Path

from tests.chaos import clocks, crowds, growth, hostile, network, report, scenarios, takeover
from tests.chaos.arena import Server, server
from tests.chaos.storm import Outcome, storm


def seeds(text: str) -> list[int]:
    """``1-5,9`` as numbers."""
    found = []
    for part in text.split(","):
        first, _, last = part.partition("-")
        found += range(int(first), int(last or first) + 1)
    return found


def part(text: str) -> tuple[int, int]:
    """``2/3``."""
    number, _, of = text.partition("/")
    return int(number), int(of)


def say(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


def tell(outcome: Outcome) -> None:
    state = "ok" if not outcome.bad else f"WRONG {len(outcome.bad)}"
    figures = " ".join(f"{name}={value:.2f}" for name, value in outcome.figures.items() if name != "imported")
    say(
        f"{outcome.name:<28} seed {outcome.seed:<5} {outcome.workers} workers"
        f" {sum(outcome.attacks.values()):>3} attacks {outcome.changes:>5} changes {outcome.orders:>4} orders"
        f" recovered in {outcome.recover_s:5.1f} s took {outcome.took_s:5.1f} s {figures} {state}"
    )
    for line in outcome.bad[:15]:
        say(f"    {line}")


async def storms(opened: Server, given: argparse.Namespace) -> AsyncIterator[Outcome]:
    for seed in given.seeds:
        yield await storm(opened, seed, length_s=given.length, keep=given.keep)


async def short(opened: Server, given: argparse.Namespace) -> AsyncIterator[Outcome]:
    """What fits into less than five minutes on two cores."""
    for seed in given.seeds[:5]:
        yield await storm(opened, seed, length_s=6, keep=given.keep)
    seed = given.seeds[0]
    async for outcome in scenarios.crash_points(opened, seed, every=2):
        yield outcome
    yield await takeover.takeover(opened, seed, workers=2, deaths=2)
    yield await scenarios.dead_credentials(opened, seed)
    yield await scenarios.poison(opened, seed)
    yield await hostile.hostile(opened, seed)
    yield await crowds.order_storm(opened, seed, orders=150)
    yield await crowds.fairness(opened, seed, window_s=8)
    yield await crowds.all_at_once(opened, seed, tenants=30)
    yield await clocks.clock_steps(opened, seed, length_s=8)
    yield await network.names_fail(opened, seed)
    yield await network.certificates_fail(opened, seed, faces=3)
    yield await growth.upgrade(opened, seed)
    async for outcome in scenarios.fault_pairs(opened, seed, (seed, 352)):
        yield outcome


async def long(opened: Server, given: argparse.Namespace) -> AsyncIterator[Outcome]:
    """Everything; hours. Its parts can run side by side: ``storm``, and ``some`` for the rest."""
    async for outcome in storms(opened, given):
        yield outcome
    given.only = list(PARTS)
    async for outcome in some(opened, given):
        yield outcome


async def crash(opened: Server, given: argparse.Namespace) -> AsyncIterator[Outcome]:
    async for outcome in scenarios.crash_points(opened, given.seeds[0], every=given.every, part=given.part):
        yield outcome


async def faults(opened: Server, given: argparse.Namespace) -> AsyncIterator[Outcome]:
    async for outcome in scenarios.faults_alone(opened, given.seeds[0]):
        yield outcome


async def pairs(opened: Server, given: argparse.Namespace) -> AsyncIterator[Outcome]:
    async for outcome in scenarios.fault_pairs(opened, given.seeds[0], given.part):
        yield outcome


async def people(opened: Server, given: argparse.Namespace) -> AsyncIterator[Outcome]:
    yield await scenarios.dead_credentials(opened, given.seeds[0])
    yield await scenarios.poison(opened, given.seeds[0])
    yield await hostile.hostile(opened, given.seeds[0], flood=40_000)


async def numbers(opened: Server, given: argparse.Namespace) -> AsyncIterator[Outcome]:
    seed = given.seeds[0]
    yield await crowds.order_storm(opened, seed, orders=2_000)
    yield await crowds.fairness(opened, seed, items=50_000, window_s=60)
    yield await crowds.fairness(opened, seed, items=500, busy=200, window_s=60)
    yield await crowds.all_at_once(opened, seed, tenants=1_000)
    yield await growth.million(opened, seed)


async def takeovers(opened: Server, given: argparse.Namespace) -> AsyncIterator[Outcome]:
    for workers in (2, 4):
        yield await takeover.takeover(opened, given.seeds[0], workers=workers, deaths=20)


async def clocks_and_names(opened: Server, given: argparse.Namespace) -> AsyncIterator[Outcome]:
    for seed in range(1, 11):
        yield await clocks.clock_steps(opened, seed)
        yield await growth.upgrade(opened, seed)
    yield await network.names_fail(opened, given.seeds[0])
    yield await network.certificates_fail(opened, given.seeds[0])


async def outage(opened: Server, given: argparse.Namespace) -> AsyncIterator[Outcome]:
    yield await network.outage(opened, given.seeds[0], length_s=given.minutes * 60)


async def endurance(opened: Server, given: argparse.Namespace) -> AsyncIterator[Outcome]:
    yield await growth.endurance(opened, given.seeds[0], length_s=given.minutes * 60)


PARTS = {
    "crash": crash,
    "faults": faults,
    "pairs": pairs,
    "people": people,
    "takeover": takeovers,
    "crowds": numbers,
    "clocks": clocks_and_names,
    "outage": outage,
    "endurance": endurance,
}


async def some(opened: Server, given: argparse.Namespace) -> AsyncIterator[Outcome]:
    """The parts named by ``--only``."""
    for name in given.only:
        async for outcome in PARTS[name](opened, given):
            yield outcome


async def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.chaos", description=__doc__)
    parser.add_argument("what", choices=["short", "long", "storm", "some"])
    parser.add_argument("--seeds", type=seeds, help="1-5,9")
    parser.add_argument("--length", type=float, default=8.0, help="seconds of harm in a storm")
    parser.add_argument("--minutes", type=float, default=60.0, help="of endurance, and of the outage")
    parser.add_argument("--only", nargs="*", default=[], choices=PARTS, help="parts of the long campaign, for `some`")
    parser.add_argument("--every", type=int, help="crash points to take of each kind; none: all")
    parser.add_argument("--part", type=part, default=(1, 1), help="of crash points and pairs: 2/3 is the second third")
    parser.add_argument("--keep", help="folder for the logs of rounds that went wrong")
    parser.add_argument("--json", type=Path, help="file that the results are added to, one line each")
    parser.add_argument("--report", type=Path, help="write the table of all results in --json to this file")
    given = parser.parse_args()
    given.seeds = given.seeds or (list(range(1, 201)) if given.what == "long" else [1, 2, 3])
    logging.getLogger("asyncpg").setLevel(logging.CRITICAL)  # ours is cut off as well
    began, bad, rounds = time.monotonic(), 0, 0
    async with server() as opened:
        async for outcome in {"short": short, "long": long, "storm": storms, "some": some}[given.what](opened, given):
            tell(outcome)
            rounds, bad = rounds + 1, bad + bool(outcome.bad)
            if given.json:
                report.add(given.json, outcome)
    if given.json and given.report:
        report.write(given.json, given.report)
    say(f"{rounds} rounds in {time.monotonic() - began:.0f} s, {bad} of them wrong")
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(asyncio.run(main()))
