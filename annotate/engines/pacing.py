"""How fast an endpoint is asked: how many requests at a time, and how many a minute.

All of it belongs to one event loop, except `Rate`, which carries over from one to the next.
"""

import asyncio
import random
import time
from collections import deque
from collections.abc import Callable, Coroutine
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any

Pause = Callable[[float], Coroutine[Any, Any, object]]
"""Waits for some seconds; tests put in one that doesn't."""

FIRST_LIMIT = 20.0
_CUT = 0.8


class Slots:
    """A number of requests at a time that adapts to what the endpoint takes.

    It starts at 20 and doubles with every round of answers until the first 429, then grows by one a round.
    An episode of 429 cuts it to 0.8: all those that answer requests which were under way at the cut
    are the same episode. Other failures only pause growth until requests started later are answered.

    Args:
        most: Highest limit.
        first: Where to start, at most `most`.
    """

    def __init__(self, most: int, first: float = FIRST_LIMIT) -> None:
        self.limit = float(min(most, max(1.0, first)))
        self.in_flight = 0
        self._most = most
        self._started = 0
        self._cut_at = 0
        self._grows_after = 0
        self._is_crowded = False
        self._waiting: deque[asyncio.Future[None]] = deque()

    async def take(self) -> int:
        """Wait for a free slot; return the number of the request that gets it."""
        while self.in_flight >= int(self.limit):
            turn = asyncio.get_running_loop().create_future()
            self._waiting.append(turn)
            try:
                await turn
            except asyncio.CancelledError:
                # A turn that was given and not taken goes to the next.
                self._wake()
                raise
        self.in_flight += 1
        self._started += 1
        return self._started

    def free(self) -> None:
        """Give a slot back."""
        self.in_flight -= 1
        self._wake()

    def answered(self, number: int) -> None:
        """Take note that a request was answered, before its slot is given back."""
        is_needed = self.in_flight >= int(self.limit)
        if number > self._grows_after and is_needed:
            step = 1 / self.limit if self._is_crowded else 1.0
            self.limit = min(float(self._most), self.limit + step)
            self._wake()

    def crowded(self, number: int) -> None:
        """Take note of a 429."""
        self.failed(number)
        if number > self._cut_at:
            self._cut_at = self._started
            self._is_crowded = True
            self.limit = max(1.0, self.limit * _CUT)

    def failed(self, number: int) -> None:
        """Take note of a failure that says nothing about how many the endpoint takes."""
        if number > self._grows_after:
            self._grows_after = self._started

    def _wake(self) -> None:
        free = int(self.limit) - self.in_flight
        while free > 0 and self._waiting:
            turn = self._waiting.popleft()
            if not turn.done():
                turn.set_result(None)
                free -= 1


class Gate:
    """Holds back all requests while the endpoint wants to be left alone (Retry-After)."""

    def __init__(self, pause: Pause) -> None:
        self._pause = pause
        self._held_by = 0
        self._open = asyncio.Event()
        self._open.set()

    async def passed(self) -> None:
        """Wait until the gate is open."""
        while not self._open.is_set():
            await self._open.wait()

    async def hold(self, seconds: float) -> None:
        """Close the gate and wait for some seconds; it opens when nobody holds it any more."""
        self._held_by += 1
        self._open.clear()
        try:
            await self._pause(seconds)
        finally:
            self._held_by -= 1
            if not self._held_by:
                self._open.set()


class Rate:
    """An amount per minute, spent evenly: what is not used in a quiet time is not saved up.

    Args:
        per_minute: The limit; `None` for no limit.
        clock: Seconds that only go forward.
    """

    def __init__(self, per_minute: float | None, clock: Callable[[], float] = time.monotonic) -> None:
        self._seconds_each = 60 / per_minute if per_minute else 0.0
        self._clock = clock
        self._free_at = clock()

    def take(self, amount: float) -> float:
        """Spend an amount; return the seconds to wait before it may be used."""
        if not self._seconds_each:
            return 0.0
        now = self._clock()
        wait = max(0.0, self._free_at - now)
        self._free_at = max(self._free_at, now) + amount * self._seconds_each
        return wait

    def correct(self, amount: float) -> None:
        """Spend what was used beyond what was taken, or give back (a negative amount) what wasn't used."""
        self._free_at += amount * self._seconds_each


def backoff(attempt: int, rng: random.Random) -> float:
    """Return the seconds to wait after a failed attempt (0-based): doubling from 0.5 to 30, with jitter.

    Jitter is full (uniform from nothing to the whole): requests that failed together do not come back
    together ("Exponential Backoff And Jitter", AWS Architecture Blog, 2015).
    """
    return rng.uniform(0.0, min(30.0, 0.5 * 2.0**attempt))


def retry_after(value: str | None, now: datetime | None = None) -> float | None:
    """Read a Retry-After header, in seconds or as an HTTP date.

    Returns:
        Seconds from now, at least 0; `None` where there is no header or it can't be read.
    """
    text = (value or "").strip()
    if not text:
        return None
    try:
        seconds = float(text)
    except ValueError:
        try:
            until = parsedate_to_datetime(text)
        except ValueError:
            return None
        until = until if until.tzinfo else until.replace(tzinfo=UTC)
        seconds = (until - (now or datetime.now(UTC))).total_seconds()
    return max(0.0, seconds) if seconds < float("inf") else None
