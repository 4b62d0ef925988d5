"""``rocksync migrate``: bring the database up to date."""

import importlib

import click

from rocksync.cli.output import json_option, print_done
from rocksync.cli.running import DONE, FAILED, run
from rocksync.settings import Settings


@click.command()
@click.option("--check", is_flag=True, help="Change nothing; exit 1 if something is to be applied, or cannot be.")
@json_option
def migrate(check: bool, as_json: bool) -> None:
    """Apply the migrations that the database lacks, in order. Safe to start several times at once."""
    app = importlib.import_module("rocksync.app")
    migrations = importlib.import_module("rocksync.postgres.migrate")
    failures = importlib.import_module("rocksync.failures")

    async def body(settings: Settings) -> int:
        async with app.database_server(settings) as dsn:
            if check:
                missing = await migrations.pending(dsn, migrations.folder())
                told = "\n".join(f"{name} is to be applied" for name in missing) or "the database is up to date"
                print_done(told, {"missing": missing}, as_json=as_json)
                takes_writes = await migrations.takes_writes(dsn)
                if not takes_writes:
                    click.echo(f"rocksync: {failures.READ_ONLY}", err=True)
                return DONE if takes_writes and not missing else FAILED
            applied = await migrations.migrate(
                dsn, migrations.folder(), tell=lambda text: click.echo(f"rocksync: {text}", err=True)
            )
            told = "\n".join(f"{name} is applied" for name in applied) or "the database is up to date"
            print_done(told, {"applied": applied}, as_json=as_json)
            return DONE

    run(body)
