import asyncio
from collections.abc import Sequence

import pytest

from rocksync.postgres.together import Together


class Asked:
    """Says of even numbers that it is so, once it may answer; each question is kept."""

    def __init__(self) -> None:
        self.questions: list[list[int]] = []
        self.begun = asyncio.Event()
        self.may_answer = asyncio.Event()

    async def __call__(self, about: Sequence[int]) -> set[int]:
        self.questions.append(list(about))
        self.begun.set()
        await self.may_answer.wait()
        if 13 in about:
            raise ValueError("13")
        return {place for place, number in enumerate(about) if number % 2 == 0}


async def test_who_asks_in_the_same_moment_or_during_a_question_shares_the_next_one():
    asked = Asked()
    together = Together(asked)
    first = [asyncio.create_task(together(number)) for number in (1, 2, 3)]
    await asked.begun.wait()
    second = [asyncio.create_task(together(number)) for number in (4, 5)]
    asked.may_answer.set()

    assert await asyncio.gather(*first, *second) == [False, True, False, True, False]
    assert asked.questions == [[1, 2, 3], [4, 5]]


async def test_an_error_reaches_those_who_asked_together_and_nobody_else():
    asked = Asked()
    together = Together(asked)
    first = [asyncio.create_task(together(number)) for number in (12, 13)]
    await asked.begun.wait()
    second = asyncio.create_task(together(14))
    asked.may_answer.set()

    assert [str(error) for error in await asyncio.gather(*first, return_exceptions=True)] == ["13", "13"]
    assert await second


async def test_who_is_cancelled_takes_no_answer_from_the_others():
    asked = Asked()
    together = Together(asked)
    impatient, patient = (asyncio.create_task(together(number)) for number in (2, 4))
    await asked.begun.wait()
    impatient.cancel()
    asked.may_answer.set()

    assert await patient
    with pytest.raises(asyncio.CancelledError):
        await impatient
