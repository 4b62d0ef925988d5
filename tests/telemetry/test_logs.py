import io
import json
import logging
import subprocess
import sys
from collections.abc import Callable, Iterator
from decimal import Decimal

import pytest

from rocksync.domain.context import in_pass
from rocksync.domain.redaction import REDACTED, redact, redact_text
from rocksync.domain.tenancy import Kind
from rocksync.telemetry.logs import Repeats, set_up_logs

TOKEN = "3f786850e387550fdab836ed7e6dc881de23001b"


@pytest.fixture
def root() -> Iterator[logging.Logger]:
    root = logging.getLogger()
    handlers, level = list(root.handlers), root.level
    yield root
    logging.captureWarnings(capture=False)
    root.handlers[:] = handlers
    root.setLevel(level)


@pytest.fixture
def logged(root: logging.Logger) -> Callable[[], list[dict]]:
    stream = io.StringIO()
    set_up_logs("info", None, stream)
    return lambda: [json.loads(line) for line in stream.getvalue().splitlines()]


def test_a_line_is_json_with_event_level_and_fields(logged):
    logging.getLogger("rocksync.sync").info("pass_ended", extra={"sent": 3, "took_s": 0.5, "total": Decimal("1.10")})

    (line,) = logged()
    assert line.pop("at").endswith("Z")
    assert line == {
        "level": "info",
        "event": "pass_ended",
        "logger": "rocksync.sync",
        "sent": 3,
        "took_s": 0.5,
        "total": "1.10",
    }


def test_what_is_logged_below_a_pass_names_it(logged):
    with in_pass("acme", Kind.STOCK, 7):
        logging.getLogger("x").warning("hub_slow")
    logging.getLogger("x").warning("outside")

    inside, outside = logged()
    assert (inside["tenant"], inside["kind"], inside["pass"]) == ("acme", "stock", 7)
    assert "tenant" not in outside


def test_what_is_less_severe_than_the_level_is_left_out(logged):
    logging.getLogger("x").debug("noise")
    logging.getLogger("aiohttp.access").info("GET /")

    assert logged() == []


class Heard(logging.Handler):
    """What passes the filter: its event, and how often it was repeated."""

    def __init__(self, clock: Callable[[], float]) -> None:
        super().__init__()
        self.addFilter(Repeats(clock))
        self.lines: list[tuple[str, object]] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.lines.append((record.getMessage(), getattr(record, "repeated", None)))

    def says(self, event: str, level: int = logging.WARNING, **fields: object) -> None:
        record = logging.makeLogRecord({"name": "x", "levelno": level, "msg": event, **fields})
        self.handle(record)


def test_what_goes_on_failing_is_told_once_a_minute_and_how_often() -> None:
    now = [0.0]
    heard = Heard(lambda: now[0])
    for second in range(121):
        now[0] = float(second)
        heard.says("claim_failed", took_s=second / 7)
        heard.says("poll_failed")

    assert [line for line in heard.lines if line[0] == "claim_failed"] == [
        ("claim_failed", None),
        ("claim_failed", 59),
        ("claim_failed", 59),
    ]
    assert len(heard.lines) == 6


def test_what_is_said_of_a_tenant_or_is_no_warning_is_always_told() -> None:
    heard = Heard(lambda: 0.0)
    for _ in range(3):
        heard.says("pass_failed", tenant="um", reason="hub_unavailable")
        heard.says("worker_started", logging.INFO)
        with in_pass("dois", Kind.STOCK, 7):
            heard.says("hub_slow")
        heard.says("database_ahead", migration="0099")

    told = [line[0] for line in heard.lines]
    assert {event: told.count(event) for event in told} == {
        "pass_failed": 3,
        "worker_started": 3,
        "hub_slow": 3,
        "database_ahead": 1,
    }


def test_what_differs_is_no_repetition() -> None:
    heard = Heard(lambda: 0.0)
    for port in (9464, 9465, 9464):
        heard.says("http_port_taken", port=port)

    assert len(heard.lines) == 2


def test_errors_of_another_kind_or_place_are_no_repetition() -> None:
    def here() -> None:
        raise OSError

    def there() -> None:
        raise OSError

    def elsewhere() -> None:
        raise ValueError

    heard = Heard(lambda: 0.0)
    for fail in (here, here, there, elsewhere, there):
        try:
            fail()
        except (OSError, ValueError):
            heard.says("pass_broke", logging.ERROR, exc_info=sys.exc_info())
    heard.says("pass_broke", logging.ERROR, exc_info=(OSError, OSError(), None))

    assert len(heard.lines) == 4


def test_what_cannot_be_put_into_words_is_told() -> None:
    class Wordless:
        def __str__(self) -> str:
            raise ValueError

    heard = Heard(lambda: 0.0)
    heard.says("odd", what=Wordless())
    heard.says("odd", what=Wordless())

    assert len(heard.lines) == 2


def test_the_memory_of_what_was_said_is_limited() -> None:
    now = [0.0]
    heard = Heard(lambda: now[0])
    for number in range(5_000):
        now[0] += 1.0
        heard.says("database_ahead", migration=f"{number}")

    (repeats,) = heard.filters
    assert len(repeats._known) <= 1_000


def test_an_exception_comes_with_its_traceback_on_the_same_line_and_no_secret(logged):
    def fail() -> None:
        raise ValueError(f"login with client_secret=hunter2 and token {TOKEN} failed\nfor ana@example.com")

    try:
        fail()
    except ValueError:
        logging.getLogger("x").exception("pass_broke")

    (line,) = logged()
    assert line["error"].startswith("ValueError: login with")
    assert "Traceback" in line["traceback"]
    for secret in ("hunter2", TOKEN, "ana@example.com"):
        assert secret not in json.dumps(line)


@pytest.mark.parametrize(
    "text",
    [
        "Authorization: Bearer abc.def-123456",
        f"token {TOKEN}",
        "https://api.test/?access_token=abcdef",
        '{"api_secret": "hunter2xx"}',
        "postgresql://rocksync:hunter2xx@db:5432/x",
        "to ana.maria+x@loja.com.br",
        "to ana%40loja.com.br",
        "CPF 529.982.247-25",
        "CPF 52998224725",
        "CNPJ 11.222.333/0001-81",
        "CNPJ 12.ABC.345/01DE-35",
        "call (11) 98765-4321",
        "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=",
        "sealed:v1:AQIDBA==",
    ],
)
def test_what_looks_like_a_secret_or_a_person_is_taken_out(text: str):
    told = redact_text(f"before {text} after")

    assert REDACTED in told
    assert told.startswith("before ")
    assert told.endswith(" after")
    for part in ("hunter2xx", TOKEN, "abcdef", "ana", "529", "52998224725", "98765", "AAECAw", "AQID", "11.222"):
        assert part not in told


@pytest.mark.parametrize(
    "text",
    [
        "sku 7891234567895",
        "order 60a66dfbe3f2ab416d669e38",
        "PUT /skus/{sku} 200",
        "12345678901",
        "R$ 1.234,56",
        "2026-01-02",
    ],
)
def test_what_operators_need_stays(text: str):
    assert redact_text(text) == text


@pytest.mark.parametrize(
    "name",
    ["password", "api_secret", "access_token", "dsn", "customer", "email", "Authorization", "body", "cpf", "client_id"],
)
def test_a_field_is_taken_out_by_its_name_whatever_it_holds(name: str):
    assert redact(name, 12345) == REDACTED
    assert redact("outer", {name: {"deep": "x"}}) == {name: REDACTED}


@pytest.mark.parametrize("name", ["sku", "status", "detail", "tenant", "kind", "bodyguard", "tokenizer"])
def test_a_field_of_another_name_stays(name: str):
    assert redact(name, "plain") == "plain"


def test_console_lines_are_for_people_and_one_line_each(root: logging.Logger):
    stream = io.StringIO()
    set_up_logs("debug", "console", stream)

    logging.getLogger("x").info("pass_failed", extra={"detail": "two words\nforged\x1b]0;é\x07", "sent": 3})

    (line,) = stream.getvalue().splitlines()
    assert line.endswith('info    pass_failed detail="two words\\nforged\\x1b]0;é\\x07" sent=3')


def test_logs_go_to_standard_error_of_the_process():
    code = "import logging, rocksync.telemetry.logs as l; l.set_up_logs('info', None); logging.info('hello')"

    ended = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    assert ended.stdout == ""
    assert json.loads(ended.stderr)["event"] == "hello"
