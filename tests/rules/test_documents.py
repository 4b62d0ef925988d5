"""What documents say of tests is so: those they name are there."""

import re

import pytest

from tests.rules.test_modules import FILES, ROOT

_NAMED = re.compile(r"(tests/[\w/]+\.py)(?:::(\w+))?")
DOCUMENTS = [path for path in FILES if path.suffix == ".md"]
NAMED = sorted({found.groups("") for path in DOCUMENTS for found in _NAMED.finditer(path.read_text(encoding="utf-8"))})


def test_there_are_documents_that_name_tests() -> None:
    assert len(NAMED) > 20


@pytest.mark.parametrize(("module", "name"), NAMED, ids=lambda value: value)
def test_a_test_that_is_named_is_there(module: str, name: str) -> None:
    text = (ROOT / module).read_text(encoding="utf-8")

    assert re.search(rf"def {name}\b", text)
