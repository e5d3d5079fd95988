"""A ledger in PostgreSQL, which machines share. Its tables lie in a schema of their own."""

import re
import time
from collections.abc import Callable, Iterable, Mapping
from functools import cache
from typing import Any, TypeVar

from ...datasets.errors import ConfigError
from .ledger_place import shown
from .ledger_schema import migrate_postgres
from .ledger_store import Rows, Values

T = TypeVar("T")
_SCHEMA = "firstfault_ledger"
_LOCK = 7_201_153
"""Of PostgreSQL's advisory locks, the one that lets one transaction write at a time, as SQLite does."""
_PATIENCE = 30.0
"""Seconds in which a server that restarts may come back."""
_PAUSE = 0.5


class PostgresStore:
    """A connection that is made again when it was lost.

    Args:
        url: `postgresql://...`.

    Raises:
        ConfigError: If the driver is not installed.
        InputError: If the ledger was made by a newer version.
    """

    def __init__(self, url: str) -> None:
        self._url = url
        self._psycopg = _driver()
        self._in_transaction = False
        self._db = self._connect()
        try:
            self.begin()
            try:
                migrate_postgres(lambda query: self._db.execute(query), _SCHEMA, shown(url))
            except BaseException:
                self.rollback()
                raise
            self.commit()
        except BaseException:
            self._db.close()
            raise

    def begin(self) -> None:
        """Begin a transaction, alone."""
        self._again(self._begin)
        self._in_transaction = True

    def commit(self) -> None:
        """Keep what was written since."""
        self._in_transaction = False
        self._db.execute("COMMIT")

    def rollback(self) -> None:
        """Forget what was written since; the server does where it was lost."""
        self._in_transaction = False
        if not self._db.closed:
            self._db.execute("ROLLBACK")

    def execute(self, query: str, values: Values = ()) -> Rows:
        """Run a statement."""
        asked = _translated(query), _writable(values)
        if self._in_transaction:
            return self._db.execute(*asked)
        return self._again(lambda: self._db.execute(*asked))

    def executemany(self, query: str, rows: Iterable[Values]) -> object:
        """Run a statement for every row of values."""
        with self._db.cursor() as cursor:
            cursor.executemany(_translated(query), [_writable(row) for row in rows])

    def compact(self) -> None:
        """Do nothing: the server does so by itself."""

    def close(self) -> None:
        """End the connection."""
        self._db.close()

    def _connect(self) -> Any:
        return self._psycopg.connect(
            self._url,
            autocommit=True,
            # Values are written into the statement: their types need not be guessed by the server.
            cursor_factory=self._psycopg.ClientCursor,
            options=f"-c search_path={_SCHEMA}",
            connect_timeout=10,
        )

    def _begin(self) -> None:
        self._db.execute("BEGIN")
        self._db.execute(f"SELECT pg_advisory_xact_lock({_LOCK})")

    def _again(self, do: Callable[[], T]) -> T:
        """Do something that is whole by itself, again on a new connection where the old one was lost."""
        end = time.monotonic() + _PATIENCE
        while True:
            try:
                if self._db.closed:
                    self._db = self._connect()
                return do()
            except self._psycopg.OperationalError:
                if not self._db.closed and not self._db.broken:
                    raise
                self._db.close()
                if time.monotonic() > end:
                    raise
                time.sleep(_PAUSE)


def errors() -> tuple[type[Exception], ...]:
    """Return what a connection raises where it can't be used.

    Raises:
        ConfigError: If the driver is not installed.
    """
    return (_driver().Error,)


def _driver() -> Any:
    try:
        import psycopg
    except ImportError as error:
        raise ConfigError(
            f"a ledger in PostgreSQL needs {error.name}", hint="pip install 'firstfault[service]'"
        ) from None
    return psycopg


@cache
def _translated(query: str) -> str:
    """Write a statement as the driver takes it."""
    return re.sub(r":([a-z_]+)", r"%(\1)s", query.replace("%", "%%").replace("?", "%s"))


def _writable(values: Values) -> Any:
    # Its texts hold no NUL. An answer with one in it is no JSON, so that nothing is lost.
    if isinstance(values, Mapping):
        return {name: _without_nul(value) for name, value in values.items()}
    return tuple(_without_nul(value) for value in values)


def _without_nul(value: Any) -> Any:
    return value.replace("\0", "\ufffd") if isinstance(value, str) else value
