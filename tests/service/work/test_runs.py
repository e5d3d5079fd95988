"""What a run's files tell, read again only where they have changed."""

from pathlib import Path

import pytest
from firstfault.annotate.engines.ledger import Ledger
from firstfault.datasets.records import Usage
from firstfault.loop.folder import RunFolder
from firstfault.service.work import runs


def answer(ledger: Ledger, key: str, cost: float) -> None:
    ledger.store(key, "http://localhost:1/v1", "m", "{}", 0.25)
    ledger.settle(key, Usage(requests=1, prompt_tokens=10, completion_tokens=5), cost)


def test_what_a_run_has_cost_is_known_while_it_is_at_work(tmp_path: Path):
    folder = RunFolder(tmp_path)
    assert runs.cost(folder) is None
    with Ledger(folder.ledger_path) as ledger:
        assert runs.cost(folder) == 0
        answer(ledger, "a", 0.5)
        assert runs.cost(folder) == 0.5
        with ledger.transaction():
            answer(ledger, "b", 0.25)
            assert runs.cost(folder) == 0.5
        assert runs.cost(folder) == 0.75
    assert runs.cost(folder) == 0.75


def test_a_ledger_that_did_not_change_is_not_read_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    folder = RunFolder(tmp_path)
    with Ledger(folder.ledger_path) as ledger:
        answer(ledger, "a", 0.5)
        assert runs.cost(folder) == 0.5
        monkeypatch.setattr(runs, "spent", lambda _: pytest.fail("read again"))
        assert runs.cost(folder) == 0.5


def test_a_run_without_a_readable_ledger_has_no_cost(tmp_path: Path):
    folder = RunFolder(tmp_path)
    folder.ledger_path.write_text("no database" * 1000)
    assert runs.cost(folder) is None
