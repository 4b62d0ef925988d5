"""A Singer SDK target, fed by a tap as one feeds targets: ``python with_singer.py CONFIG tap | … CONFIG target``.

One stream a tenant, a batch sink for each, drained in parallel; the reader that the SDK advises for speed. Tuned, all
sinks are drained at once, and several threads send each batch; else the SDK's default stands, eight sinks at once, and
each sends its batch row by row. The target's last state is the tap's bookmark next time.
"""

import json
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, ClassVar

import psycopg
from pluggto import CHANGED, Hub
from psycopg.rows import dict_row
from singer_sdk import Target
from singer_sdk import typing as th
from singer_sdk.contrib.msgspec import MsgSpecReader
from singer_sdk.sinks import BatchSink

config = json.loads(Path(sys.argv[1]).read_text(encoding="utf-8"))
numbers = {f"tenant_{tenant}": number for tenant, number in config["tenants"]}
state_file = Path(config["state"]) / "state.json"


def _say(message: dict[str, Any]) -> None:
    sys.stdout.write(json.dumps(message) + "\n")


def tap() -> None:
    schema = {"properties": {name: {"type": "string"} for name in ("sku", "kind", "value", "updated_at")}}
    bookmarks = json.loads(state_file.read_text(encoding="utf-8")) if state_file.exists() else {}
    with psycopg.connect(config["dsn"], row_factory=dict_row) as connection:
        for tenant, _ in config["tenants"]:
            stream = f"tenant_{tenant}"
            _say({"type": "SCHEMA", "stream": stream, "schema": schema, "key_properties": ["sku", "kind"]})
            since = bookmarks.get(stream, config["since"])
            for row in connection.execute(CHANGED, {"tenant": tenant, "since": since}):
                record = {name: str(value) for name, value in row.items()}
                bookmarks[stream] = record["updated_at"]
                _say({"type": "RECORD", "stream": stream, "record": record})
    _say({"type": "STATE", "value": bookmarks})


class Sink(BatchSink):
    max_size = 10_000

    def process_batch(self, context: dict[str, Any]) -> None:
        number = numbers[self.stream_name]
        with ThreadPoolExecutor(config["at_once"] if config["tuned"] else 1) as threads:
            list(threads.map(lambda record: hub.put(number, record), context["records"]))


class TargetPluggto(Target):
    name = "target-pluggto"
    message_reader_class = MsgSpecReader
    config_jsonschema: ClassVar[dict[str, Any]] = th.PropertiesList().to_dict()
    default_sink_class = Sink

    def _write_state_message(self, state: dict[str, Any]) -> None:
        super()._write_state_message(state)
        state_file.write_text(json.dumps(state), encoding="utf-8")


if sys.argv[2] == "tap":
    tap()
else:
    hub = Hub(config["hub"], config["at_once"] * len(numbers))
    for each in numbers.values():
        hub.login(each)
    target = TargetPluggto(config={})
    if config["tuned"]:
        target.max_parallelism = len(numbers)
    target.listen(sys.stdin)
