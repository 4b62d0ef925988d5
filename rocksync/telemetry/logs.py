"""Logs: the standard library, a fixed event name and its fields on one line, to standard error.

``log.info("pass_failed", extra={"reason": ...})``. Tenant, kind and pass come from the context.
"""

import logging
import sys
import time
import traceback
from collections.abc import Callable
from datetime import UTC, datetime
from typing import TextIO

import msgspec

from rocksync.domain.context import current_pass
from rocksync.domain.redaction import redact, redact_text

_NOT_OURS = frozenset(logging.makeLogRecord({}).__dict__) | {"message", "asctime", "taskName", "color_message"}
_LEVELS = {"debug": logging.DEBUG, "info": logging.INFO, "warning": logging.WARNING, "error": logging.ERROR}
_REPEATED_S = 60.0
_MOST_KNOWN = 1000
_QUIET = ("asyncio", "aiohttp.access", "aiohttp.server", "aiohttp.client", "asyncpg")


def set_up_logs(level: str, form: str | None, stream: TextIO | None = None) -> None:
    """Send all logs of the process to *stream* (standard error) as ``json`` or ``console`` lines.

    *form* None: console on a terminal, else json. Libraries are heard from warnings on.
    """
    target = stream or sys.stderr
    handler = logging.StreamHandler(target)
    is_console = form == "console" or (form is None and target.isatty())
    handler.setFormatter(ConsoleFormatter() if is_console else JsonFormatter())
    handler.addFilter(Repeats())
    root = logging.getLogger()
    for old in list(root.handlers):
        root.removeHandler(old)
    root.addHandler(handler)
    root.setLevel(_LEVELS[level])
    logging.captureWarnings(capture=True)
    for name in _QUIET:
        logging.getLogger(name).setLevel(max(logging.WARNING, _LEVELS[level]))


def fields_of(record: logging.LogRecord) -> dict[str, object]:
    """Return the fields of *record* beside time, level and event, redacted: its pass first, then its own."""
    fields: dict[str, object] = {}
    of_pass = current_pass()
    if of_pass is not None:
        fields |= {"tenant": of_pass.tenant, "kind": str(of_pass.kind), "pass": of_pass.id}
    for name, value in record.__dict__.items():
        if name not in _NOT_OURS:
            fields[name] = redact(name, value)
    return fields


class Repeats(logging.Filter):
    """Keeps back a warning or an error that says the same as one of the last minute; the next one tells how often.

    While its database is away, a worker tries again several times a second. What is said of a tenant is always told:
    somebody may be waiting to see whether that goes wrong again.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        super().__init__()
        self._clock = clock
        self._known: dict[tuple[str, ...], tuple[float, int]] = {}

    def filter(self, record: logging.LogRecord) -> bool:
        """Whether *record* is to be written; it gets a field ``repeated`` for those kept back before it, if any."""
        if record.levelno < logging.WARNING:
            return True
        now = self._clock()
        try:
            said = _said(record)
        except Exception:  # noqa: BLE001 - what cannot be put into words is the formatter's to tell of
            return True
        if said is None:
            return True
        told_at, repeated = self._known.get(said, (-_REPEATED_S, 0))
        if now - told_at < _REPEATED_S:
            self._known[said] = told_at, repeated + 1
            return False
        self._known.pop(said, None)
        if len(self._known) >= _MOST_KNOWN:
            del self._known[next(iter(self._known))]  # the one told longest ago
        self._known[said] = now, 0
        if repeated:
            record.repeated = repeated
        return True


def _said(record: logging.LogRecord) -> tuple[str, ...] | None:
    """What *record* says, how long anything took aside; None: something of a tenant."""
    fields = fields_of(record)
    if "tenant" in fields:
        return None
    told = [f"{name}={value}" for name, value in fields.items() if not isinstance(value, float)]
    return record.name, record.levelname, record.getMessage(), *_error(record), *told


def _error(record: logging.LogRecord) -> tuple[str, ...]:
    """The kind of the error that *record* is about, if any, and where it was raised."""
    if not record.exc_info or record.exc_info[0] is None:
        return ()
    *_, (frame, line) = traceback.walk_tb(record.exc_info[2]) if record.exc_info[2] else [(None, 0)]
    return record.exc_info[0].__name__, frame.f_code.co_filename if frame else "", str(line)


class JsonFormatter(logging.Formatter):
    """One JSON object a line: at, level, event, logger, fields; an exception as its last line and its traceback."""

    def format(self, record: logging.LogRecord) -> str:
        """Return *record* as one line."""
        line: dict[str, object] = {
            "at": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z"),
            "level": record.levelname.lower(),
            "event": redact_text(record.getMessage()),
            "logger": record.name,
            **fields_of(record),
        }
        if record.exc_info and record.exc_info[0] is not None:
            line["error"] = redact_text(f"{record.exc_info[0].__name__}: {record.exc_info[1]}")
            line["traceback"] = redact_text(self.formatException(record.exc_info))
        return msgspec.json.encode(line, enc_hook=str).decode()


class ConsoleFormatter(logging.Formatter):
    """For people: time, level, event, and its fields as name=value."""

    def format(self, record: logging.LogRecord) -> str:
        """Return *record* as one line, and its traceback below."""
        at = datetime.fromtimestamp(record.created, UTC).astimezone().strftime("%H:%M:%S")
        fields = " ".join(f"{name}={_shown(value)}" for name, value in fields_of(record).items())
        text = f"{at} {record.levelname.lower():<7} {_one_line(redact_text(record.getMessage()))} {fields}".rstrip()
        if record.exc_info and record.exc_info[0] is not None:
            text += "\n" + redact_text(self.formatException(record.exc_info))
        return text


def _shown(value: object) -> str:
    text = value if isinstance(value, str) else msgspec.json.encode(value, enc_hook=str).decode()
    text = _one_line(text)
    return f'"{text}"' if " " in text else text


def _one_line(text: str) -> str:
    return text if text.isprintable() else "".join(each if each.isprintable() else ascii(each)[1:-1] for each in text)
