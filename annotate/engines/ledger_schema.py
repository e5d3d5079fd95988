"""The tables of a ledger, and how those of older versions become today's."""

import sqlite3
from collections.abc import Callable
from pathlib import Path
from typing import Any

from ...datasets.errors import InputError

# Appended to, never changed: a ledger's user_version counts those it has been through.
_MIGRATIONS: tuple[tuple[str, ...], ...] = (
    (
        """CREATE TABLE requests (
            key TEXT NOT NULL UNIQUE,
            state TEXT NOT NULL CHECK (state IN ('answered', 'failed')),
            endpoint TEXT NOT NULL,
            model TEXT NOT NULL,
            answer TEXT,
            reason TEXT,
            requests INTEGER,
            prompt_tokens INTEGER,
            completion_tokens INTEGER,
            latency REAL,
            price REAL,
            created REAL NOT NULL
        )""",
        """CREATE TABLE claims (
            key TEXT PRIMARY KEY,
            claimant TEXT NOT NULL,
            until REAL NOT NULL
        ) WITHOUT ROWID""",
        "CREATE INDEX claims_by_claimant ON claims (claimant)",
    ),
    (
        """CREATE TABLE batches (
            token TEXT PRIMARY KEY,
            endpoint TEXT NOT NULL,
            model TEXT NOT NULL,
            claimant TEXT NOT NULL,
            remote TEXT,
            created REAL NOT NULL
        ) WITHOUT ROWID""",
        """CREATE TABLE batched (
            key TEXT PRIMARY KEY,
            token TEXT NOT NULL REFERENCES batches
        ) WITHOUT ROWID""",
        "CREATE INDEX batched_by_token ON batched (token)",
    ),
)


def migrate_sqlite(db: sqlite3.Connection, path: Path) -> None:
    """Bring a ledger in a file to today's tables.

    Raises:
        InputError: If it was made by a newer version, or is a database of something else.
    """
    if _version(db) == len(_MIGRATIONS):
        return
    # Another process may be doing the same.
    db.execute("BEGIN IMMEDIATE")
    try:
        version = _version(db)
        _refuse_newer(version, str(path))
        if version == 0 and db.execute("SELECT count(*) FROM sqlite_master").fetchone()[0]:
            raise InputError(f"{path}: a database, but not a ledger", hint="Name another file")
        for statements in _MIGRATIONS[version:]:
            for statement in statements:
                db.execute(statement)
        db.execute(f"PRAGMA user_version = {len(_MIGRATIONS)}")
    except BaseException:
        db.execute("ROLLBACK")
        raise
    db.execute("COMMIT")


def is_current(execute: Callable[[str], Any], schema: str) -> bool:
    """Whether a ledger in PostgreSQL has today's tables: seen by who may not make any."""
    if execute(f"SELECT to_regclass('{schema}.versions')").fetchone()[0] is None:
        return False
    return execute("SELECT version FROM versions").fetchone() == (len(_MIGRATIONS),)


def migrate_postgres(execute: Callable[[str], Any], schema: str, shown: str) -> None:
    """Bring a ledger in PostgreSQL to today's tables, within a transaction that is alone.

    Args:
        execute: Runs a statement.
        schema: Where the tables lie.
        shown: What the ledger is called in errors.

    Raises:
        InputError: If it was made by a newer version.
    """
    execute(f"CREATE SCHEMA IF NOT EXISTS {schema}")
    execute("CREATE TABLE IF NOT EXISTS versions (version INTEGER NOT NULL)")
    found = execute("SELECT version FROM versions").fetchone()
    version = int(found[0]) if found is not None else 0
    _refuse_newer(version, shown)
    for statements in _MIGRATIONS[version:]:
        for statement in statements:
            execute(_for_postgres(statement))
    execute("DELETE FROM versions")
    execute(f"INSERT INTO versions VALUES ({len(_MIGRATIONS)})")


def _for_postgres(statement: str) -> str:
    """Write a statement of a migration as PostgreSQL understands it."""
    if statement.startswith("CREATE TABLE requests ("):
        # In SQLite every row has a number by itself.
        statement = statement.replace("(", "(rowid BIGINT GENERATED ALWAYS AS IDENTITY,", 1)
    return statement.replace("REAL", "DOUBLE PRECISION").replace("WITHOUT ROWID", "")


def _refuse_newer(version: int, shown: str) -> None:
    if version > len(_MIGRATIONS):
        raise InputError(
            f"{shown}: made by a newer version of firstfault (format {version})",
            hint="Upgrade firstfault, or name another ledger",
        )


def _version(db: sqlite3.Connection) -> int:
    return int(db.execute("PRAGMA user_version").fetchone()[0])
