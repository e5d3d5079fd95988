"""A job survives its service and its workers."""

from pathlib import Path

from hostile import Hostile
from killed_service import CONCURRENCY, Killed, failing, judge_while_killing

COUNT = 240
KILLS = 4


def test_every_solution_ends_with_one_verdict_whoever_is_killed(tmp_path: Path, url: str):
    with Hostile(failing(3), delay=0.05) as server:
        killed = Killed(tmp_path, server, url)
        outcome = judge_while_killing(killed, server, count=COUNT, kills=KILLS, seed=3)
    assert [row["number"] for row in outcome.rows] == list(range(COUNT))
    assert {row["status"] for row in outcome.rows} == {"clean"}
    assert outcome.asked_again == 0
    # Only what was on its way when its asker died.
    assert outcome.bought_twice <= KILLS * CONCURRENCY
