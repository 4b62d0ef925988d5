"""``python -m tests.chaos storm --seeds 1-5``: the fault campaign, see ``--help``."""

import argparse
import asyncio
import logging
import sys
import time

from tests.chaos.arena import server
from tests.chaos.storm import Outcome, storm


def seeds(text: str) -> list[int]:
    """``1-5,9`` as numbers."""
    found = []
    for part in text.split(","):
        first, _, last = part.partition("-")
        found += range(int(first), int(last or first) + 1)
    return found


def tell(outcome: Outcome) -> None:
    state = "ok" if not outcome.bad else f"WRONG {len(outcome.bad)}"
    say(
        f"{outcome.name:<24} seed {outcome.seed:<5} {outcome.workers} workers"
        f" {sum(outcome.attacks.values()):>3} attacks {outcome.changes:>5} changes {outcome.orders:>4} orders"
        f" recovered in {outcome.recover_s:5.1f} s took {outcome.took_s:5.1f} s  {state}"
    )
    for line in outcome.bad[:15]:
        say(f"    {line}")


def say(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


async def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.chaos", description=__doc__)
    parser.add_argument("what", choices=["storm"])
    parser.add_argument("--seeds", type=seeds, default=[1])
    parser.add_argument("--length", type=float, default=8.0)
    parser.add_argument("--keep", help="folder for the logs of rounds that went wrong")
    given = parser.parse_args()
    logging.getLogger("asyncpg").setLevel(logging.CRITICAL)  # ours is cut off as well
    began = time.monotonic()
    outcomes = []
    async with server() as opened:
        for seed in given.seeds:
            outcomes.append(await storm(opened, seed, length_s=given.length, keep=given.keep))
            tell(outcomes[-1])
    say(f"{len(outcomes)} rounds in {time.monotonic() - began:.0f} s")
    return 1 if any(outcome.bad for outcome in outcomes) else 0


if __name__ == "__main__":
    sys.exit(asyncio.run(main()))
