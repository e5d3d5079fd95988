"""The contract of what a ledger's rows lie in. Both databases are asked in the same words."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, Protocol

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

    def begin(self) -> None:
        """Begin a transaction, alone: nobody else writes until it ends."""
        ...

    def commit(self) -> None:
        """Keep what was written since."""
        ...

    def rollback(self) -> None:
        """Forget what was written since."""
        ...

    def execute(self, query: str, values: Values = ()) -> Rows:
        """Run a statement; values stand as `?` or `:name`."""
        ...

    def executemany(self, query: str, rows: Iterable[Values]) -> object:
        """Run a statement for every row of values."""
        ...

    def compact(self) -> None:
        """Give the space of what was deleted back."""
        ...

    def close(self) -> None:
        """End the connection."""
        ...
