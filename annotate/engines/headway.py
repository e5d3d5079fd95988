"""How far the asking is, what it has cost and how long it will take."""

import time
from collections.abc import Callable
from typing import NamedTuple

from .chat import Answer, Ending
from .spending import Spending


class Progress(NamedTuple):
    """Where a run of asks stands."""

    total: int
    done: int
    """Answers read so far, of any kind."""
    from_ledger: int
    failed: int
    unasked: int
    usd: float
    """Spent since the process began, by all that share the budget."""
    tokens: int
    usd_left: float
    """What the asks that are left will cost, at the mean of those before; 0 before there is one."""
    tokens_left: float
    seconds: float
    """Since the first request."""
    per_second: float
    """Answers per second that came over the network."""
    seconds_left: float | None
    """At that rate; `None` before there is one."""


class Headway:
    """Counts answers as they are read."""

    def __init__(self, total: int, spending: Spending, clock: Callable[[], float] = time.monotonic) -> None:
        self._total = total
        self._spending = spending
        self._clock = clock
        self._started = clock()
        self._before = (spending.usd, spending.tokens)
        self._counts = dict.fromkeys(("done", "from_ledger", "failed", "unasked"), 0)

    def start(self) -> None:
        """Take the time from now on: requests begin."""
        self._started = self._clock()

    def count(self, answer: Answer) -> Progress:
        """Take note of an answer and return where things stand."""
        counts = self._counts
        counts["done"] += 1
        counts["from_ledger"] += answer.from_ledger
        counts["failed"] += answer.ending is Ending.FAILED
        counts["unasked"] += answer.ending is Ending.UNASKED
        seconds = self._clock() - self._started
        asked = counts["done"] - counts["from_ledger"] - counts["unasked"]
        rate = asked / seconds if seconds > 0 else 0.0
        left = (self._total - counts["done"]) / asked if asked else 0.0
        return Progress(
            self._total,
            **counts,
            usd=self._spending.usd,
            tokens=self._spending.tokens,
            usd_left=left * (self._spending.usd - self._before[0]),
            tokens_left=left * (self._spending.tokens - self._before[1]),
            seconds=seconds,
            per_second=rate,
            seconds_left=(self._total - counts["done"]) / rate if rate else None,
        )
