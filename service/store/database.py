"""The database: SQLite unless a URL of PostgreSQL says otherwise. Our tables and the queue's lie in one."""

import fcntl
import sqlite3
import time
from collections.abc import Generator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from alembic import command
from alembic.config import Config
from alembic.util import CommandError
from dbos import DBOS
from sqlalchemy import URL, Connection, Engine, create_engine, event, func, make_url, select, text
from sqlalchemy.exc import ArgumentError, SQLAlchemyError
from sqlalchemy.orm import Session, sessionmaker

from ...datasets.errors import ConfigError
from ...datasets.postgres_server import reaching
from ...datasets.sqlite_file import share
from .tables import Time

_MIGRATIONS = Path(__file__).parent / "migrations"
_BUSY_SECONDS = 60.0
_PAUSE = 0.1
_LOCK = 7_201_152
"""Of PostgreSQL's advisory locks, the one that keeps two from migrating at the same time."""


class Database:
    """Sessions on one database.

    Args:
        url: `sqlite:///FILE` or `postgresql://...`.

    Raises:
        ConfigError: If the URL is of another kind, or the database can't be reached.
    """

    def __init__(self, url: str) -> None:
        self.url = parsed(url)
        self.engine = _engine(_reached(self.url))
        self._sessions = sessionmaker(self.engine, expire_on_commit=False)
        self.check()

    @property
    def is_sqlite(self) -> bool:
        """Whether it is a file."""
        return self.url.get_backend_name() == "sqlite"

    def check(self) -> None:
        """Ask it something.

        Raises:
            ConfigError: If it does not answer.
        """
        try:
            with self.engine.connect() as connection:
                connection.execute(text("SELECT 1"))
        except SQLAlchemyError as error:
            shown = self.url.render_as_string(hide_password=True)
            why = str(error.__cause__ or error).splitlines()[0]
            raise ConfigError(
                f"--db: {shown} does not answer: {why}", hint="Check the address, and that it runs"
            ) from None

    def migrate(self) -> None:
        """Make the tables, ours and the queue's, or bring them up to date.

        Raises:
            ConfigError: If they were made by a newer version.
        """
        with self._alone():
            with self._changing() as connection:
                config = Config()
                config.set_main_option("script_location", str(_MIGRATIONS).replace("%", "%%"))
                config.attributes["connection"] = connection
                try:
                    command.upgrade(config, "head")
                except CommandError as error:
                    raise ConfigError(
                        f"--db: {error}", hint="The database is of a newer firstfault: install that one"
                    ) from None
            DBOS.migrate(self.queue_url)

    @contextmanager
    def _changing(self) -> Generator[Connection]:
        """Give a connection for migrations."""
        with self.engine.connect() as connection:
            if self.is_sqlite:
                # A table that is made anew would take along the rows that refer to it.
                connection.exec_driver_sql("PRAGMA foreign_keys = OFF")
                connection.commit()
            try:
                with connection.begin():
                    yield connection
            finally:
                connection.invalidate()

    @contextmanager
    def _alone(self) -> Generator[None]:
        """Keep other processes from migrating meanwhile, the queue's tables included."""
        if not self.is_sqlite:
            # Of the connection, and asked for again and again: one that waits for it in a transaction would
            # keep the queue's indexes from being made.
            with self.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
                while not connection.scalar(text(f"SELECT pg_try_advisory_lock({_LOCK})")):
                    time.sleep(_PAUSE)
                try:
                    yield
                finally:
                    connection.execute(text(f"SELECT pg_advisory_unlock({_LOCK})"))
            return
        with Path(f"{self.url.database}.lock").open("wb") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield

    @property
    def queue_url(self) -> str:
        """The URL as the queue takes it."""
        url = _reached(self.url)
        return url.set(drivername=url.get_backend_name()).render_as_string(hide_password=False)

    @contextmanager
    def session(self) -> Generator[Session]:
        """Give a session whose changes are committed at its end: all of them or none."""
        with self._sessions.begin() as session:
            yield session

    def time(self, session: Session) -> datetime:
        """Return the time by the database's clock, in UTC: those of machines that share it differ."""
        if self.is_sqlite:
            return now()
        return session.execute(select(func.clock_timestamp(type_=Time))).scalar_one()

    def close(self) -> None:
        """Close all connections."""
        self.engine.dispose()


def now() -> datetime:
    """Return the time, in UTC."""
    return datetime.now(UTC)


def parsed(url: str) -> URL:
    """Read the URL of a database.

    Raises:
        ConfigError: If it is of another kind.
    """
    try:
        read = make_url(url)
    except ArgumentError:
        read = None
    kind = read.get_backend_name() if read is not None else ""
    if read is None or kind not in ("sqlite", "postgresql") or not read.database:
        raise ConfigError(
            f"--db: {kind or 'that'} is no database that the service can use",
            hint="Give postgresql://USER:PASSWORD@HOST/NAME or sqlite:///FILE",
        )
    return read.set(drivername="postgresql+psycopg") if kind == "postgresql" else read


def _reached(url: URL) -> URL:
    return url if url.get_backend_name() == "sqlite" else url.update_query_dict(reaching(url.query))


def _engine(url: URL) -> Engine:
    if url.get_backend_name() != "sqlite":
        return create_engine(url, pool_size=20, max_overflow=10, pool_pre_ping=True)
    assert url.database is not None
    Path(url.database).parent.mkdir(parents=True, exist_ok=True)
    engine = create_engine(url, connect_args={"timeout": _BUSY_SECONDS}, pool_size=20)

    def configure(connection: sqlite3.Connection, _: Any) -> None:
        share(connection, _BUSY_SECONDS)
        connection.execute("PRAGMA foreign_keys = ON")

    event.listen(engine, "connect", configure)
    return engine
