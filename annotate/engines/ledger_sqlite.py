"""A ledger in one SQLite file, which threads and processes of one machine share."""

import sqlite3
import time
from collections.abc import Callable, Generator, Iterable
from contextlib import contextmanager
from pathlib import Path

from ...datasets.sqlite_file import share
from .ledger_schema import migrate_sqlite
from .ledger_store import T, Values

_BUSY_SECONDS = 60.0


class SQLiteStore:
    """The file.

    Args:
        path: Made if it isn't there. Not on a network file system, which SQLite's write-ahead log can't use.

    Raises:
        InputError: If it is no ledger, or was made by a newer version.
    """

    errors = (sqlite3.DatabaseError, OSError)

    def __init__(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self._db = sqlite3.connect(path, timeout=_BUSY_SECONDS, isolation_level=None, check_same_thread=False)
        try:
            migrate_sqlite(self._db, path)
            # The answers that the death of the machine may lose are worth less than a sync for each.
            share(self._db, _BUSY_SECONDS)
        except BaseException:
            self._db.close()
            raise

    def now(self) -> float:
        """Seconds since 1970: all who share a file have one clock."""
        return time.time()

    @contextmanager
    def transaction(self) -> Generator[None]:
        """Begin a transaction, alone; keep what is written inside, or nothing."""
        self._db.execute("BEGIN IMMEDIATE")
        try:
            yield
            self._db.execute("COMMIT")
        except BaseException:
            # A full disk may have ended it already.
            if self._db.in_transaction:
                self._db.execute("ROLLBACK")
            raise

    def again(self, do: Callable[[], T]) -> T:
        """Do something; a file is not lost."""
        return do()

    def execute(self, query: str, values: Values = ()) -> sqlite3.Cursor:
        """Run a statement."""
        return self._db.execute(query, values)

    def write(self, query: str, rows: Iterable[Values]) -> sqlite3.Cursor:
        """Run a statement for every row of values."""
        return self._db.executemany(query, rows)

    def compact(self) -> None:
        """Give the space of what was deleted back to the disk."""
        self._db.execute("VACUUM")

    def close(self) -> None:
        """Close the file."""
        self._db.close()
