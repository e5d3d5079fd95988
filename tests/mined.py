"""Regressions of a variant that never was: abacus problems with planted faults, and pairs made at them."""

import random
from collections.abc import Iterator, Sequence

from firstfault.annotate.steps import prefix_before
from firstfault.datasets.abacus import generate
from firstfault.datasets.gates import Candidate, Judged, template_of
from firstfault.datasets.injector import inject, right_solution
from firstfault.datasets.records import ErrorType, Pair, Problem, Solution, Split, Verdict

VARIANT = "rtn-w3g32"
FULL_PRECISION = "full_precision"
ASK = "<|im_start|>user\n{}<|im_end|>\n<|im_start|>assistant\n"


def planted(problems: Sequence[Problem], *, seed: int = 0) -> Iterator[Judged]:
    """Yield a wrong solution of each problem that admits a fault, with the truth as the panel's verdict."""
    rng = random.Random(seed)
    for problem in problems:
        kind = rng.choice(list(ErrorType))
        found = inject(problem, rng.randrange(problem.level or 1), kind, seed=seed)
        if found is None:
            continue
        solution = found.solution.model_copy(update={"model": VARIANT, "correct": False})
        vote = found.truth.model_copy(update={"judge": "symbolic", "confidence": 0.9})
        verdict = found.truth.model_copy(update={"judge": "panel", "votes": (vote,), "confidence": 0.9})
        yield Judged(problem, solution, verdict)


def regressions(count: int, *, split: Split = Split.MINING, seed: int = 0) -> list[Judged]:
    """Return judged regressions, `count` at most."""
    return list(planted(generate(split, count, seed=seed), seed=seed))


def full_precision(problem: Problem) -> Solution:
    """Return full precision's right solution."""
    return right_solution(problem).model_copy(update={"model": FULL_PRECISION, "correct": True})


def pair_of(item: Judged) -> Pair:
    """Make the pair that full precision would: its own steps from the fault on."""
    problem, solution, verdict = item
    assert verdict.first_fault is not None
    prefix = prefix_before(solution.text, solution.steps, verdict.first_fault)
    right = right_solution(problem)
    chosen = right.text[len(prefix_before(right.text, right.steps, verdict.first_fault)) :]
    return Pair(
        prompt=ASK.format(problem.question) + prefix,
        chosen=chosen,
        rejected=solution.text[len(prefix) :].rstrip(),
        prefix=prefix,
        problem_id=problem.id,
        solution_id=solution.id,
        model=solution.model,
        step=verdict.first_fault,
        steps=len(solution.steps),
        error_type=verdict.error_type,
        subtype=verdict.subtype,
        finish=solution.finish,
        level=problem.level,
        template=template_of(problem),
    )


def candidate(item: Judged) -> Candidate:
    """Return a regression with its pair."""
    return Candidate(item.problem, item.solution, pair_of(item))


def unsure(item: Judged) -> Judged:
    """Return a regression on which the panel wants people."""
    verdict: Verdict = item.verdict.model_copy(update={"needs_review": True})
    return item._replace(verdict=verdict)
