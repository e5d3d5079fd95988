"""A ledger's database as threads use it: whole transactions, rows by name, errors in a person's words."""

import threading
from collections.abc import Callable, Generator, Iterable, Sequence
from contextlib import contextmanager
from functools import wraps
from typing import Any, Concatenate, ParamSpec, Self, TypeVar

from ...datasets.errors import InputError
from .ledger_place import LedgerPlace, place_of, shown
from .ledger_sqlite import SQLiteStore
from .ledger_store import Store, Values

A = TypeVar("A", bound="LedgerAccess")
T = TypeVar("T")
P = ParamSpec("P")
_CHUNK = 1000


def whole(
    method: "Callable[Concatenate[A, P], T]",
) -> "Callable[Concatenate[A, P], T]":
    """Make a method one transaction; doing it twice has to be as good as once."""

    @wraps(method)
    def once(self: A, *args: P.args, **named: P.kwargs) -> T:
        return self.atomically(lambda: method(self, *args, **named))

    return once


class LedgerAccess:
    """One open database, for any number of threads.

    Args:
        place: A SQLite file, made if it isn't there, or the URL of a PostgreSQL.

    Raises:
        InputError: If it can't be used, or was made by a newer version.
        ConfigError: If the URL can't be read, or what PostgreSQL needs is not installed.
    """

    def __init__(self, place: LedgerPlace) -> None:
        self.place = place = place_of(place) if isinstance(place, str) else place
        self._lock = threading.RLock()
        self._is_writing = False
        self._errors: tuple[type[Exception], ...] = SQLiteStore.errors
        if isinstance(place, str):
            from .ledger_postgres import PostgresStore, errors

            self._errors = errors()
            with self._explained():
                self._db: Store = PostgresStore(place)
        else:
            with self._explained():
                self._db = SQLiteStore(place)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the database."""
        with self._lock:
            self._db.close()

    @contextmanager
    def transaction(self) -> Generator[None]:
        """Commit everything that is written inside at once: all of it or nothing.

        Raises:
            InputError: If it can't be kept; also if a server was lost meanwhile that is back by now.
        """
        with self._lock, self._explained(), self._alone():
            yield

    def atomically(self, do: Callable[[], T]) -> T:
        """Do something in one transaction, anew if the server was lost: twice must be as good as once.

        Raises:
            InputError: If it can't be kept.
        """

        def alone() -> T:
            with self._alone():
                return do()

        with self._lock, self._explained():
            # Inside of a transaction, only all of it could be done again.
            return do() if self._is_writing else self._db.again(alone)

    def compact(self) -> None:
        """Give the space of forgotten requests back to the disk."""
        with self._lock, self._explained():
            self._db.compact()

    def select(self, query: str, keys: Sequence[str]) -> Iterable[tuple[Any, ...]]:
        """Run a query that ends in its WHERE clause for many keys."""
        found: list[tuple[Any, ...]] = []
        with self._lock, self._explained():
            for start in range(0, len(keys), _CHUNK):
                part = keys[start : start + _CHUNK]
                marks = ",".join("?" * len(part))
                found += self._db.execute(f"{query} AND key IN ({marks})", part).fetchall()
        return found

    def query(self, query: str, values: tuple[Any, ...] = ()) -> list[dict[str, Any]]:
        """Run one statement and return its rows, by name."""
        with self._lock, self._explained():
            cursor = self._db.execute(query, values)
            if cursor.description is None:
                return []
            names = [column[0] for column in cursor.description]
            return [dict(zip(names, row, strict=True)) for row in cursor]

    @whole
    def write(self, query: str, rows: Iterable[Values]) -> None:
        """Run one statement for every row of values."""
        self._db.write(query, rows)

    @contextmanager
    def _alone(self) -> Generator[None]:
        if self._is_writing:
            yield
            return
        with self._db.transaction():
            self._is_writing = True
            try:
                yield
            finally:
                self._is_writing = False

    @contextmanager
    def _explained(self) -> Generator[None]:
        try:
            yield
        except self._errors as error:
            hint = "Check that it is a ledger, that its folder can be written and the disk has room"
            if isinstance(self.place, str):
                hint = "Check that the server runs and lets you in, and that you may make a schema there"
            why = " ".join(str(error).split())
            raise InputError(f"{shown(self.place)}: can't be used as a ledger: {why}", hint=hint) from error
