import pytest
from firstfault.annotate.engines.chat import Answer, Ending
from firstfault.annotate.engines.headway import Headway
from firstfault.annotate.engines.spending import Spending
from firstfault.datasets.records import Usage


def test_what_is_to_come_is_reckoned_from_these_asks_alone():
    spending = Spending()
    spending.add(Usage(requests=1, prompt_tokens=900, completion_tokens=100), 5.0)  # another judge's
    headway = Headway(4, spending)
    kept = headway.count(Answer("0", Ending.STOP, from_ledger=True))
    assert (kept.usd, kept.usd_left, kept.tokens_left) == (5.0, 0.0, 0.0)
    spending.add(Usage(requests=1, prompt_tokens=80, completion_tokens=20), 0.25)
    asked = headway.count(Answer("1", Ending.STOP))
    assert (asked.usd, asked.tokens) == (5.25, 1100)
    assert (asked.usd_left, asked.tokens_left) == (pytest.approx(0.5), pytest.approx(200))
