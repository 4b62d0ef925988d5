"""``rocksync demo``: all of it, to look at."""

import importlib
import sys
from typing import TYPE_CHECKING

import click

from rocksync.cli.output import json_option, print_json
from rocksync.cli.running import DONE, FAILED, run
from rocksync.settings import Settings

if TYPE_CHECKING:
    from rocksync.demo.once import Result


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
        result: Result | None = await module.run_demo(settings, once=once, out=sys.stderr if as_json else sys.stdout)
        if as_json:
            display = importlib.import_module("rocksync.demo.display")
            print_json({"delivered": None} if result is None else display.result_as_json(result))
        return FAILED if result is not None and result.missing else DONE

    run(body)
