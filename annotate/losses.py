"""Where a variant loses: by difficulty, by subject and by the length of full precision's solution."""

from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple

from ..datasets.records import Interval, Problem, Record, Solution
from .statistics import bootstrap_drop, mcnemar_p
from .tables import holm

MOST_GROUPS = 12
"""Most subjects that are shown apart; the smaller ones go together."""
MOST_LENGTHS = 8
"""Of more different values than this, neighbouring ones go together."""
OTHERS = "others"
_DRAWS = 10_000


class GroupLoss(Record):
    """The loss on one group of problems."""

    name: str
    problems: int
    solved: int
    """By full precision."""
    regressions: int
    improvements: int
    drop: Interval
    """Share of the problems lost, paired, with its bootstrap interval."""
    p: float
    """Exact McNemar test, adjusted by Holm's method over the groups."""


class Grouping(Record):
    """The loss by one property of the problems."""

    groups: tuple[GroupLoss, ...]
    slope: Interval | None = None
    """Points of accuracy lost more per unit of the property (level, step), by least squares, with its
    bootstrap interval; `None` for what has no order, or where all problems are alike."""


class Losses(Record):
    """The loss of a variant by what is known about its problems; `None` where nothing is."""

    level: Grouping | None
    subject: Grouping | None
    length: Grouping | None
    """By steps of full precision's solution: the variant's own may be longer because it went wrong."""


class _Outcome(NamedTuple):
    problem: Problem
    full_precision: Solution
    variant: Solution

    @property
    def change(self) -> int:
        """1 for a regression, -1 for an improvement."""
        return bool(self.full_precision.correct) - bool(self.variant.correct)


def losses(
    problems: Sequence[Problem], full_precision: Sequence[Solution], variant: Sequence[Solution]
) -> Losses:
    """Group what a variant lost.

    Args:
        problems: Those that the solutions are of.
        full_precision: Graded solutions, one per problem.
        variant: Graded solutions, one per problem. Problems that not both solved are passed over.
    """
    before = {solution.problem_id: solution for solution in full_precision}
    after = {solution.problem_id: solution for solution in variant}
    outcomes = [
        _Outcome(problem, before[problem.id], after[problem.id])
        for problem in problems
        if problem.id in before and problem.id in after
    ]
    return Losses(
        level=_by_number([one for one in outcomes if one.problem.level is not None], _level),
        subject=_by_subject([one for one in outcomes if one.problem.subject]),
        length=_by_number([one for one in outcomes if one.full_precision.steps], _steps),
    )


def _level(outcome: _Outcome) -> int:
    return outcome.problem.level or 0


def _steps(outcome: _Outcome) -> int:
    return len(outcome.full_precision.steps)


def _by_number(outcomes: Sequence[_Outcome], value: Callable[[_Outcome], int]) -> Grouping | None:
    values = sorted(value(one) for one in outcomes)
    if len(set(values)) < 2:
        return None
    edges = sorted(set(values))
    if len(edges) > MOST_LENGTHS:
        # Bins of about as many problems each; a value never lies in two of them.
        edges = sorted({values[len(values) * k // MOST_LENGTHS] for k in range(MOST_LENGTHS)})
    groups: dict[str, list[_Outcome]] = {}
    for place, low in enumerate(edges):
        high = edges[place + 1] - 1 if place + 1 < len(edges) else values[-1]
        name = f"{low}" if low == high else f"{low} to {high}"
        groups[name] = [one for one in outcomes if low <= value(one) <= high]
    slope = _slope([(value(one), one.change) for one in outcomes])
    return Grouping(groups=_losses(groups), slope=slope)


def _by_subject(outcomes: Sequence[_Outcome]) -> Grouping | None:
    groups: dict[str, list[_Outcome]] = {}
    for one in outcomes:
        groups.setdefault(one.problem.subject or OTHERS, []).append(one)
    if len(groups) < 2:
        return None
    by_size = sorted(groups, key=lambda name: (-len(groups[name]), name))
    for name in by_size[MOST_GROUPS:]:
        groups.setdefault(OTHERS, []).extend(groups.pop(name))
    return Grouping(groups=_losses(groups))


def _losses(groups: Mapping[str, Sequence[_Outcome]]) -> tuple[GroupLoss, ...]:
    flips = {
        name: (sum(one.change > 0 for one in found), sum(one.change < 0 for one in found))
        for name, found in groups.items()
    }
    adjusted = holm([mcnemar_p(*flips[name]) for name in groups])
    return tuple(
        GroupLoss(
            name=name,
            problems=len(found),
            solved=sum(bool(one.full_precision.correct) for one in found),
            regressions=flips[name][0],
            improvements=flips[name][1],
            drop=bootstrap_drop(*flips[name], len(found)),
            p=p,
        )
        for (name, found), p in zip(groups.items(), adjusted, strict=True)
    )


def _slope(points: Sequence[tuple[int, int]], *, seed: int = 0) -> Interval:
    import numpy as np

    kinds, counts = np.unique(np.array(points), axis=0, return_counts=True)
    x, y = kinds[:, 0].astype(float), kinds[:, 1].astype(float)

    def slopes(weights: "np.ndarray[tuple[int, ...], np.dtype[np.float64]]"):
        total = weights.sum(axis=-1, keepdims=True)
        dx = x - (weights @ x)[..., None] / total
        dy = y - (weights @ y)[..., None] / total
        spread = (weights * dx * dx).sum(axis=-1)
        return (weights * dx * dy).sum(axis=-1) / np.where(spread > 0, spread, np.nan)

    drawn = np.random.default_rng(seed).multinomial(len(points), counts / len(points), size=_DRAWS)
    value = float(slopes(counts.astype(float)))
    low, high = (float(edge) for edge in np.nanquantile(slopes(drawn.astype(float)), [0.025, 0.975]))
    return Interval(value=value, low=min(low, value), high=max(high, value))
