"""dlt with a custom destination, as its documentation shows: ``python with_dlt.py CONFIG``.

One table a tenant, rows found by an incremental cursor on ``updated_at``; a batch is what one request takes, one row.
Tuned, files are of so many rows that each tenant has several, which dlt loads in parallel; else dlt's defaults stand:
one file a table, 20 at once.
"""

import json
import os
import sys
from datetime import datetime
from pathlib import Path
from typing import Any

config = json.loads(Path(sys.argv[1]).read_text(encoding="utf-8"))
everything_at_once = config["at_once"] * len(config["tenants"])
os.environ |= {"RUNTIME__DLTHUB_TELEMETRY": "false", "RUNTIME__LOG_LEVEL": "ERROR"}
if config["tuned"]:
    os.environ |= {
        "LOAD__WORKERS": str(everything_at_once),
        "DATA_WRITER__FILE_MAX_ITEMS": str(config["rows_each"] // config["at_once"]),
        "DATA_WRITER__BUFFER_MAX_ITEMS": str(config["rows_each"] // config["at_once"]),
    }

import dlt  # noqa: E402 - it reads the environment
import psycopg  # noqa: E402
from pluggto import CHANGED, Hub  # noqa: E402
from psycopg.rows import dict_row  # noqa: E402

hub = Hub(config["hub"], everything_at_once)
since_at = datetime.fromisoformat(config["since"])
numbers = {f"tenant_{tenant}": number for tenant, number in config["tenants"]}


@dlt.destination(
    batch_size=1,
    name="pluggto",
    max_parallel_load_jobs=everything_at_once if config["tuned"] else None,
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
