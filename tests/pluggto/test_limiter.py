import asyncio

import pytest

from rocksync.domain.errors import PassError
from rocksync.domain.tenancy import TenantId
from rocksync.pluggto.breaker import Breaker
from rocksync.pluggto.facts import ignore
from rocksync.pluggto.limiter import Limiter
from rocksync.pluggto.tenants import Accounts
from rocksync.pluggto.turns import Turns


class Time:
    def __init__(self) -> None:
        self.now = 0.0

    def clock(self) -> float:
        return self.now

    async def sleep(self, seconds: float) -> None:
        self.now += seconds

    def limiter(self, *, rate: float = 10, concurrency: int = 5) -> Limiter:
        return Limiter(rate=rate, concurrency=concurrency, clock=self.clock, sleep=self.sleep)


async def use(limiter: Limiter, count: int, took_s: float = 0.01) -> None:
    for _ in range(count):
        await limiter.acquire()
        limiter.release(took_s)


async def test_the_rate_holds_after_a_small_burst() -> None:
    time = Time()

    await use(time.limiter(rate=10), 105)

    assert time.now == pytest.approx(10.0, abs=0.1)


async def test_no_more_than_the_window_is_in_flight() -> None:
    limiter = Time().limiter(rate=1e6, concurrency=3)
    for _ in range(3):
        await limiter.acquire()
    fourth = asyncio.ensure_future(limiter.acquire())
    await asyncio.sleep(0)
    assert not fourth.done()

    limiter.release(0.01)

    await fourth


async def test_who_stops_waiting_leaves_no_gap() -> None:
    limiter = Time().limiter(rate=1e6, concurrency=1)
    await limiter.acquire()
    waiting = [asyncio.ensure_future(limiter.acquire()) for _ in range(3)]
    await asyncio.sleep(0)
    waiting[0].cancel()
    limiter.release(0.01)
    waiting[1].cancel()  # its turn was just given to it
    await asyncio.gather(*waiting[:2], return_exceptions=True)

    await waiting[2]
    limiter.release(0.01)

    assert not limiter._in_flight


async def test_a_429_slows_down_and_good_answers_speed_up_again() -> None:
    time = Time()
    limiter = time.limiter(rate=100)
    limiter.limited(None)
    limiter.limited(None)
    await use(limiter, 1)
    paused_s = time.now
    await use(limiter, 20)
    slow_s = time.now - paused_s
    await use(limiter, 200)
    fast_from = time.now
    await use(limiter, 20)

    assert paused_s == pytest.approx(1.0)
    assert slow_s > 2 * (time.now - fast_from)


async def test_a_long_pause_is_an_error_with_its_length() -> None:
    limiter = Time().limiter()
    limiter.limited(60)

    with pytest.raises(PassError) as caught:
        await limiter.acquire()

    assert caught.value.retry_after_s == 60
    assert not limiter._in_flight


async def test_rising_latency_narrows_the_window_and_falling_latency_opens_it() -> None:
    limiter = Time().limiter(rate=1e6)
    await use(limiter, 20, 0.4)
    await use(limiter, 40, 8.0)
    narrow = limiter._window
    await use(limiter, 100, 0.4)

    assert narrow < 3
    assert limiter._window == 5


async def test_one_slow_answer_changes_nothing() -> None:
    limiter = Time().limiter(rate=1e6)
    await use(limiter, 20, 0.4)
    await use(limiter, 1, 8.0)

    assert limiter._window == 5


def test_of_many_tenants_the_idle_ones_are_forgotten() -> None:
    accounts = Accounts(Time().limiter, kept=10)
    busy = accounts.of(TenantId(0))
    busy.limiter.limited(100)
    for number in range(1, 1000):
        accounts.of(TenantId(number))

    assert len(accounts._accounts) <= 11
    assert accounts.of(TenantId(0)) is busy


async def test_turns_of_a_key_follow_each_other_and_leave_nothing() -> None:
    turns = Turns()
    log: list[str] = []

    async def work(name: str, key: str) -> None:
        async with turns.of(1, key):
            log.append(f"{name} in")
            await asyncio.sleep(0)
            log.append(f"{name} out")

    await asyncio.gather(work("a", "x"), work("b", "x"))

    assert log == ["a in", "a out", "b in", "b out"]
    assert turns._locks == {}


def test_refusals_do_not_open_the_breaker() -> None:
    breaker = Breaker(clock=lambda: 0.0, observe=ignore, failures=3)
    for _ in range(10):
        breaker.failed(probe=False)
        breaker.succeeded()

    assert breaker.state == "closed"


def test_a_probe_given_up_leaves_room_for_another() -> None:
    now = 0.0
    breaker = Breaker(clock=lambda: now, observe=ignore, failures=1)
    breaker.failed(probe=False)
    now = 100.0
    assert breaker.enter()
    with pytest.raises(PassError):
        breaker.enter()

    breaker.abandoned(probe=True)

    assert breaker.enter()
