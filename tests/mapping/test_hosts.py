"""A batch has a time of its own, however many steps it takes and although each of its items keeps to the deadline."""

from rocksync.domain.documents import PriceDocument
from rocksync.domain.errors import ItemError
from rocksync.domain.reasons import Reason
from tests.mapping.conftest import Folder
from tests.mapping.rows import prices, tenant

SLOW = """
import time

@hookimpl
def rocksync_map_price(price):
    if int(price.sku.removeprefix("SKU-")) % 1024 < 12:
        time.sleep(0.1)
"""
"""It takes 1.2 s for each 1,024 items, which are a step."""


async def test_the_steps_of_a_slow_batch_count_together(folder: Folder) -> None:
    folder.write("slow", SLOW)

    async with folder.opened(deadline_s=0.2) as mappers:
        answers = await mappers.prices(tenant("slow", 1), prices(3 * 1024))

    late = [answer for answer in answers if isinstance(answer, ItemError)]
    assert all(isinstance(answer, PriceDocument) for answer in answers[:2048])
    assert late == answers[2048:]
    assert {(each.reason, each.final) for each in late} == {(Reason.MAPPER_TIMEOUT, False)}
    assert "one batch was not done within 2 s" in late[0].detail
