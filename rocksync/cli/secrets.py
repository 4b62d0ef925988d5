"""``rocksync keygen`` and ``rocksync secrets``: keys, and what is sealed with them."""

import importlib
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from rocksync.cli.credentials import credentials_option, only_from_input, read_credentials
from rocksync.cli.lazy import LazyGroup
from rocksync.cli.output import json_option, print_done, print_json
from rocksync.cli.running import DONE, FAILED, interruptible, run, run_with_access
from rocksync.settings import Settings

if TYPE_CHECKING:
    from rocksync.cli.access import Access

secrets = LazyGroup(
    name="secrets",
    help="Seal text for SQL; seal everything again with the newest key.",
    commands={
        "seal": ("rocksync.cli.secrets:seal", "Print credentials as sealed text, to paste into SQL."),
        "rotate": ("rocksync.cli.secrets:rotate", "Seal all credentials again with the first key."),
    },
)


@click.command()
@json_option
def keygen(as_json: bool) -> None:
    """Print a new key for secrets.keys. Keep it: what is sealed with it opens with nothing else."""
    key = importlib.import_module("rocksync.postgres.vault").new_key()
    print_done(key, {"key": key}, as_json=as_json)


@click.command()
@click.argument("slug", required=False)
@credentials_option
@json_option
def seal(slug: str | None, credentials_file: Path | None, as_json: bool) -> None:
    """Print credentials as sealed text for rocksync.add_tenant, bound to tenant SLUG, or else good for any.

    Without a file, environment or terminal, each line of standard input is sealed as it is.
    """
    app = importlib.import_module("rocksync.app")
    lines = [line for line in sys.stdin.read().splitlines() if line] if only_from_input(credentials_file) else []

    async def body(settings: Settings) -> None:
        vault = app.open_vault(settings)
        if lines:
            texts = [vault.seal_text(line, slug) for line in lines]
            print_done("\n".join(texts), {"sealed": texts}, as_json=as_json)
            return
        with interruptible():
            given = read_credentials(credentials_file)
        sealed = {
            name: vault.seal_text(secret, slug)
            for name, secret in (
                ("client_id", given.client_id),
                ("client_secret", given.client_secret),
                ("api_user", given.api_user),
                ("api_secret", given.api_secret),
            )
        }
        if as_json:
            print_json(sealed)
        else:
            click.echo("\n".join(f"{name} {text}" for name, text in sealed.items()))

    run(body)


@click.command()
@json_option
def rotate(as_json: bool) -> None:
    """Seal all credentials again that are not under the first of secrets.keys."""

    async def body(access: "Access") -> int:
        sealing = await access.credentials().rotate()
        await access.desk.note("secrets rotate", {"sealed": sealing.sealed, "refused": sorted(sealing.refused)})
        if as_json:
            print_json({"sealed": sealing.sealed, "refused": sealing.refused})
        else:
            click.echo(f"{sealing.sealed} sealed again")
        for slug, reason in sealing.refused.items():
            click.echo(f"rocksync: tenant {slug}: {reason}", err=True)
        return FAILED if sealing.refused else DONE

    run_with_access(body)
