"""A database that is away for a while, as at its restart: who can wait does, nothing ends by it."""

import logging
import sqlite3
import time
from collections.abc import Callable
from typing import TypeVar

from sqlalchemy.exc import InterfaceError, OperationalError, TimeoutError

T = TypeVar("T")
_PAUSE = 1.0
_TOLD_EVERY = 30.0
_LOG = logging.getLogger(__name__)


def is_outage(error: BaseException) -> bool:
    """Whether an error says that the database does not answer now, and nothing of what it was asked."""
    if isinstance(error, TimeoutError):
        # All connections are taken.
        return True
    if not isinstance(error, OperationalError | InterfaceError):
        return False
    # SQLite calls a missing table by the same name as one that is locked.
    return not isinstance(error.orig, sqlite3.Error) or "locked" in str(error.orig)


def patient(do: Callable[[], T]) -> T:
    """Do something, again and again while the database is away: twice must be as good as once."""
    told = 0.0
    while True:
        try:
            return do()
        except (OperationalError, InterfaceError, TimeoutError) as error:
            if not is_outage(error):
                raise
            if time.monotonic() - told > _TOLD_EVERY:
                told = time.monotonic()
                _LOG.warning("the database does not answer, it is waited for: %s", error)
            time.sleep(_PAUSE)
