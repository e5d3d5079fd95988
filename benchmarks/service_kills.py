"""A job whose service and workers are killed at random moments, against an endpoint that fails at times.

Every solution has to end with one verdict, none asked about again once its verdict was stored. What was on
its way when the asker died may be bought twice: that is counted.

    python benchmarks/service_kills.py [--items 2000] [--kills 20] [--seed 11] [--db URL]
"""

import argparse
import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "tests"))

from hostile import Hostile
from killed_service import Killed, failing, judge_while_killing


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--items", type=int, default=2000)
    parser.add_argument("--kills", type=int, default=20)
    parser.add_argument("--seed", type=int, default=11)
    parser.add_argument("--db", default=None)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder, Hostile(failing(arguments.seed), delay=0.05) as server:
        killed = Killed(Path(folder), server, arguments.db)
        outcome = judge_while_killing(
            killed, server, count=arguments.items, kills=arguments.kills, seed=arguments.seed
        )
        distinct = len({row["number"] for row in outcome.rows})
        answers = sum(server.answered.values())
    print(f"{arguments.items} solutions, {outcome.kills} kills")
    print(f"verdicts: {len(outcome.rows)}, on {distinct} solutions")
    print(f"asked again after their verdict: {outcome.asked_again}; answers: {answers}")
    print(f"bought twice, on their way when their asker died: {outcome.bought_twice}")


if __name__ == "__main__":
    main()
