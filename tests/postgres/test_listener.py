import asyncio

import asyncpg
import pytest

from rocksync.postgres.listener import _until_lost


@pytest.mark.parametrize("turns", range(6))
async def test_a_listener_that_is_stopped_in_the_moment_its_connection_is_lost_stops(
    connection: asyncpg.Connection, turns: int
) -> None:
    """It took the loss for what ended the wait, forgot that it was to stop, and the worker never ended."""
    waiting = asyncio.create_task(_until_lost(connection, 10))
    await asyncio.sleep(0)
    connection.terminate()
    for _ in range(turns):
        await asyncio.sleep(0)

    had_ended = waiting.done()
    waiting.cancel()
    [outcome] = await asyncio.gather(waiting, return_exceptions=True)

    assert had_ended or isinstance(outcome, asyncio.CancelledError)
