"""``rocksync demo``: all of it, to look at."""

import importlib
import sys

import click

from rocksync.cli.output import json_option, print_json
from rocksync.cli.running import DONE, run
from rocksync.settings import Settings


@click.command()
@click.option("--once", is_flag=True, help="End with a summary when all is delivered.")
@json_option
def demo(once: bool, as_json: bool) -> None:
    """Run three demo tenants against a Plugg.to sandbox on an embedded Postgres, until Ctrl-C.

    With --once: end when all is delivered; exit code 1 if something is not. With --json what people read goes to
    standard error.
    """
    module = importlib.import_module("rocksync.demo.demo")

    async def body(settings: Settings) -> int:
        code = int(await module.run_demo(settings, once=once, out=sys.stderr if as_json else sys.stdout))
        if as_json:
            print_json({"delivered": code == DONE})
        return code

    run(body)
