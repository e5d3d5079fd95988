"""Thousands of solutions judged through a hostile endpoint, by a process that is killed again and again.

Every solution has to end labelled, or `unscored` with the reason that is true of what the server really did
to it; none may be lost, and none asked about again after its answer was kept. What was on its way when the
process died may be bought twice: that is counted.

    python benchmarks/hostile_endpoint.py [--items 5000] [--kills 20] [--seed 0] [--json]
"""

import argparse
import json
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "tests"))

from firstfault.annotate.engines.driver import OpenAIChat
from firstfault.annotate.engines.endpoint import Endpoint
from firstfault.annotate.engines.fingerprint import Fingerprint
from firstfault.annotate.engines.ledger import Ledger
from firstfault.datasets.records import Problem, Solution, Usage, Verdict, VerdictStatus
from firstfault.judge.asks import SecondAsks, Useless
from firstfault.judge.case import Case
from firstfault.judge.llm import LLMJudge
from firstfault.judge.reply import Unusable, read_reply
from firstfault.judge.template import Style
from hostile import Hostile
from misdeeds import TIMEOUT, Misdeeds
from simulated_panel import ASKED, labelled_cases

_PATIENCE = 3600.0


def endpoint(url: str) -> Endpoint:
    return Endpoint(model="m", base_url=url, timeout=TIMEOUT, retries=4)


def write_cases(path: Path, cases: Sequence[Case]) -> None:
    lines = (f"{case.problem.model_dump_json()}\n{case.solution.model_dump_json()}\n" for case in cases)
    path.write_text("".join(lines))


def read_cases(path: Path) -> list[Case]:
    lines = path.read_text().splitlines()
    return [
        Case(Problem.model_validate_json(problem), Solution.model_validate_json(solution))
        for problem, solution in zip(lines[::2], lines[1::2], strict=True)
    ]


def work(url: str, ledger_path: Path, cases_path: Path) -> None:
    """What is killed: waits are cut to a hundredth, or the benchmark would mostly sleep."""
    import asyncio

    async def nap(seconds: float) -> None:
        await asyncio.sleep(seconds / 100)

    with Ledger(ledger_path) as ledger:
        judge = LLMJudge(OpenAIChat(endpoint(url), ledger=ledger, pause=nap))
        for verdict in judge.judge(read_cases(cases_path)):
            print(verdict.model_dump_json(), flush=True)


def conversations(judge: LLMJudge, url: str, cases: Sequence[Case], misdeeds: Misdeeds) -> dict[str, str]:
    """Last message of every request there can be, by its key in the ledger."""
    fingerprint = Fingerprint(endpoint(url))
    firsts, asked = judge.asks(cases)
    assert len(asked) == len(cases), "some solutions need no request"
    texts: dict[str, str] = {}
    useless: list[Useless] = []
    for number, ask in enumerate(firsts):
        text = ask.messages[-1].content
        texts[fingerprint.of(ask)] = text
        answer = misdeeds.answer(text).act.content or ""
        reply = read_reply(answer, len(cases[number].solution.steps), shown=text)
        if isinstance(reply, Unusable) and reply.mendable:
            useless.append(Useless(number, answer, reply.reason, Usage()))
    seconds = SecondAsks(firsts, useless, Style())
    texts |= {fingerprint.of(ask): ask.messages[-1].content for ask in seconds}
    return texts


def untrue(verdict: Verdict, case: Case, misdeeds: Misdeeds) -> str | None:
    """Say what a verdict is and what it should be, if it isn't what the server's last deed makes of it."""
    truth = misdeeds.outcome(case)
    if isinstance(truth, str):
        fits = verdict.status is VerdictStatus.UNSCORED and truth in (verdict.reason or "")
    else:
        fits = (verdict.first_fault, verdict.error_type) == (truth.fault, truth.error_type)
        fits = fits and verdict.status in (VerdictStatus.FAULTY, VerdictStatus.CLEAN)
    return None if fits else f"{verdict.status}: {verdict.reason}, where it should be {truth}"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--items", type=int, default=5000)
    parser.add_argument("--kills", type=int, default=20)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--work", nargs=3, metavar=("URL", "LEDGER", "CASES"), help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.work:
        work(arguments.work[0], Path(arguments.work[1]), Path(arguments.work[2]))
        return
    cases = [case for case, _ in labelled_cases(arguments.items, types=ASKED, seed=arguments.seed)]
    misdeeds = Misdeeds(cases, arguments.seed)
    rng = random.Random(arguments.seed)
    started = time.perf_counter()
    with tempfile.TemporaryDirectory() as folder, Hostile(misdeeds.plan) as server:
        ledger_path, cases_path = Path(folder) / "ledger.sqlite", Path(folder) / "cases.jsonl"
        write_cases(cases_path, cases)
        command = [sys.executable, __file__, "--work", server.url, str(ledger_path), str(cases_path)]
        judge = LLMJudge(OpenAIChat(endpoint(server.url)))
        texts = conversations(judge, server.url, cases, misdeeds)
        kept: dict[str, int] = {}
        asked_again = 0
        for kill in range(arguments.kills):
            process = subprocess.Popen(command, stdout=subprocess.DEVNULL)
            share = (kill + rng.random()) / (arguments.kills + 1)
            goal = max(len(server.answered) + 1, int(share * arguments.items * 0.9))
            server.wait_until(lambda server, goal=goal: len(server.answered) >= goal, seconds=_PATIENCE)
            os.kill(process.pid, signal.SIGKILL)
            process.wait()
            server.wait_until(lambda server: server.in_flight == 0, seconds=_PATIENCE)
            asked_again += sum(server.asked[text] > count for text, count in kept.items())
            with Ledger(ledger_path) as ledger:
                read = ledger.read(list(texts)).items()
            kept = {texts[key]: server.asked[texts[key]] for key, one in read if '"message"' in one.raw}
        done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True)
        asked_again += sum(server.asked[text] > count for text, count in kept.items())
        verdicts = [Verdict.model_validate_json(line) for line in done.stdout.splitlines()]
        unknown = set(server.asked) - set(texts.values())
        attempts, answered = server.asked.total(), server.answered
    figures = measure(cases, verdicts, misdeeds) | {
        "kills": arguments.kills,
        "seconds": round(time.perf_counter() - started, 1),
        "attempts": attempts,
        "asked_again_after_kept": asked_again,
        "bought_twice_in_flight": sum(count - 1 for count in answered.values()),
        "requests_that_nobody_made": len(unknown),
    }
    if arguments.json:
        print(json.dumps(figures))
    else:
        print("\n".join(f"{name:26} {value}" for name, value in figures.items()))


def measure(cases: Sequence[Case], verdicts: Sequence[Verdict], misdeeds: Misdeeds) -> dict[str, Any]:
    """What came of the solutions in the process that came to its end."""
    by_id = {verdict.solution_id: verdict for verdict in verdicts}
    found = [(by_id[case.solution.id], case) for case in cases if case.solution.id in by_id]
    wrong = [said for verdict, case in found if (said := untrue(verdict, case, misdeeds)) is not None]
    return {
        "items": len(cases),
        "lost": len(cases) - len(found),
        "twice": len(verdicts) - len(by_id),
        "untrue": len(wrong),
        "such_as": wrong[:5],
        "statuses": Counter(verdict.status.value for verdict in verdicts),
        "unscored_because": Counter(
            misdeeds.kind(case) for verdict, case in found if verdict.status is VerdictStatus.UNSCORED
        ),
    }


if __name__ == "__main__":
    main()
