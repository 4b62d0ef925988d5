"""The worker in a process and on a core of its own: ``python -m tests.benchmarks.worker CONFIG``.

What ``rocksync worker`` runs, metrics and all, with settings from a file of JSON, and an observer that notes when each
pass was due, started and ended. Ends when standard input does, and then writes down what it noted.
"""

import asyncio
import json
import logging
import sys
import time
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from rocksync.app import Observers, counting, new_metrics, open_app, watched
from rocksync.domain.tenancy import Lease
from rocksync.settings import Database, Http, Mappers, Pluggto, Secrets, Settings
from rocksync.settings import Worker as WorkerSettings
from rocksync.sync.worker import PassEnd
from tests.benchmarks.loops import run
from tests.benchmarks.machine import WORKER_CORE, pin


@dataclass(slots=True)
class Notes:
    """Passes as they end: tenant, kind, seconds late at the start, epoch at the start, seconds, outcome."""

    rows: list[tuple[int, str, float, float, float, str]] = field(default_factory=list)

    def write(self, file: Path) -> None:
        """Write them down."""
        file.write_text(json.dumps(self.rows), encoding="utf-8")

    def note(self, end: PassEnd) -> None:
        """Keep one."""
        lease: Lease = end.lease
        started = time.time() - end.took_s
        late = started - lease.due_at.timestamp() if lease.due_at is not None else 0.0
        self.rows.append((lease.tenant.id, str(lease.kind), late, started, end.took_s, end.outcome))


def settings_of(config: dict[str, Any]) -> Settings:
    """Settings as the scenario wants them; what it does not name is the default."""
    folder = Path(config["folder"])
    settings = Settings(
        data_dir=folder,
        database=Database(dsn=config["dsn"]),
        pluggto=Pluggto(base_url=config["hub"]),
        secrets=Secrets(keys=(config["key"],)),
        mappers=Mappers(dir=folder / "mappers"),
        http=Http(port=0),
    )
    return replace(
        settings,
        pluggto=replace(settings.pluggto, **config.get("pluggto", {})),
        worker=replace(WorkerSettings(), **config.get("worker", {})),
    )


async def _work(config: dict[str, Any]) -> None:
    settings = settings_of(config)
    notes = Notes()
    metrics = new_metrics(settings)
    counted = counting(metrics)

    def ended(end: PassEnd) -> None:
        counted.passes(end)
        notes.note(end)

    stop = asyncio.Event()
    reader = asyncio.StreamReader()
    await asyncio.get_running_loop().connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
    async with (
        open_app(settings, Observers(passes=ended, hub=counted.hub)) as app,
        watched(settings, app.database, metrics) as url,
    ):
        running = asyncio.create_task(app.run(stop))
        sys.stdout.write(f"{url}\n")
        sys.stdout.flush()
        await reader.read()
        stop.set()
        await running
    notes.write(Path(config["notes"]))


if __name__ == "__main__":
    pin(WORKER_CORE)
    logging.basicConfig(level=logging.WARNING)
    config = json.loads(Path(sys.argv[1]).read_text(encoding="utf-8"))
    run(_work(config))
