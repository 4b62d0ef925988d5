from pathlib import Path

import pytest

from rocksync import sql

TWO = """\
-- What this file is about.

-- name: first
-- A comment of the first.
-- $1 id bigint
SELECT 1
 WHERE id = $1;

-- name: second_one
SELECT 2;
"""


def test_a_query_is_reached_by_key_and_by_attribute():
    queries = sql.parse(TWO, "two.sql")

    assert queries["second_one"] == "SELECT 2;"
    assert queries.second_one == "SELECT 2;"
    assert list(queries) == ["first", "second_one"]


def test_comments_stay_with_their_query():
    first = sql.parse(TWO, "two.sql").first

    assert first.startswith("-- A comment of the first.")
    assert first.endswith("WHERE id = $1;")


def test_a_name_that_is_not_there_is_an_error_that_lists_those_that_are():
    queries = sql.parse(TWO, "two.sql")

    with pytest.raises(KeyError, match=r"two\.sql has no query named 'third'; it has: first, second_one"):
        queries["third"]
    with pytest.raises(AttributeError, match="no query named 'third'"):
        _ = queries.third


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("-- name: a\nSELECT 1;\n-- name: a\nSELECT 2;", "line 3: a second query named 'a'"),
        ("-- name: a\n-- only a comment\n", "query 'a' is empty"),
        ("-- name: a\n-- name: b\nSELECT 1;", "query 'a' is empty"),
        ("-- name:\nSELECT 1;", "line 1: '' is no query name"),
        ("-- name: Not A Name\nSELECT 1;", "'Not A Name' is no query name"),
        ("SELECT 1;\n-- name: a\nSELECT 2;", "SQL before the first"),
        ("-- nothing here", "no '-- name:' line"),
    ],
)
def test_a_file_that_does_not_read_as_queries_is_refused(text: str, complaint: str):
    with pytest.raises(sql.QueryFileError, match=complaint):
        sql.parse(text, "bad.sql")


def test_a_file_is_loaded_from_inside_its_package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    package = tmp_path / "a_package_of_queries"
    package.mkdir()
    (package / "__init__.py").touch()
    (package / "two.sql").write_text(TWO, encoding="utf-8")
    monkeypatch.syspath_prepend(str(tmp_path))

    assert sql.load("a_package_of_queries", "two.sql").second_one == "SELECT 2;"
