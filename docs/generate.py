"""Writes what documents take from the code, the reason codes and the table of settings: ``make docs``."""

from pathlib import Path

from rocksync.domain.reasons import ACTORS_PT, GUIDANCE, Reason
from rocksync.settings import list_keys

_FOLDER = Path(__file__).parent
_ENGLISH = """# Reason codes

The one vocabulary of `rocksync.item.reason`, `rocksync explain`, `rocksync status`, logs and metrics.
Made from the table in `rocksync/domain/reasons.py` by `make docs`; do not edit.

`rocksync explain SLUG sku SKU` and `rocksync explain SLUG order ID` name the code of one item, with its fix.

| code | meaning | fix | who acts |
|---|---|---|---|
"""
_SETTINGS = ("<!-- settings -->", "<!-- /settings -->")
_PORTUGUESE = """# Códigos de motivo

O vocabulário único de `rocksync.item.reason`, `rocksync explain`, `rocksync status`, dos logs e das
métricas. Gerado da tabela em `rocksync/domain/reasons.py` por `make docs`; não edite.

`rocksync explain SLUG sku SKU` e `rocksync explain SLUG order ID` dizem o código de um item e a solução.

| código | significado | solução | quem age |
|---|---|---|---|
"""


def pages() -> dict[str, str]:
    """Return the pages by file name."""
    english, portuguese = _ENGLISH, _PORTUGUESE
    for reason in Reason:
        told = GUIDANCE[reason]
        english += f"| `{reason}` | {told.meaning} | {told.fix} | {told.who} |\n"
        portuguese += f"| `{reason}` | {told.meaning_pt} | {told.fix_pt} | {ACTORS_PT[told.who]} |\n"
    return {"reasons.md": english, "motivos.pt-BR.md": portuguese}


def operating() -> str:
    """Return ``operating.md`` with the table of settings as the code has it."""
    text = (_FOLDER / "operating.md").read_text(encoding="utf-8")
    before, _, rest = text.partition(_SETTINGS[0])
    behind = rest.partition(_SETTINGS[1])[2]
    rows = "".join(f"| `{key.name}` | `{key.default}` | {key.meaning} |\n" for key in list_keys())
    return f"{before}{_SETTINGS[0]}\n| key | default | meaning |\n|---|---|---|\n{rows}{_SETTINGS[1]}{behind}"


if __name__ == "__main__":
    for name, text in {**pages(), "operating.md": operating()}.items():
        (_FOLDER / name).write_text(text, encoding="utf-8")
