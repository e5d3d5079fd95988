"""How the symbolic judge does on real solutions.

On ProcessBench (labels by people): false alarms on solutions labelled -1, and how often a flagged step
is the labelled one. On long regressions of GPTQ at 3 bits: the slowest item.

    python benchmarks/symbolic_processbench.py [DATA] [--json] [--show]
"""

import argparse
import json
import time
from pathlib import Path

from firstfault.annotate.steps import split_steps
from firstfault.datasets.records import Problem, Solution, Verdict, VerdictStatus
from firstfault.judge.agreement import Agreement, measure_agreement
from firstfault.judge.case import Case
from firstfault.judge.item import ItemCase, truth
from firstfault.judge.processbench import read_cases
from firstfault.judge.symbolic import SymbolicJudge

FILES = ("gsm8k", "math")


def judge_file(path: Path) -> list[tuple[ItemCase, Verdict, Verdict]]:
    """Judge every labelled item of a ProcessBench file: (item, verdict, truth)."""
    judged = []
    for item in read_cases(path):
        known = truth(item)
        if item.case and known:
            [verdict] = SymbolicJudge().judge([item.case])
            judged.append((item, verdict, known))
    return judged


def judge_regressions(path: Path) -> dict[str, float]:
    """Judge the long texts of a quantized model; seconds are CPU time of one item."""
    seconds, flagged = [], 0
    for line in path.read_text(encoding="utf-8").splitlines():
        row = json.loads(line)
        problem = Problem(question=row["problem"], answer=row["gold"])
        text = row["gptq_w3_text"]
        thinking, steps = split_steps(text)
        # The thinking is most of these texts; as steps it is the hardest input there is.
        for parts in (steps, (*(thinking or "").split("\n\n"), *steps)):
            solution = Solution(problem_id=problem.id, model="gptq-w3", text=text, steps=parts)
            started = time.process_time()
            [verdict] = SymbolicJudge().judge([Case(problem, solution)])
            seconds.append(time.process_time() - started)
        flagged += verdict.status is VerdictStatus.FAULTY
    return {"items": len(seconds) // 2, "slowest_seconds": round(max(seconds), 3), "flagged": flagged}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("data", nargs="?", type=Path, default=Path("../shared/data"))
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--show", action="store_true", help="print every false alarm and mismatch")
    arguments = parser.parse_args()
    judged = {name: judge_file(arguments.data / "processbench-dev" / f"{name}.json") for name in FILES}
    if arguments.show:
        for item, verdict, known in (one for rows in judged.values() for one in rows):
            if verdict.status is VerdictStatus.FAULTY and verdict.first_fault != known.first_fault:
                print(
                    f"{item.id}: step {verdict.first_fault}, people {known.first_fault}: {verdict.rationale}"
                )
    judged["together"] = [row for name in FILES for row in judged[name]]
    results = {
        name: measure_agreement("symbolic", [(verdict, known) for _, verdict, known in rows])
        for name, rows in judged.items()
    }
    regressions = judge_regressions(arguments.data / "gptq-w3-vs-w4" / "math500_w3_wrong_w4_right.jsonl")
    if arguments.json:
        dumped = {name: result.model_dump(mode="json") for name, result in results.items()}
        print(json.dumps({"processbench": dumped, "regressions": regressions}, indent=1))
        return
    print(f"{'':9}{'clean':>6}{'false alarms':>26}{'faulty':>8}{'flagged':>9}{'step right':>26}")
    for name, result in results.items():
        print(_row(name, result))
    print(
        f"\n{regressions['items']} GPTQ regressions: slowest item {regressions['slowest_seconds']} CPU s, "
        f"{regressions['flagged']} flagged"
    )


def _row(name: str, result: Agreement) -> str:
    cells = []
    for share in (result.false_alarms, result.flagged_right):
        cells.append(f"{share.value:.1%} [{share.low:.1%}, {share.high:.1%}]" if share else "-")
    return (
        f"{name:9}{result.clean:>6}{cells[0]:>26}{result.faulty:>8}"
        f"{f'{result.flagged} ({result.flagged / result.faulty:.0%})':>9}{cells[1]:>26}"
    )


if __name__ == "__main__":
    main()
