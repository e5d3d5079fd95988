"""How long curating takes and how much memory: very many judged solutions, and pairs at their first faults.

The solutions are abacus problems with planted faults with their own right continuations. Before the
clock starts, everything is written to Parquet as a run has it, and read back in a process that has seen
nothing else: its peak memory is reported whole.

    python benchmarks/curating.py [--verdicts 100000] [--json]
"""

import argparse
import json
import random
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import TypeVar

from firstfault.annotate.answers import extract_answer
from firstfault.annotate.grading import Grader
from firstfault.annotate.steps import prefix_before
from firstfault.datasets.abacus import generate
from firstfault.datasets.funnel import Funnel
from firstfault.datasets.gates import Candidate, Judged, check, judged, template_of
from firstfault.datasets.injector import inject, right_solution
from firstfault.datasets.overlap import References
from firstfault.datasets.records import ErrorType, Pair, Problem, Record, Solution, Split, Verdict
from firstfault.datasets.silver_bullet import CurateConfig, choose
from firstfault.datasets.store import parse_record, read_rows, write_records

ASK = "<|im_start|>user\n{}<|im_end|>\n<|im_start|>assistant\n"
FILES = (("problems.parquet", Problem), ("solutions.parquet", Solution), ("verdicts.parquet", Verdict))
R = TypeVar("R", bound=Record)
UNDECIDED = 0.05
"""Share of the verdicts on which the panel wants people."""


def write_run(folder: Path, count: int) -> None:
    """Write `count` judged regressions and their pairs."""
    rng = random.Random(0)
    problems: list[Problem] = []
    solutions: list[Solution] = []
    verdicts: list[Verdict] = []
    pairs: list[Pair] = []
    # Not every problem admits every fault.
    for problem in generate(Split.MINING, count + count // 2):
        kind = rng.choices(list(ErrorType), (5, 10, 70, 10, 5))[0]
        found = inject(problem, rng.randrange(problem.level or 1), kind)
        if found is None:
            continue
        solution = found.solution.model_copy(update={"model": "rtn", "correct": False})
        vote = found.truth.model_copy(update={"judge": "symbolic", "confidence": 0.9})
        more = {"judge": "panel", "votes": (vote,), "needs_review": rng.random() < UNDECIDED}
        problems.append(problem)
        solutions.append(solution)
        verdicts.append(found.truth.model_copy(update=more))
        pairs.append(pair_of(problem, solution, verdicts[-1], rng))
        if len(verdicts) == count:
            break
    write_records(folder / "problems.parquet", problems)
    write_records(folder / "held_out.parquet", generate(Split.HELD_OUT, 600))
    write_records(folder / "solutions.parquet", solutions)
    write_records(folder / "verdicts.parquet", verdicts)
    write_records(folder / "pairs.parquet", pairs)


def pair_of(problem: Problem, solution: Solution, verdict: Verdict, rng: random.Random) -> Pair:
    """Make the pair that full precision would."""
    fault = verdict.first_fault or 0
    prefix = prefix_before(solution.text, solution.steps, fault)
    right = right_solution(problem)
    return Pair(
        prompt=ASK.format(problem.question) + prefix,
        chosen=right.text[len(prefix_before(right.text, right.steps, fault)) :],
        rejected=solution.text[len(prefix) :].rstrip(),
        prefix=prefix,
        problem_id=problem.id,
        solution_id=solution.id,
        model=solution.model,
        step=fault,
        steps=len(solution.steps),
        error_type=verdict.error_type,
        finish=solution.finish,
        level=problem.level,
        template=template_of(problem),
        margin_full_precision=rng.uniform(0, 20),
        margin_variant=rng.gauss(-2, 3),
    )


def _rows(path: Path, kind: type[R]) -> Iterator[R]:
    return (parse_record(row, kind, where) for where, row in read_rows(path))


def along(items: Iterator[Judged], pairs: Iterator[Pair]) -> Iterator[Candidate]:
    """Match items with their pairs, which come in the same order."""
    for item in items:
        pair = next(pair for pair in pairs if pair.solution_id == item.solution.id)
        yield Candidate(item.problem, item.solution, pair)


def peak_megabytes() -> int:
    # What `getrusage` calls the peak is also that of the process that started this one.
    (line,) = re.findall(r"VmHWM:\s+(\d+) kB", Path("/proc/self/status").read_text())
    return round(int(line) * 1024 / 1e6)


def curate(folder: Path) -> dict[str, object]:
    """Curate what `write_run` wrote, as a run does, and say what it took."""
    started = time.perf_counter()
    references = {"held-out": References(_rows(folder / "held_out.parquet", Problem))}
    funnel, config = Funnel(), CurateConfig()
    with Grader() as grader:

        def reaches(problem: Problem, text: str) -> bool:
            return grader.grade(extract_answer(text), problem.answer).correct

        # One line of each file at a time: in memory are only the pairs that are left.
        items = map(Judged, *(_rows(folder / name, kind) for name, kind in FILES))
        candidates = along(judged(items, references, funnel), _rows(folder / "pairs.parquet", Pair))
        kept = check(candidates, reaches, funnel, longest=config.longest)
    checked = time.perf_counter()
    chosen = choose(kept, config, funnel)
    done = time.perf_counter()
    return {
        "verdicts": funnel.gates[0].entered,
        "seconds": round(done - started, 1),
        "gates": round(checked - started, 1),
        "choosing": round(done - checked, 1),
        "peak_mb": peak_megabytes(),
        "chosen": len(chosen.train),
        "funnel": {gate.name: [gate.entered, gate.dropped] for gate in funnel.gates},
    }


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--verdicts", type=int, default=100_000)
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--folder", type=Path, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.folder is not None:
        print(json.dumps(curate(arguments.folder)))
        return
    with tempfile.TemporaryDirectory() as name:
        write_run(Path(name), arguments.verdicts)
        command = [sys.executable, __file__, "--folder", name]
        said = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    found = json.loads(said)
    if arguments.json:
        print(json.dumps(found))
        return
    for key, value in found.items():
        print(f"{key:>10}  {value}")


if __name__ == "__main__":
    main()
