"""One product through one mapper, and what a refusal of its work looks like."""

from typing import Any

from rocksync.domain.errors import ItemError
from rocksync.domain.reasons import Reason
from tests.mapping.conftest import Folder
from tests.mapping.rows import listing, tenant


async def product(folder: Folder, text: str, accepted: dict[str, Any] | None = None, **members: Any) -> Any:
    folder.write("acme", text)
    async with folder.opened() as mappers:
        [answer] = await mappers.products(tenant(), [(listing(**members), accepted)])
    return answer


def refused(answer: object, *parts: str) -> None:
    assert isinstance(answer, ItemError), answer
    assert answer.reason is Reason.MAPPER_ERROR
    assert answer.detail.startswith("mapper acme, acme.py line ")
    for part in parts:
        assert part in answer.detail
