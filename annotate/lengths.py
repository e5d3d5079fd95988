"""How much longer a variant writes than full precision on the same problems."""

from collections.abc import Sequence
from math import exp, log
from typing import NamedTuple

from ..datasets.records import Record, Solution
from .statistics import Ratio

_DRAWS = 10_000


class Lengths(NamedTuple):
    """What both models wrote on one problem, in tokens (or words, alike for both)."""

    full_precision: int
    variant: int
    full_precision_correct: bool
    variant_correct: bool


class Growth(Record):
    """Length of the variant's solutions over full precision's, paired by problem."""

    problems: int
    ratio: Ratio | None
    """Geometric mean of the problems' ratios, with its bootstrap interval; `None` without problems."""


class LengthGrowth(Record):
    """Growth, on all problems and by outcome: a mean over all mixes longer solutions with unfinished ones."""

    all: Growth
    both_right: Growth
    """Problems that both solve: what is written more to the same end."""
    regressions: Growth
    """Problems that full precision alone solves."""


def paired_lengths(full_precision: Sequence[Solution], variant: Sequence[Solution]) -> list[Lengths]:
    """Pair the solutions of two models whose tokens are known, problem by problem."""
    before = {solution.problem_id: solution for solution in full_precision}
    return [
        Lengths(one.tokens, solution.tokens, bool(one.correct), bool(solution.correct))
        for solution in variant
        if (one := before.get(solution.problem_id)) is not None and one.tokens and solution.tokens
    ]


def length_growth(lengths: Sequence[Lengths], *, seed: int = 0) -> LengthGrowth:
    """Compare the lengths of two models' solutions.

    The mean is geometric: a solution of twice the length and one of half of it cancel out.

    Args:
        lengths: One per problem; all lengths are at least 1.
        seed: Of the bootstrap over problems.
    """
    return LengthGrowth(
        all=_growth(lengths, seed),
        both_right=_growth([p for p in lengths if p.full_precision_correct and p.variant_correct], seed),
        regressions=_growth([p for p in lengths if p.full_precision_correct and not p.variant_correct], seed),
    )


def _growth(lengths: Sequence[Lengths], seed: int) -> Growth:
    if not lengths:
        return Growth(problems=0, ratio=None)
    import numpy as np

    logs = np.array([log(pair.variant / pair.full_precision) for pair in lengths])
    kinds, counts = np.unique(logs, return_counts=True)
    drawn = np.random.default_rng(seed).multinomial(len(logs), counts / len(logs), size=_DRAWS)
    means = drawn @ kinds / len(logs)
    low, high = (float(edge) for edge in np.quantile(means, [0.025, 0.975]))
    value = float(logs.mean())
    return Growth(
        problems=len(lengths),
        ratio=Ratio(value=exp(value), low=exp(min(low, value)), high=exp(max(high, value))),
    )
