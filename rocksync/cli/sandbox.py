"""``rocksync sandbox``: the Plugg.to sandbox alone."""

import importlib
from collections.abc import Sequence

import click

from rocksync.cli.output import json_option, print_done
from rocksync.cli.running import DONE, run, stopping
from rocksync.domain.errors import MisuseError
from rocksync.settings import Settings


@click.command()
@click.option("--host", default="127.0.0.1", show_default=True, help="Address to listen at.")
@click.option(
    "--port", type=click.IntRange(0, 65535), default=0, help="Port to listen at; 0, the default: any free one."
)
@click.option("--profile", default="strict", show_default=True, help="strict or lenient.")
@click.option(
    "--fault", "faults", multiple=True, metavar="FAULT", help="NAME[=VALUE][:RATE][@ROUTE][xCOUNT]; may be repeated."
)
@click.option("--seed", type=int, default=0, show_default=True, help="What chance is drawn from.")
@click.option("--latency", type=click.FloatRange(min=0), default=0.0, metavar="SECONDS", help="Before every reply.")
@json_option
def sandbox(
    host: str, port: int, profile: str, faults: Sequence[str], seed: int, latency: float, as_json: bool
) -> None:
    """Play Plugg.to over HTTP until Ctrl-C; its URL is for pluggto.base_url."""
    server = importlib.import_module("rocksync.sandbox.server")

    async def body(_settings: Settings) -> int:
        with stopping() as stop:
            try:
                async with server.serve(
                    host, port, profile=profile, faults=faults, seed=seed, latency_s=latency
                ) as hub:
                    control = f"{hub.url}/_sandbox/status"
                    told = f"the sandbox is at {hub.url} (control: {control})"
                    print_done(told, {"url": hub.url, "control": control}, as_json=as_json)
                    await stop.wait()
            except ValueError as error:
                raise MisuseError(str(error)) from None
            except OSError as error:
                raise MisuseError(
                    f"{host}:{port} cannot be listened at ({error.strerror}): give another --port"
                ) from None
        return DONE

    run(body)
