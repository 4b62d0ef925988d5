"""``rocksync demo``: all of it, to look at."""

import importlib
import sys

import click

from rocksync.cli.running import run
from rocksync.settings import Settings


@click.command()
@click.option("--once", is_flag=True, help="End with a summary when all is delivered.")
def demo(once: bool) -> None:
    """Run three demo tenants against a Plugg.to sandbox on an embedded Postgres, until Ctrl-C.

    With --once: end when all is delivered; exit code 1 if something is not.
    """
    module = importlib.import_module("rocksync.demo.demo")

    async def body(settings: Settings) -> int:
        return int(await module.run_demo(settings, once=once, out=sys.stdout))

    run(body)
