"""What the benchmarks of panels share: labelled abacus solutions, and five simulated judges.

Half of the solutions, or as many as asked for, have one planted error, the types in turn; the others are
right. The truth is the oracle's.
"""

import sys
from collections.abc import Sequence
from pathlib import Path
from random import Random

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "tests"))

from firstfault.datasets.abacus import generate
from firstfault.datasets.injector import right_solution
from firstfault.datasets.oracle import oracle
from firstfault.datasets.records import ErrorType, Split, Verdict
from firstfault.judge.case import Case
from firstfault.loop.truth import injected_errors
from simulated import Confusion, SimulatedJudge, truths

ACCURACIES = (0.70, 0.74, 0.78, 0.82, 0.85)
"""How often each judge names the first fault, or its absence, exactly."""
TYPE_ACCURACY = 0.75
"""How often each says the right type of a fault."""
INFORMATIVE = (0.85, 0.6)
FLAT = (0.8, 0.8)
"""Mean confidence of a right and of a wrong verdict: one that tells, and one that says nothing."""

Pairs = Sequence[tuple[Case, Verdict]]
"""Cases with what is true of them."""

ASKED = tuple(kind for kind in ErrorType if kind is not ErrorType.DEGENERATE)
"""What a language model is asked about: degenerate solutions are labelled by their form."""


def labelled_cases(
    count: int, *, faulty: float = 0.5, types: Sequence[ErrorType] = tuple(ErrorType), seed: int = 0
) -> list[tuple[Case, Verdict]]:
    """Make cases with their truth, in an order that mixes them."""
    planted = round(count * faulty)
    problems = generate(Split.MINING, count, seed=seed)
    known = {problem.id: problem for problem in problems}
    errors = injected_errors(problems[:planted], planted, types)
    cases = [Case(known[one.solution.problem_id], one.solution) for one in errors]
    cases += [Case(problem, right_solution(problem)) for problem in problems[planted:]]
    Random(seed).shuffle(cases)
    return [(case, oracle(case.problem, case.solution)) for case in cases]


def simulated_judges(
    cases: Sequence[Case], *, shared: float, tells: tuple[float, float], seed: int = 0
) -> list[SimulatedJudge]:
    """Make the five judges, the least accurate first."""
    known = truths(cases)
    return [
        SimulatedJudge(
            known,
            name=f"judge-{number}",
            accuracy=accuracy,
            confusion=confusion(TYPE_ACCURACY),
            shared=shared,
            tells=tells,
            seed=seed,
        )
        for number, accuracy in enumerate(ACCURACIES, 1)
    ]


def confusion(accuracy: float) -> Confusion:
    """Every type is taken for each of the others alike."""
    others = len(ErrorType) - 1
    return {
        true: {said: accuracy if said is true else (1 - accuracy) / others for said in ErrorType}
        for true in ErrorType
    }
