"""One budget for all processes of a cluster."""

import pytest
from firstfault.annotate.engines.endpoint import Budget
from firstfault.loop.executors import account


def test_the_place_of_a_killed_process_is_free_after_the_longest_request(monkeypatch: pytest.MonkeyPatch):
    clock = [0.0]
    monkeypatch.setattr(account.time, "monotonic", lambda: clock[0])
    kept = account._Account(Budget(usd=1.0), longest=60.0)
    # Until one is answered, nobody knows what one costs: it goes alone. This one never ends.
    assert kept.start()
    clock[0] = 80.0
    assert not kept.start()
    clock[0] = 91.0
    assert kept.start()
    assert not kept.start()
