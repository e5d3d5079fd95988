"""How much memory judging takes: a language model asked about very many solutions, one process, one ledger.

A server in a process of its own answers every request at once. The solutions are there before; measured is
how far the asking process grows from then on, while verdicts are read and dropped.

    python benchmarks/judge_memory.py [--items 100000] [--concurrency 256] [--json]
"""

import argparse
import json
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

from firstfault.annotate.engines.driver import OpenAIChat
from firstfault.annotate.engines.endpoint import Endpoint
from firstfault.annotate.engines.ledger import Ledger
from firstfault.datasets.records import Problem, Solution
from firstfault.judge.case import Case
from firstfault.judge.llm import LLMJudge
from judge_overhead import start_server

STEPS = ("4 boxes of 12 apples are 4 * 12 = 48 apples.", "With the 2 she buys she has 48 + 2 = 51 apples.")
REPLY = {
    "steps": [
        {"step": 1, "reason": "4 * 12 is 48.", "verdict": "right"},
        {"step": 2, "reason": "48 + 2 is 50.", "verdict": "wrong"},
    ],
    "first_fault": 2,
    "error_type": "execution",
    "subtype": "computation",
    "rationale": "48 + 2 is 50, not 51.",
    "corrected_step": "With the 2 she buys she has 48 + 2 = 50 apples.",
    "confidence": 0.9,
}


def case(number: int) -> Case:
    question = f"Mia has 4 boxes of 12 apples and buys 2 at stall {number}. How many has she?"
    problem = Problem(question=question, answer="50")
    return Case(problem, Solution(problem_id=problem.id, model="m", text="\n".join(STEPS), steps=STEPS))


def megabytes() -> float:
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * 4096 / 1e6


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--items", type=int, default=100_000)
    parser.add_argument("--concurrency", type=int, default=256)
    parser.add_argument("--json", action="store_true")
    arguments = parser.parse_args()
    server, url = start_server(0.0, json.dumps(REPLY))
    endpoint = Endpoint(
        model="m",
        base_url=url,
        concurrency=arguments.concurrency,
        timeout=3600,
    )
    with tempfile.TemporaryDirectory() as folder, Ledger(Path(folder) / "ledger.sqlite") as ledger:
        judge = LLMJudge(OpenAIChat(endpoint, ledger=ledger))
        statuses = Counter(
            verdict.status for verdict in judge.judge([case(-number) for number in range(1, 1001)])
        )
        cases = [case(number) for number in range(arguments.items)]
        before = peak = megabytes()
        started = time.process_time()
        statuses.clear()
        for verdict in judge.judge(cases):
            statuses[verdict.status] += 1
            if statuses.total() % 1000 == 0:
                peak = max(peak, megabytes())
            if statuses.total() % max(1, arguments.items // 10) == 0:
                print(f"{statuses.total()}: {peak - before:+.1f} MB", file=sys.stderr, flush=True)
        busy = time.process_time() - started
    server.terminate()
    assert statuses == {"faulty": arguments.items}, statuses
    figures = {
        "items": arguments.items,
        "before_mb": round(before, 1),
        "growth_mb": round(peak - before, 1),
        "cpu_ms_each": round(busy / arguments.items * 1e3, 3),
    }
    print(json.dumps(figures) if arguments.json else "\n".join(f"{k:16} {v}" for k, v in figures.items()))


if __name__ == "__main__":
    main()
