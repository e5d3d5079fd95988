"""What became of the candidates of a Silver Bullet set: gate after gate, how many were dropped and why."""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from typing import NamedTuple, TypeVar

from pydantic import Field

from .records import Record

T = TypeVar("T")


class Gate(Record):
    """One gate of the funnel."""

    name: str
    """What is true of those that passed, e.g. `located`."""
    meaning: str
    """The same as a sentence, for people."""
    entered: int = Field(ge=0)
    dropped: dict[str, int] = {}
    """Number dropped by reason, most frequent first."""

    @property
    def kept(self) -> int:
        """How many passed."""
        return self.entered - sum(self.dropped.values())

    @property
    def reasons(self) -> str:
        """How many were dropped for which reason, as a phrase; empty if none was."""
        return ", ".join(f"{count} {reason}" for reason, count in self.dropped.items())


class _Count(NamedTuple):
    name: str
    meaning: str
    outcomes: Counter[str | None]
    """By reason; `None` for those that passed."""


class Funnel:
    """Gates in the order in which candidates meet them."""

    def __init__(self) -> None:
        self._counts: list[_Count] = []

    @property
    def gates(self) -> list[Gate]:
        """What is counted so far."""
        return [
            Gate(
                name=name,
                meaning=meaning,
                entered=outcomes.total(),
                dropped=dict(
                    sorted(
                        ((reason, count) for reason, count in outcomes.items() if reason is not None),
                        key=lambda entry: (-entry[1], entry[0]),
                    )
                ),
            )
            for name, meaning, outcomes in self._counts
        ]

    def gate(
        self, name: str, meaning: str, items: Iterable[T], why: Callable[[T], str | None]
    ) -> Iterator[T]:
        """Put items through a gate, one by one as they are asked for.

        Args:
            name: What is true of those that pass.
            meaning: The same as a sentence.
            items: Those that meet it.
            why: The reason to drop an item; `None` lets it pass.

        Returns:
            Those that pass, in order. What is counted is what was asked for.
        """
        outcomes = self.count(name, meaning)

        def passing() -> Iterator[T]:
            for item in items:
                reason = why(item)
                outcomes[reason] += 1
                if reason is None:
                    yield item

        return passing()

    def count(self, name: str, meaning: str) -> Counter[str | None]:
        """Add a gate and return its counts, by reason and `None` for those that passed, to be filled."""
        outcomes: Counter[str | None] = Counter()
        self._counts.append(_Count(name, meaning, outcomes))
        return outcomes
