"""Comparing a variant with full precision on the same problems."""

from collections.abc import Iterable, Sequence

from ..datasets.errors import InputError
from ..datasets.records import Finish, Record, Solution
from .statistics import Interval, bootstrap_drop, mcnemar_p, wilson_interval


class Measurement(Record):
    """How one model did on a set of problems."""

    model: str
    n: int
    """Problems."""
    correct: int
    accuracy: Interval
    """Share solved, with its 95% Wilson interval."""
    well_formed: Interval | None
    """Share that follows the step format that was asked for (`steps.is_well_formed`), of the solutions where
    that is known, with its 95% Wilson interval: the model's adherence."""
    degenerate: float
    """Share that ended in a repetition loop."""
    cut_off: float
    """Share that reached the token limit."""
    tokens: float | None
    """Mean of generated tokens per solution, of the solutions where that is known."""


class Comparison(Record):
    """A variant against full precision, paired by problem."""

    n: int
    """Problems."""
    full_precision: Measurement
    variant: Measurement
    regressions: tuple[str, ...]
    """Ids of the problems that full precision alone solves, in its order."""
    improvements: tuple[str, ...]
    """Ids of the problems that the variant alone solves."""
    mcnemar_p: float
    """Exact two-sided p-value of the flips."""
    drop: Interval
    """Accuracy lost (positive: the variant is worse), with its 95% paired bootstrap interval."""


def measure(solutions: Sequence[Solution]) -> Measurement:
    """Sum up one model's graded solutions, one per problem.

    Raises:
        InputError: If there are none, one is not graded, or a problem has two.
    """
    return _measure(_by_problem(solutions))


def compare(full_precision: Sequence[Solution], variant: Sequence[Solution]) -> Comparison:
    """Compare two models' graded solutions of the same problems, one per problem each.

    Raises:
        InputError: If there are none, one is not graded, a problem has two, or one has no partner.
    """
    before, after = _by_problem(full_precision), _by_problem(variant)
    for here, there in ((before, after), (after, before)):
        for problem_id, solution in here.items():
            if problem_id not in there:
                other = next(iter(there.values())).model
                raise InputError(
                    f"problem {problem_id}: solved by {solution.model} but not by {other}",
                    hint="Models are compared on the same problems: generate the missing solutions.",
                )
    regressions = tuple(id for id in before if before[id].correct and not after[id].correct)
    improvements = tuple(id for id in before if after[id].correct and not before[id].correct)
    return Comparison(
        n=len(before),
        full_precision=_measure(before),
        variant=_measure({id: after[id] for id in before}),
        regressions=regressions,
        improvements=improvements,
        mcnemar_p=mcnemar_p(len(regressions), len(improvements)),
        drop=bootstrap_drop(len(regressions), len(improvements), len(before)),
    )


def _by_problem(solutions: Sequence[Solution]) -> dict[str, Solution]:
    if not solutions:
        raise InputError("no solutions to measure", hint="Generate them first, or check the file given.")
    by_problem: dict[str, Solution] = {}
    for solution in solutions:
        if solution.correct is None:
            raise InputError(
                f"solution {solution.id} of problem {solution.problem_id} is not graded",
                hint="Grade it with `firstfault measure`.",
            )
        if solution.problem_id in by_problem:
            raise InputError(
                f"problem {solution.problem_id}: two solutions by {solution.model}",
                hint="Keep one solution per problem and model.",
            )
        by_problem[solution.problem_id] = solution
    return by_problem


def _measure(by_problem: dict[str, Solution]) -> Measurement:
    solutions = list(by_problem.values())
    n = len(solutions)
    correct = sum(bool(solution.correct) for solution in solutions)
    known = [solution.well_formed for solution in solutions if solution.well_formed is not None]
    return Measurement(
        model=solutions[0].model,
        n=n,
        correct=correct,
        accuracy=wilson_interval(correct, n),
        well_formed=wilson_interval(sum(known), len(known)) if known else None,
        degenerate=sum(s.finish is Finish.DEGENERATE for s in solutions) / n,
        cut_off=sum(s.finish is Finish.LENGTH for s in solutions) / n,
        tokens=_mean(s.tokens for s in solutions if s.tokens is not None),
    )


def _mean(values: Iterable[float]) -> float | None:
    known = list(values)
    return sum(known) / len(known) if known else None
