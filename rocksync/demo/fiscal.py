"""Synthetic NF-e access keys: right in form and check digit, issued by nobody."""

from datetime import datetime

from rocksync.mapping.validation import nfe_check_digit

_SAO_PAULO = "35"
_MODEL = "55"
_NORMAL_EMISSION = "1"
SERIES = "1"


def nfe_key(cnpj: str, number: int, issued_at: datetime) -> str:
    """Return the 44 digits of an access key: state, month, CNPJ, model, series, number, emission, code, check digit.

    Source: Manual de Orientação do Contribuinte of the NF-e, section on the access key.
    """
    code = number * 7919 % 100_000_000
    digits = f"{_SAO_PAULO}{issued_at:%y%m}{cnpj}{_MODEL}{SERIES.zfill(3)}{number:09d}{_NORMAL_EMISSION}{code:08d}"
    return digits + nfe_check_digit(digits)
