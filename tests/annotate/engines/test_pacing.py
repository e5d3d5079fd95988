import asyncio
import random
from datetime import UTC, datetime

from firstfault.annotate.engines.pacing import Gate, Rate, Slots, backoff, retry_after

NOW = datetime(2026, 1, 1, tzinfo=UTC)


async def take(slots: Slots, number: int) -> list[int]:
    return [await slots.take() for _ in range(number)]


def finish(slots: Slots, numbers: list[int], note: str = "answered") -> None:
    for number in numbers:
        getattr(slots, note)(number)
        slots.free()


def test_it_starts_at_twenty_and_doubles_while_everything_is_answered():
    async def play() -> list[int]:
        slots, limits = Slots(100), []
        for _ in range(5):
            limits.append(int(slots.limit))
            # As in a run, each slot that comes free is taken at once.
            for number in await take(slots, int(slots.limit)):
                slots.answered(number)
            for _ in range(limits[-1]):
                slots.free()
        return limits

    limits = asyncio.run(play())
    assert limits[0] == 20
    assert limits == sorted(limits)
    assert limits[-1] <= 100


def test_an_episode_of_429_cuts_once_and_the_next_one_again():
    async def play() -> list[float]:
        slots, limits = Slots(100), []
        numbers = await take(slots, 20)
        finish(slots, numbers[:10], "crowded")
        limits.append(slots.limit)
        later = await take(slots, 2)
        finish(slots, numbers[10:], "crowded")
        limits.append(slots.limit)
        finish(slots, later[:1], "crowded")
        limits.append(slots.limit)
        return limits

    assert asyncio.run(play()) == [16.0, 16.0, 16.0 * 0.8]


def test_other_failures_pause_growth_and_shrink_nothing():
    async def play() -> list[float]:
        slots, limits = Slots(100), []
        numbers = await take(slots, 20)
        slots.failed(numbers[0])
        slots.answered(numbers[1])
        limits.append(slots.limit)
        finish(slots, [], "answered")
        slots.free()
        [later] = await take(slots, 1)
        slots.answered(later)
        limits.append(slots.limit)
        return limits

    assert asyncio.run(play()) == [20.0, 21.0]


def test_never_more_than_the_limit_and_nobody_waits_for_ever():
    async def play() -> int:
        slots, most = Slots(3), 0

        async def one() -> None:
            nonlocal most
            number = await slots.take()
            most = max(most, slots.in_flight)
            await asyncio.sleep(0)
            getattr(slots, random.choice(["answered", "crowded", "failed"]))(number)
            slots.free()

        tasks = [asyncio.create_task(one()) for _ in range(200)]
        await asyncio.sleep(0)
        for task in tasks[10:50]:
            task.cancel()
        async with asyncio.timeout(60):
            await asyncio.gather(*tasks, return_exceptions=True)
        assert slots.in_flight == 0
        return most

    assert asyncio.run(play()) <= 3


def test_the_gate_opens_when_the_longest_wait_is_over():
    async def play() -> list[str]:
        order: list[str] = []
        ends = {1.0: asyncio.Event(), 2.0: asyncio.Event()}

        async def pause(seconds: float) -> None:
            await ends[seconds].wait()
            order.append(f"waited {seconds:g}")

        gate = Gate(pause)

        async def enter() -> None:
            await gate.passed()
            order.append("in")

        holds = [asyncio.create_task(gate.hold(seconds)) for seconds in ends]
        await asyncio.sleep(0)
        entering = asyncio.create_task(enter())
        for event in ends.values():
            event.set()
            await asyncio.sleep(0)
            await asyncio.sleep(0)
        await asyncio.gather(*holds, entering)
        return order

    assert asyncio.run(play()) == ["waited 1", "waited 2", "in"]


def test_a_rate_spreads_requests_over_the_minute():
    now = 100.0
    rate = Rate(60, clock=lambda: now)
    assert [rate.take(1) for _ in range(4)] == [0.0, 1.0, 2.0, 3.0]
    rate.correct(-2)
    assert rate.take(1) == 2.0
    now = 200.0
    assert [rate.take(1) for _ in range(3)] == [0.0, 1.0, 2.0]
    assert Rate(None).take(10**9) == 0.0


def test_backoff_doubles_with_jitter_up_to_half_a_minute():
    rng = random.Random(0)
    for attempt in range(12):
        waits = [backoff(attempt, rng) for _ in range(200)]
        top = min(30.0, 0.5 * 2**attempt)
        assert 0 <= min(waits) < max(waits) <= top
        assert max(waits) > top / 2


def test_retry_after_is_read_as_seconds_or_a_date():
    assert retry_after("17", NOW) == 17.0
    assert retry_after(" 0.5 ", NOW) == 0.5
    assert retry_after("Thu, 01 Jan 2026 00:01:30 GMT", NOW) == 90.0
    assert retry_after("Wed, 21 Oct 2015 07:28:00 GMT", NOW) == 0.0
    for odd in (None, "", "soon", "inf", "nan", "-5"):
        assert retry_after(odd, NOW) in (None, 0.0)
