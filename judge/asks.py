"""Requests that are written when they are looked at.

A conversation is many times longer than the case it is about. So that a hundred thousand cases take little
more memory than their own, what is asked about them is written anew whenever it is needed; those looked at
last stay at hand.
"""

from abc import abstractmethod
from collections.abc import Sequence
from functools import lru_cache
from typing import NamedTuple, overload

from ..annotate.engines.chat import Ask
from ..datasets.records import Usage
from .case import Case
from .schema import reply_schema
from .template import Style, conversation, repair

_AT_HAND = 2048


class Asks(Sequence[Ask]):
    """Requests by their number.

    Args:
        count: How many there are.
    """

    def __init__(self, count: int) -> None:
        self._at_hand = lru_cache(_AT_HAND)(self._write)
        self._count = count

    def __len__(self) -> int:
        return self._count

    @overload
    def __getitem__(self, number: int) -> Ask: ...
    @overload
    def __getitem__(self, number: slice) -> list[Ask]: ...
    def __getitem__(self, number: int | slice) -> Ask | list[Ask]:
        numbers = range(self._count)[number]
        return self._at_hand(numbers) if isinstance(numbers, int) else [self._at_hand(one) for one in numbers]

    @abstractmethod
    def key(self, number: int) -> str:
        """Return the key of a request, without writing it."""

    @abstractmethod
    def _write(self, number: int) -> Ask:
        """Write a request; always the same for a number."""


class FirstAsks(Asks):
    """The first request about every case and sample; its key is its number.

    Args:
        cases: Those that are to be asked about.
        style: How.
        samples: Requests per case.
    """

    def __init__(self, cases: Sequence[Case], style: Style, samples: int) -> None:
        super().__init__(len(cases) * samples)
        self._cases = cases
        self._style = style
        self._samples = samples

    def key(self, number: int) -> str:
        """Return the key of a request, without writing it."""
        return str(number)

    def place(self, number: int) -> int:
        """Return the index of the case that a request is about."""
        return number // self._samples

    def _write(self, number: int) -> Ask:
        case = self._cases[self.place(number)]
        schema = reply_schema(len(case.solution.steps))
        return Ask(self.key(number), conversation(case, self._style), schema, number % self._samples)


class Useless(NamedTuple):
    """An answer that could not be used, and may be mended."""

    first: int
    """Number of the request that it answers."""
    text: str
    complaint: str
    usage: Usage


class SecondAsks(Asks):
    """The requests that follow answers which could not be used.

    Args:
        firsts: The first requests.
        useless: Those answers, in the order of their requests here.
        style: As of the first requests.
    """

    def __init__(self, firsts: FirstAsks, useless: Sequence[Useless], style: Style) -> None:
        super().__init__(len(useless))
        self._firsts = firsts
        self._useless = useless
        self._style = style

    def key(self, number: int) -> str:
        """Return the key of a request, without writing it."""
        return f"{self._firsts.key(self._useless[number].first)}.again"

    def _write(self, number: int) -> Ask:
        one = self._useless[number]
        first = self._firsts[one.first]
        messages = repair(first.messages, one.text, one.complaint, self._style)
        return first._replace(key=self.key(number), messages=messages)
