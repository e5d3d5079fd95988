"""The contract of what a ledger's rows lie in. Both databases are asked in the same words."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from typing import Any, Protocol, TypeVar

T = TypeVar("T")
Values = Sequence[Any] | Mapping[str, Any]


class Rows(Protocol):
    """What a statement gave."""

    @property
    def description(self) -> Any:
        """Its columns; the first of each is the name."""
        ...

    @property
    def rowcount(self) -> int:
        """How many rows it changed."""
        ...

    def fetchall(self) -> list[Any]:
        """All rows."""
        ...

    def fetchone(self) -> Any:
        """The next row."""
        ...

    def __iter__(self) -> Iterator[Any]:
        """Row after row."""
        ...


class Store(Protocol):
    """One connection to a database, for one thread at a time."""

    def now(self) -> float:
        """Seconds since 1970, the same for all who share the database."""
        ...

    def transaction(self) -> AbstractContextManager[object]:
        """Begin a transaction, alone: nobody else writes until it ends. All of it is kept or nothing."""
        ...

    def again(self, do: Callable[[], T]) -> T:
        """Do something, anew if the database was lost meanwhile; twice must be as good as once."""
        ...

    def execute(self, query: str, values: Values = ()) -> Rows:
        """Run a statement; values stand as `?` or `:name`."""
        ...

    def write(self, query: str, rows: Iterable[Values]) -> object:
        """Run a statement for every row of values, in a transaction and at its end at the latest."""
        ...

    def compact(self) -> None:
        """Give the space of what was deleted back."""
        ...

    def close(self) -> None:
        """End the connection."""
        ...
