"""What a ledger in a file tells those who only look on: they claim nothing and wait for nobody who writes."""

import sqlite3
from contextlib import closing
from pathlib import Path

from ...datasets.errors import InputError

_BUSY_SECONDS = 1.0


def spent(path: Path) -> float:
    """Return what all answers of a ledger have cost, in US dollars.

    Raises:
        InputError: If it is no ledger, or can't be read.
    """
    # Nobody has it open where there is no log. SQLite would make one to read, and leave it behind, as a file
    # of ours in which the ledger's owner may not be able to write.
    is_open = Path(f"{path}-wal").exists()
    address = f"{path.resolve().as_uri()}?mode=ro{'' if is_open else '&immutable=1'}"
    try:
        with closing(sqlite3.connect(address, timeout=_BUSY_SECONDS, uri=True)) as db:
            return float(db.execute("SELECT coalesce(sum(price), 0.0) FROM requests").fetchone()[0])
    except sqlite3.Error as error:
        raise InputError(
            f"{path}: can't be read as a ledger: {error}", hint="`firstfault ledger show FILE` says more"
        ) from error
