"""A ledger in PostgreSQL, which machines share. Its tables lie in a schema of their own."""

import re
import time
from collections.abc import Callable, Generator, Iterable, Mapping
from contextlib import contextmanager
from functools import cache
from typing import Any

from ...datasets.errors import ConfigError
from ...datasets.postgres_server import reaching
from .ledger_place import shown
from .ledger_schema import is_current, migrate_postgres
from .ledger_store import Rows, T, Values
from .ledger_text import escaped, unescaped

_SCHEMA = "firstfault_ledger"
_LOCK = 7_201_153
"""Of PostgreSQL's advisory locks, the one that lets one transaction write at a time, as SQLite does."""
_PATIENCE = 30.0
"""Seconds in which a server that restarts may come back. With a third of a lease, less than a lease."""
_PAUSE = 0.5
_IDLE = 20.0
"""Seconds without a word in a transaction after which the server ends it: a process that is frozen there, or
whose machine is gone, must not keep all others waiting."""
_BUSY = 60.0
"""Seconds to wait until the others have written, as with SQLite."""


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
        self._pipeline: Any = None
        self._unsent: list[tuple[str, Any]] = []
        self._ahead = 0.0
        self._db = self._connect()
        try:
            if not is_current(self._db.execute, _SCHEMA):
                with self.transaction():
                    migrate_postgres(self.execute, _SCHEMA, shown(url))
        except BaseException:
            self._db.close()
            raise

    def now(self) -> float:
        """Seconds since 1970 by the server's clock, as of the last transaction: those of machines differ."""
        return time.time() + self._ahead

    @contextmanager
    def transaction(self) -> Generator[None]:
        """Begin a transaction, alone; keep what is written inside, or nothing."""
        # In a pipeline, what gives no rows is sent without waiting for the server: a hundred answers take
        # little longer than one.
        with self._db.pipeline() as pipeline, self._db.transaction():
            self._pipeline = pipeline
            try:
                # In this order: the clock is read once the lock is held.
                query = f"SELECT pg_advisory_xact_lock({_LOCK}), extract(epoch FROM clock_timestamp())"
                self._ahead = float(self.execute(query).fetchone()[1]) - time.time()
                yield
                self._send()
            finally:
                self._pipeline = None
                self._unsent.clear()

    def again(self, do: Callable[[], T]) -> T:
        """Do something, anew on a new connection where the old one was lost."""
        end = time.monotonic() + _PATIENCE
        while True:
            try:
                if self._db.closed:
                    self._db = self._connect()
                return do()
            except self._psycopg.OperationalError:
                if not self._db.closed or time.monotonic() > end:
                    raise
                time.sleep(_PAUSE)

    def execute(self, query: str, values: Values = ()) -> Rows:
        """Run a statement."""
        if self._pipeline is None:
            return self.again(lambda: self._db.execute(_translated(query), _writable(values)))
        self._send()
        rows = self._db.execute(_translated(query), _writable(values))
        self._pipeline.sync()
        return rows

    def write(self, query: str, rows: Iterable[Values]) -> object:
        """Run a statement for every row of values, in a transaction and at its end at the latest."""
        translated = _translated(query)
        self._unsent += [(translated, _writable(row)) for row in rows]

    def compact(self) -> None:
        """Do nothing: the server does so by itself."""

    def close(self) -> None:
        """End the connection."""
        self._db.close()

    def _send(self) -> None:
        # Not as it is written: a server that has part of a pipeline waits for the rest without end.
        for query, row in self._unsent:
            self._db.execute(query, row)
        self._unsent.clear()

    def _connect(self) -> Any:
        psycopg = self._psycopg
        given = psycopg.conninfo.conninfo_to_dict(self._url)
        settings = {
            "search_path": _SCHEMA,
            "idle_in_transaction_session_timeout": f"{_IDLE:.0f}s",
            "lock_timeout": f"{_BUSY:.0f}s",
        }
        db = psycopg.connect(
            autocommit=True,
            # Values are written into the statement: their types need not be guessed by the server.
            cursor_factory=psycopg.ClientCursor,
            **reaching(given, settings),
        )
        db.adapters.register_loader("text", _loader())
        return db


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
def _loader() -> Any:
    from psycopg.types.string import TextLoader

    class Loader(TextLoader):
        def load(self, data: Any) -> Any:
            text = super().load(data)
            return unescaped(text) if isinstance(text, str) else text

    return Loader


@cache
def _translated(query: str) -> str:
    """Write a statement as the driver takes it."""
    return re.sub(r":([a-z_]+)", r"%(\1)s", query.replace("%", "%%").replace("?", "%s"))


def _writable(values: Values) -> Any:
    if isinstance(values, Mapping):
        return {name: _escaped(value) for name, value in values.items()}
    return tuple(_escaped(value) for value in values)


def _escaped(value: Any) -> Any:
    return escaped(value) if isinstance(value, str) else value
