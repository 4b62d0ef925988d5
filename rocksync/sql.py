"""Named queries: SQL kept in ``<module>.sql`` beside ``<module>.py``. Text only, no driver."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from importlib import resources

_HEADER = re.compile(r"^--\s*name:\s*(?P<name>.*?)\s*$")
_NAME = re.compile(r"^[a-z][a-z0-9_]*$")


class QueryFileError(ValueError):
    """A query file that does not read as named queries: a bug in the code that ships it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Queries:
    """The queries of one file, as ``queries["name"]`` or ``queries.name``."""

    file: str
    texts: Mapping[str, str]

    def __getitem__(self, name: str) -> str:
        try:
            return self.texts[name]
        except KeyError:
            raise KeyError(self._absent(name)) from None

    def __getattr__(self, name: str) -> str:
        if name.startswith("_") or name not in self.texts:
            raise AttributeError(name if name.startswith("_") else self._absent(name))
        return self.texts[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self.texts)

    def _absent(self, name: str) -> str:
        return f"{self.file} has no query named {name!r}; it has: {', '.join(sorted(self.texts))}"


def load(package: str, file: str) -> Queries:
    """Return the queries of *file*, which lies inside *package*.

    Raises: FileNotFoundError, QueryFileError.
    """
    return parse(resources.files(package).joinpath(file).read_text(encoding="utf-8"), file)


def parse(text: str, file: str) -> Queries:
    """Return the queries in *text*; *file* is only named in errors.

    A query runs from its ``-- name:`` line to the next one; its comments stay with it.

    Raises: QueryFileError for a duplicate, malformed or empty query, and for SQL before the first name.
    """
    texts: dict[str, str] = {}
    name, lines = "", list[str]()
    for number, line in enumerate(text.splitlines(), start=1):
        header = _HEADER.match(line)
        if header is None:
            lines.append(line)
            continue
        _keep(texts, name, lines, file)
        name, lines = header["name"], []
        if not _NAME.match(name):
            raise QueryFileError(f"{file} line {number}: {name!r} is no query name (lower case, digits, underscores)")
        if name in texts:
            raise QueryFileError(f"{file} line {number}: a second query named {name!r}")
    _keep(texts, name, lines, file)
    if not texts:
        raise QueryFileError(f"{file} has no '-- name:' line")
    return Queries(file=file, texts=texts)


def _keep(texts: dict[str, str], name: str, lines: list[str], file: str) -> None:
    has_sql = any(line.strip() and not line.lstrip().startswith("--") for line in lines)
    if name and not has_sql:
        raise QueryFileError(f"{file}: query {name!r} is empty")
    if has_sql and not name:
        raise QueryFileError(f"{file}: SQL before the first '-- name:' line")
    if name:
        texts[name] = "\n".join(lines).strip()
