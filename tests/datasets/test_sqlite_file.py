"""SQLite files that several processes open at the same time."""

import sqlite3
import threading
from collections.abc import Generator
from pathlib import Path

import pytest
from firstfault.datasets.sqlite_file import share


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "some.sqlite"


@pytest.fixture
def writing(path: Path) -> Generator[sqlite3.Connection]:
    """Somebody else, who has just opened the file and writes."""
    db = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
    db.execute("BEGIN IMMEDIATE")
    yield db
    db.close()


def refused_at_once(path: Path) -> sqlite3.Connection:
    """A connection that SQLite lets wait for nothing, as it does where two switch a file at once."""
    return sqlite3.connect(path, timeout=0, isolation_level=None, check_same_thread=False)


def mode(db: sqlite3.Connection) -> str:
    return db.execute("PRAGMA journal_mode").fetchone()[0]


def test_who_is_refused_tries_again_until_the_other_is_done(path: Path, writing: sqlite3.Connection):
    db = refused_at_once(path)
    tries: list[str] = []
    tried_twice = threading.Event()

    def note(statement: str) -> None:
        tries.append(statement)
        if len(tries) == 2:
            tried_twice.set()

    db.set_trace_callback(note)
    waiting = threading.Thread(target=share, args=(db, 60.0))
    waiting.start()
    assert tried_twice.wait(60)
    writing.execute("COMMIT")
    waiting.join(60)
    assert not waiting.is_alive()
    db.set_trace_callback(None)
    assert mode(db) == "wal"
    assert db.execute("PRAGMA synchronous").fetchone() == (1,)
    db.close()


def test_a_file_that_stays_busy_is_refused_in_time(path: Path, writing: sqlite3.Connection):
    db = refused_at_once(path)
    with pytest.raises(sqlite3.OperationalError, match="locked"):
        share(db, 0.0)
    assert writing.in_transaction
    db.close()


def test_what_no_waiting_helps_is_raised_at_once(path: Path):
    sqlite3.connect(path).executescript("CREATE TABLE t (a)").connection.close()
    db = sqlite3.connect(f"file:{path}?mode=ro", uri=True)
    with pytest.raises(sqlite3.OperationalError, match="readonly"):
        share(db, 3600.0)
    db.close()
