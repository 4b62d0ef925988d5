import runpy
from pathlib import Path
from typing import Any

import asyncpg
import pytest

from rocksync.domain.reasons import ACTORS_PT, GUIDANCE, Actor, Reason

DOCS = Path(__file__).parents[2] / "docs"


@pytest.mark.parametrize("reason", list(Reason))
def test_every_reason_is_explained_in_both_languages(reason: Reason):
    told = GUIDANCE[reason]

    texts = [told.meaning, told.fix, told.meaning_pt, told.fix_pt]
    assert all(texts)
    assert len(set(texts)) == 4
    assert ACTORS_PT[told.who]


@pytest.mark.parametrize("reason", list(Reason))
def test_what_is_to_be_released_is_said(reason: Reason):
    for fix in (GUIDANCE[reason].fix, GUIDANCE[reason].fix_pt):
        assert fix.count("quarantine release") == fix.count("quarantine release SLUG")


def test_the_pages_are_those_that_the_table_gives():
    generated: dict[str, Any] = runpy.run_path(str(DOCS / "generate.py"))

    for name, text in generated["pages"]().items():
        assert (DOCS / name).read_text(encoding="utf-8") == text, f"make docs writes {name} anew"


def test_every_actor_has_a_name_in_portuguese():
    assert set(ACTORS_PT) == set(Actor)


async def test_the_database_knows_the_same_reasons(pool: asyncpg.Pool):
    rule = await pool.fetchval(
        "SELECT pg_get_constraintdef(oid) FROM pg_constraint WHERE conname = 'item_reason_check'"
    )

    assert {each for each in Reason if f"'{each}'" in rule} == set(Reason)
