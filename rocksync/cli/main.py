"""``rocksync``: the operator's door."""

import os
import sys
from collections.abc import Sequence
from typing import NoReturn

import click

from rocksync.cli.lazy import LazyGroup
from rocksync.cli.running import guarded
from rocksync.version import VERSION

_COMMANDS = {
    "demo": ("rocksync.cli.demo:demo", "Postgres, Plugg.to sandbox, three tenants and the worker, to look at."),
    "migrate": ("rocksync.cli.database:migrate", "Bring the database up to date."),
    "worker": ("rocksync.cli.worker:worker", "Serve the tenants."),
    "tenant": ("rocksync.cli.tenant:tenant", "Add, check, activate, list, show, set, pause, resume, remove tenants."),
    "schedule": ("rocksync.cli.schedule:schedule", "Choose when a tenant's kinds run."),
    "sync": ("rocksync.cli.schedule:sync", "Run a tenant's passes now."),
    "status": ("rocksync.cli.status:status", "Tenants by lag, each with its cause."),
    "explain": ("rocksync.cli.explain:explain", "Why a SKU or an order is where it is, step by step."),
    "quarantine": ("rocksync.cli.desk:quarantine", "Items that were set aside: list, release."),
    "resend": ("rocksync.cli.desk:resend", "Send a SKU or an order again."),
    "history": ("rocksync.cli.desk:history", "What was sent for a SKU or an order, and answered."),
    "holds": ("rocksync.cli.desk:holds", "Changes held by a tenant's limits: list, approve, reject."),
    "mapper": ("rocksync.cli.mapper:mapper", "List, begin, check and preview mappers."),
    "audit": ("rocksync.cli.desk:audit", "What operators changed, who and when."),
    "completion": ("rocksync.cli.completion:completion", "Completion for bash or zsh."),
    "sandbox": ("rocksync.cli.sandbox:sandbox", "The Plugg.to sandbox alone."),
    "keygen": ("rocksync.cli.secrets:keygen", "Make a new secrets key."),
    "secrets": ("rocksync.cli.secrets:secrets", "Seal text for SQL; seal everything with the newest key."),
}

cli = LazyGroup(
    name="rocksync",
    commands=_COMMANDS,
    help="Keep Rock (Rocky) E-Commerce stores and Plugg.to in step: products, prices and stock out, orders in.",
)
cli.params.append(click.Option(["--debug"], is_flag=True, help="Log everything, and show tracebacks."))
click.version_option(VERSION, message="rocksync %(version)s")(cli)


COMPLETION_VARIABLE = "_ROCKSYNC_COMPLETE"


def run(arguments: Sequence[str]) -> int:
    """Run one command line and return its exit code: 0 done, 1 with failures, 2 misuse, 3 a tenant is stopped."""
    return guarded(lambda: _run(arguments), debug="--debug" in arguments[:1])


def _run(arguments: Sequence[str]) -> object:
    for each in arguments:
        if any("\ud800" <= character <= "\udfff" for character in each):
            raise click.UsageError(f"{each!r} is not text in UTF-8")
    return cli.main(list(arguments), prog_name="rocksync", standalone_mode=False)


def main() -> NoReturn:
    """Run the command line of this process."""
    _open_closed_streams()
    sys.exit(run(sys.argv[1:]))


def _open_closed_streams() -> None:
    """Open the null device as each standard stream that is closed: else the next file or socket would become it.

    Processes that are started inherit it. ``sys.stdin`` stays None, by which it is known that nobody can answer.
    """
    for descriptor in (0, 1, 2):
        try:
            os.fstat(descriptor)
        except OSError:
            os.set_inheritable(os.open(os.devnull, os.O_RDWR), True)  # opened as the lowest that is free
    sys.stdout = sys.stdout or os.fdopen(1, "w", errors="backslashreplace", closefd=False)
    sys.stderr = sys.stderr or os.fdopen(2, "w", errors="backslashreplace", closefd=False)
