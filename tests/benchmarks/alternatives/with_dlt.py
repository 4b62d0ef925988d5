"""dlt with a custom destination, as its documentation shows: ``python with_dlt.py CONFIG``.

One table a tenant, rows found by an incremental cursor on ``updated_at``; files of so many rows that each tenant has
several, which dlt loads in parallel.
"""

import json
import os
import sys
from datetime import datetime
from pathlib import Path
from typing import Any

config = json.loads(Path(sys.argv[1]).read_text(encoding="utf-8"))
os.environ |= {
    "LOAD__WORKERS": str(config["at_once"] * len(config["tenants"])),
    "DATA_WRITER__FILE_MAX_ITEMS": str(config["rows_each"] // config["at_once"]),
    "DATA_WRITER__BUFFER_MAX_ITEMS": str(config["rows_each"] // config["at_once"]),
    "RUNTIME__DLTHUB_TELEMETRY": "false",
    "RUNTIME__LOG_LEVEL": "ERROR",
}

import dlt  # noqa: E402 - it reads the environment
import psycopg  # noqa: E402
from pluggto import CHANGED, Hub  # noqa: E402
from psycopg.rows import dict_row  # noqa: E402

hub = Hub(config["hub"], config["at_once"] * len(config["tenants"]))
since_at = datetime.fromisoformat(config["since"])
numbers = {f"tenant_{tenant}": number for tenant, number in config["tenants"]}


@dlt.destination(
    batch_size=10,
    name="pluggto",
    max_parallel_load_jobs=config["at_once"] * len(config["tenants"]),
    loader_parallelism_strategy="parallel",
)
def pluggto(items: list[dict[str, Any]], table: dict[str, Any]) -> None:
    for item in items:
        hub.put(numbers[table["name"]], item)


def changed(tenant: int) -> Any:
    @dlt.resource(name=f"tenant_{tenant}", write_disposition="append")
    def rows(since: Any = dlt.sources.incremental("updated_at", initial_value=since_at)) -> Any:  # noqa: B008
        with psycopg.connect(config["dsn"], row_factory=dict_row) as connection:
            yield connection.execute(CHANGED, {"tenant": tenant, "since": since.last_value}).fetchall()

    return rows


for number in numbers.values():
    hub.login(number)
pipeline = dlt.pipeline("changes", destination=pluggto, pipelines_dir=config["state"])
pipeline.run([changed(tenant) for tenant, _ in config["tenants"]])
