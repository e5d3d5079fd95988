"""A SQLite file that several processes of one machine open, read and write at the same time."""

import sqlite3
import time

_PAUSE = 0.01


def share(db: sqlite3.Connection, seconds: float) -> None:
    """Make a connection, outside of a transaction, one of many: readers go on while somebody writes.

    A commit survives the death of the process at once, and that of the machine at the next checkpoint.

    Args:
        db: The connection.
        seconds: How long to wait for others who have just opened the file.

    Raises:
        sqlite3.OperationalError: If it can't be had, or not in time.
    """
    until = time.monotonic() + seconds
    while True:
        try:
            db.execute("PRAGMA journal_mode = WAL")
            break
        except sqlite3.OperationalError as error:
            # Where two change it at once, waiting could be for ever: SQLite refuses one of them at once,
            # whatever its timeout (https://sqlite.org/c3ref/busy_handler.html).
            if error.sqlite_errorcode & 0xFF != sqlite3.SQLITE_BUSY or time.monotonic() > until:
                raise
            time.sleep(_PAUSE)
    db.execute("PRAGMA synchronous = NORMAL")
