"""Settings: dynaconf in, frozen dataclasses out; checked before anything starts.

A file of TOML (``settings.toml``, or the path in ``ROCKSYNC_SETTINGS``), then the environment:
``ROCKSYNC_<SECTION>__<KEY>``. The dataclasses below are the one list of what can be set: names, defaults, limits and
meanings are read from their fields.
"""

import dataclasses
import difflib
import math
import os
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from rocksync.domain.durations import format_duration, parse_duration
from rocksync.domain.errors import SettingsError
from rocksync.domain.tenancy import Kind

_PREFIX = "ROCKSYNC_"
_FILE = "settings.toml"
_FILE_VARIABLE = f"{_PREFIX}SETTINGS"
_NO_SETTINGS = frozenset(
    {"SETTINGS", "OPERATOR", "CLIENT_ID", "CLIENT_SECRET", "API_USER", "API_SECRET", "TEST_DSN", "TEST_BINARIES"},
)
_SHORTEST, _LONGEST = timedelta(seconds=10), timedelta(days=30)
_SECRET_KEY = re.compile(r"[A-Za-z0-9+/]{43}=")
_OF_KUBERNETES = re.compile(r"_(SERVICE_(HOST|PORT\w*)|PORT_\d+_\w+)$")

Parse = Callable[[object], object]


def _text(value: object) -> str:
    if isinstance(value, str):
        return value.strip()
    raise ValueError("must be text")


def _whole(low: int, high: int) -> Parse:
    def parse(value: object) -> int:
        text = str(value).strip()
        number = int(text) if text.isdecimal() and not isinstance(value, bool) else low - 1
        if not low <= number <= high:
            raise ValueError(f"must be a whole number from {low} to {high}")
        return number

    return parse


def _decimal(low: float, high: float) -> Parse:
    def parse(value: object) -> float:
        try:
            number = float(str(value))
        except ValueError:
            number = math.nan
        if not low <= number <= high:
            raise ValueError(f"must be a number from {low:g} to {high:g}")
        return number

    return parse


def _choice(*names: str) -> Parse:
    def parse(value: object) -> str:
        if str(value).lower() not in names:
            raise ValueError(f"must be one of {', '.join(names)}")
        return str(value).lower()

    return parse


def _every(value: object) -> timedelta:
    duration = parse_duration(str(value))
    if not _SHORTEST <= duration <= _LONGEST:
        raise ValueError("must be between 10s and 30d")
    return duration


def _folder(value: object) -> Path:
    return Path(_text(value)).expanduser()


def _host(value: object) -> str:
    text = _text(value)
    if not re.fullmatch(r"[\w.:-]+", text):
        raise ValueError("must be a host name or address, without scheme or port")
    return text


def _address(value: object) -> str:
    """Return an http(s) URL without a trailing slash."""
    text = _text(value).rstrip("/")
    try:
        parts = urlsplit(text)
        sound = parts.scheme in {"http", "https"} and parts.hostname and parts.port != 0
    except ValueError:
        sound = False
    if not sound or parts.username or parts.password or parts.query or parts.fragment:
        raise ValueError("must be a URL such as https://api.plugg.to, without user, query or fragment")
    return text


def _dsn(value: object) -> str:
    text = _text(value)
    if urlsplit(text).scheme not in {"postgresql", "postgres"}:
        raise ValueError("must be a DSN such as postgresql://user:password@host:5432/database")
    return text


def _key_ring(value: object) -> tuple[str, ...]:
    given: object = value
    if isinstance(value, str):
        parts = [each.strip(" \t\n\"'") for each in value.strip(" \t\n[]").split(",")]
        given = [each for each in parts if each]
    if not isinstance(given, list) or not given or not all(_SECRET_KEY.fullmatch(str(each)) for each in given):
        raise ValueError("must be a list of keys as `rocksync keygen` makes them: 32 bytes in base64 each")
    if len(set(given)) < len(given):
        raise ValueError("must not hold a key twice")
    return tuple(given)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Rule:
    """How a key is read, and what it means."""

    parse: Parse
    meaning: str
    secret: bool = False


def _key(default: object, parse: Parse, meaning: str, *, secret: bool = False) -> Any:  # noqa: ANN401 # as `field`
    return field(
        default=default, repr=not secret, metadata={"rule": _Rule(parse=parse, meaning=meaning, secret=secret)}
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Database:
    """Our memory, and the stores."""

    dsn: str | None = _key(None, _dsn, "DSN of the Postgres to use; none: an embedded one in `data_dir`.", secret=True)
    pool_size: int = _key(10, _whole(2, 200), "Connections of one process, at most.")


@dataclass(frozen=True, slots=True, kw_only=True)
class Pluggto:
    """The hub."""

    base_url: str = _key("https://api.plugg.to", _address, "Where Plugg.to's API is.", secret=True)
    timeout_s: float = _key(20.0, _decimal(0.1, 600), "Seconds for one request, answer included.")
    concurrency_per_tenant: int = _key(5, _whole(1, 100), "Requests of one tenant at once.")
    requests_per_second_per_tenant: float = _key(10.0, _decimal(0.1, 1000), "Requests of one tenant in a second.")


@dataclass(frozen=True, slots=True, kw_only=True)
class Worker:
    """How passes are run."""

    concurrency: int = _key(16, _whole(1, 1000), "Passes at once in one worker.")
    lease_s: float = _key(60.0, _decimal(1, 3600), "Seconds after which the passes of a dead worker are taken over.")
    slice_s: float = _key(30.0, _decimal(0.1, 3600), "Seconds after which a pass lets others have a turn.")
    poll_s: float = _key(1.0, _decimal(0.1, 60), "Seconds between looks for work, should a notification be lost.")
    drain_s: float = _key(20.0, _decimal(0, 600), "Seconds that a worker told to stop gives to passes that run.")
    order_overlap_s: float = _key(900.0, _decimal(0, 86400), "Seconds by which order windows overlap.")
    order_reconcile_days: int = _key(5, _whole(0, 90), "Days of orders that are read again once a day; 0: none.")


@dataclass(frozen=True, slots=True, kw_only=True)
class Schedule:
    """The default interval of each kind: `90s`, `10m`, `1h30m`."""

    product: timedelta = _key(timedelta(minutes=10), _every, "Between product passes.")
    price: timedelta = _key(timedelta(minutes=10), _every, "Between price passes.")
    stock: timedelta = _key(timedelta(minutes=5), _every, "Between stock passes.")
    order: timedelta = _key(timedelta(minutes=2), _every, "Between order passes.")

    def of(self, kind: Kind) -> timedelta:
        """Return the default interval of *kind*."""
        return {Kind.PRODUCT: self.product, Kind.PRICE: self.price, Kind.STOCK: self.stock}.get(kind, self.order)


@dataclass(frozen=True, slots=True, kw_only=True)
class Mappers:
    """The clients' mappers."""

    dir: Path = _key(Path("mappers"), _folder, "Folder of the mapper files.")
    deadline_s: float = _key(2.0, _decimal(0.05, 60), "Seconds that the mappers of one item may take.")


@dataclass(frozen=True, slots=True, kw_only=True)
class Secrets:
    """How credentials are sealed."""

    keys: tuple[str, ...] = _key(
        (),
        _key_ring,
        "AES-256-GCM keys of `rocksync keygen`: the first seals, all open. A list; in the environment, commas part it.",
        secret=True,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class History:
    """What was sent and answered."""

    keep_days: int = _key(30, _whole(1, 3650), "Days that it is kept.")


@dataclass(frozen=True, slots=True, kw_only=True)
class MetricsSettings:
    """What `/metrics` shows."""

    tenant_series: int = _key(
        500, _whole(0, 100_000), "Up to so many tenants have series of their own; beyond it the worst by lag."
    )
    refresh_s: float = _key(10.0, _decimal(0.5, 600), "Seconds between looks at the database for the gauges.")


@dataclass(frozen=True, slots=True, kw_only=True)
class Http:
    """Where metrics, health and notifications are served."""

    host: str = _key("127.0.0.1", _host, "Address to listen at.")
    port: int = _key(9464, _whole(0, 65535), "Port to listen at; 0: any that is free.")


@dataclass(frozen=True, slots=True, kw_only=True)
class Log:
    """What is logged, to standard error."""

    level: str = _key("info", _choice("debug", "info", "warning", "error"), "The least severe that is logged.")
    format: str | None = _key(
        None, _choice("json", "console"), "`json` or `console`; none: `console` on a terminal, else `json`."
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """All settings, checked. ``repr`` shows no secret."""

    data_dir: Path = _key(Path(".rocksync"), _folder, "Folder of the embedded Postgres and its key file.")
    database: Database = field(default_factory=Database)
    pluggto: Pluggto = field(default_factory=Pluggto)
    worker: Worker = field(default_factory=Worker)
    schedule: Schedule = field(default_factory=Schedule)
    mappers: Mappers = field(default_factory=Mappers)
    secrets: Secrets = field(default_factory=Secrets)
    history: History = field(default_factory=History)
    metrics: MetricsSettings = field(default_factory=MetricsSettings)
    http: Http = field(default_factory=Http)
    log: Log = field(default_factory=Log)


_SECTIONS: Mapping[str, type[Any]] = {
    each.name: each.type
    for each in dataclasses.fields(Settings)
    if isinstance(each.type, type) and dataclasses.is_dataclass(each.type)
}


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyEntry:
    """One line of the list of settings: its dotted name, default as text, and meaning."""

    name: str
    default: str
    meaning: str


def list_keys() -> list[KeyEntry]:
    """Return every key that can be set, in the order of the settings."""
    return [
        KeyEntry(name=name, default=_shown(each.default), meaning=each.metadata["rule"].meaning)
        for name, each in _fields()
    ]


def load() -> Settings:
    """Return the settings of this process.

    Raises: SettingsError naming every key that is wrong or unknown.
    """
    given = _given()
    complaints = _unknown(given)
    values: dict[str, dict[str, Any]] = {section: {} for section in ("", *_SECTIONS)}
    for name, each in _fields():
        if given.get(name) in (None, ""):  # a list can be in no set
            continue
        rule: _Rule = each.metadata["rule"]
        try:
            values[name.rpartition(".")[0]][each.name] = rule.parse(given[name])
        except ValueError as error:
            shown = "" if rule.secret else f", not {given[name]!r}"
            complaints.append(f"{name} {error}{shown}")
    if complaints:
        raise SettingsError("settings are wrong: " + "; ".join(complaints))
    sections = {name: section(**values[name]) for name, section in _SECTIONS.items()}
    return Settings(**values[""], **sections)


def _fields() -> Iterator[tuple[str, "dataclasses.Field[Any]"]]:
    for each in dataclasses.fields(Settings):
        if each.name not in _SECTIONS:
            yield each.name, each
    for section, cls in _SECTIONS.items():
        for each in dataclasses.fields(cls):
            yield f"{section}.{each.name}", each


def _given() -> dict[str, object]:
    """Return what is set, by dotted name in lower case: the file's keys, then those of the environment.

    A variable that is blank, an unfilled secret perhaps, takes nothing of the file's away.
    """
    given: dict[str, object] = {}
    for name, value in _read(_settings_file()).items():
        if isinstance(value, Mapping):
            given |= {f"{name}.{key}".lower(): each for key, each in value.items()}
        else:
            given[name.lower()] = value
    for variable, text in os.environ.items():
        if variable.startswith(_PREFIX):
            name = variable.removeprefix(_PREFIX).replace("__", ".").lower()
            given[name] = text if text.strip() else given.get(name, "")
    return given


def _variable(name: str) -> str:
    return _PREFIX + name.replace(".", "__").upper()


def _settings_file() -> Path | None:
    named = os.environ.get(_FILE_VARIABLE)
    if not named:
        return Path(_FILE).resolve() if Path(_FILE).is_file() else None
    if not Path(named).is_file():
        raise SettingsError(f"{_FILE_VARIABLE} names {named}, and there is no such file")
    return Path(named).resolve()


def _read(file: Path | None) -> dict[str, Any]:
    from dynaconf import Dynaconf  # type: ignore[import-untyped] # noqa: PLC0415 # ships no types; slow to import

    try:  # only the file, and text as it is written: where it begins like a token of dynaconf's, that is chance
        read = Dynaconf(settings_files=[] if file is None else [str(file)], loaders=False, auto_cast=False)
        tree: dict[str, Any] = read.as_dict()
    except ValueError as error:
        raise SettingsError(f"{file} is not valid TOML: {error}") from error
    return tree


def _unknown(given: Mapping[str, object]) -> list[str]:
    known = dict(_fields())
    complaints = []
    for name in given:
        variable = _variable(name)
        of_environment = variable in os.environ
        if name in known or (of_environment and _is_not_ours(name, variable)):
            continue
        if name in _SECTIONS:
            complaints.append(f"{name} must be a table of keys")
            continue
        section, _, key = name.rpartition(".")
        if section in _SECTIONS:
            keys = {each.rpartition(".")[2]: each for each in known if each.startswith(f"{section}.")}
        else:
            key, keys = name if section else name.replace("_", ".", 1), {each: each for each in (*known, *_SECTIONS)}
        near = [keys[each] for each in difflib.get_close_matches(key, keys, n=1)]
        meant = f": did you mean {_variable(near[0]) if of_environment else near[0]}?" if near else ""
        complaints.append(f"{variable if of_environment else name} is unknown{meant}")
    return complaints


def _is_not_ours(name: str, variable: str) -> bool:
    """Whether an environment variable of our prefix is no setting: another use of ours, or Kubernetes' of a service."""
    if name.upper() in _NO_SETTINGS or _OF_KUBERNETES.search(variable):
        return True
    if variable.endswith("_PORT") and os.environ[variable].startswith(("tcp://", "udp://")):
        return True
    return "." not in name and not difflib.get_close_matches(name.partition("_")[0], [*_SECTIONS, "data"], n=1)


def _shown(default: object) -> str:
    match default:
        case None | ():
            return "none"
        case timedelta():
            return format_duration(default)
        case float():
            return f"{default:g}"
        case _:
            return str(default)
