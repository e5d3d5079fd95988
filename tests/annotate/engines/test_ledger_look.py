"""A look at a ledger that others write: it sees what they have kept, and is in nobody's way."""

from pathlib import Path

import pytest
from firstfault.annotate.engines.ledger import Ledger
from firstfault.annotate.engines.ledger_look import spent
from firstfault.datasets.errors import InputError
from firstfault.datasets.records import Usage

USAGE = Usage(requests=1, prompt_tokens=10, completion_tokens=5)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "what? 100%20 #1.sqlite"


def answer(ledger: Ledger, key: str, cost: float) -> None:
    ledger.store(key, "http://localhost:1/v1", "m", "{}", 0.25)
    ledger.settle(key, USAGE, cost)


def test_what_is_kept_counts_at_once_and_what_failed_costs_nothing(path: Path):
    with Ledger(path) as ledger:
        assert spent(path) == 0
        answer(ledger, "a", 0.5)
        assert spent(path) == 0.5
        answer(ledger, "b", 0.25)
        ledger.fail("c", "http://localhost:1/v1", "m", "HTTP 500")
        assert spent(path) == 0.75
    assert spent(path) == 0.75


def test_a_look_waits_for_nobody_who_writes(path: Path):
    with Ledger(path) as ledger:
        answer(ledger, "a", 0.5)
        with ledger.transaction():
            answer(ledger, "b", 0.25)
            assert spent(path) == 0.5


def test_a_look_changes_nothing_and_leaves_nothing(path: Path):
    with Ledger(path) as ledger:
        answer(ledger, "a", 0.5)
        ledger.claim(["b"])
        spent(path)
        assert ledger.query("SELECT key FROM claims") == [{"key": "b"}]
    before = path.stat()
    assert spent(path) == 0.5
    after = path.stat()
    assert (after.st_mtime_ns, after.st_size) == (before.st_mtime_ns, before.st_size)
    assert list(path.parent.iterdir()) == [path]


def test_what_is_no_ledger_is_said(path: Path):
    with pytest.raises(InputError, match="can't be read as a ledger"):
        spent(path)
    path.write_text("no database, however often it is looked at" * 100)
    with pytest.raises(InputError, match="can't be read as a ledger"):
        spent(path)
    assert list(path.parent.iterdir()) == [path]
