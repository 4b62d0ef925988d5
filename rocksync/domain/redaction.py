"""The last line of defence: takes secrets and personal data out of what is about to be written.

The first line is not to log them; this one knows them by the name they go by, or by how they look.
"""

import re
from collections.abc import Mapping
from urllib.parse import unquote

REDACTED = "[redacted]"

_SECRET_NAMES = re.compile(
    r"(^|_)(password|passwd|pwd|secret|secrets|token|authorization|cookie|credential|credentials|dsn|api_?key|api_?user|"
    r"client_?id|private_?key|body|payload|document|cpf|cnpj|rg|email|e_?mail|phone|telephone|cellphone|mobile|"
    r"customer|buyer|delivery|address|street|zipcode|zip|payer|receiver)($|_)",
    re.IGNORECASE,
)
_LOOKS = (
    re.compile(r"(?i)\b(?:bearer|basic)\s+[\w.~+/=-]{6,}"),
    re.compile(
        r"(?i)\b(?:access_token|refresh_token|client_secret|client_id|api_secret|api_user|password|username|token|secret)"
        r"[\"']?\s*[=:]\s*[\"']?[^\s\"'&,;}]+"
    ),
    re.compile(r"\beyJ[\w-]{8,}\.[\w-]{8,}\.[\w-]*"),
    re.compile(r"(?i)(?<=://)[^/\s:@]+:[^/\s@]+(?=@)"),
    re.compile(r"\b[0-9a-fA-F]{40,}\b"),
    re.compile(r"(?<![\w+/])[A-Za-z0-9+/]{43}=(?![\w=])"),
    re.compile(r"sealed:v1:[A-Za-z0-9+/=]+"),
    re.compile(r"[\w.+%-]{1,64}(?:@|%40)[\w-]+(?:\.[\w-]+)+"),
    re.compile(r"\b\d{3}\.\d{3}\.\d{3}-\d{2}\b"),
    re.compile(r"(?i)\b[0-9A-Z]{2}\.[0-9A-Z]{3}\.[0-9A-Z]{3}/[0-9A-Z]{4}-\d{2}\b"),
    re.compile(r"\(\d{2}\)\s?9?\d{4}-?\d{4}\b"),
)
_ELEVEN_DIGITS = re.compile(r"(?<!\d)\d{11}(?!\d)")
_CPF_DIGITS = 11
_CPF_BODY = 9


def redact_text(text: str) -> str:
    """Return *text* without what looks like a token, a password, an e-mail address, a telephone number or a CPF."""
    if "%40" in text:
        text = unquote(text) if "@" in unquote(text) else text
    for look in _LOOKS:
        text = look.sub(REDACTED, text)
    return _ELEVEN_DIGITS.sub(lambda found: REDACTED if _is_cpf(found[0]) else found[0], text)


def redact(name: str, value: object) -> object:
    """Return *value*, which goes by *name*, fit to be written as JSON and without secrets and personal data."""
    if value is None or isinstance(value, bool):
        return value
    if _SECRET_NAMES.search(name):
        return REDACTED
    if isinstance(value, (int, float)):
        return value
    if isinstance(value, Mapping):
        return {str(key): redact(str(key), each) for key, each in value.items()}
    if isinstance(value, (list, tuple, set, frozenset)):
        return [redact("", each) for each in value]
    return redact_text(str(value))


def _is_cpf(digits: str) -> bool:
    """Whether the two check digits fit: one number of eleven digits in a hundred, and every CPF."""
    numbers = [int(each) for each in digits]
    for length in range(_CPF_BODY, _CPF_DIGITS):
        total = sum(number * (length + 1 - place) for place, number in enumerate(numbers[:length]))
        if total * 10 % 11 % 10 != numbers[length]:
            return False
    return True
