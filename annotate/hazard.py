"""When solutions go wrong: the hazard of a first fault, step by step.

A histogram of first faults says little: every solution has a first step, few have an eighth, and one that
has gone wrong can't go wrong for the first time again. The hazard at a step is the share of first faults
among the solutions that have that step and were right before it, its risk set; this is the life table of
Kaplan and Meier, "Nonparametric estimation from incomplete observations", J. Am. Stat. Assoc. 53 (1958), with
steps for time. A solution that ends without a fault leaves the risk set at its end.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, NamedTuple

from ..datasets.records import Interval, Record
from .statistics import Ratio, wilson_interval

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    Counts = npt.NDArray[np.float64]

_DRAWS = 10_000
_QUANTILES = (0.025, 0.975)


class Course(NamedTuple):
    """How one solution went."""

    steps: int
    """At least 1."""
    first_fault: int | None
    """0-based, below `steps`; `None` where no step is faulty."""
    working: int
    """Steps that work on the problem: all, or all but a closing statement of the answer."""
    correct: bool
    """Whether the answer is right, faults or not."""


class StepHazard(Record):
    """One step of a life table."""

    step: int
    """0-based."""
    at_risk: int
    """Solutions that have this step and are right before it."""
    faults: int
    """Those of them whose first fault it is."""
    hazard: Interval
    """faults / at_risk, with its Wilson interval."""
    right: float
    """Probability to be right up to and with this step, given that solutions are this long (Kaplan-Meier)."""


class HazardComparison(Record):
    """The hazards of one model against another's on the same problems."""

    ratio: Ratio | None
    """Mantel-Haenszel hazard ratio over steps; `None` where the other model has no fault."""
    p: float
    """Two-sided, by swapping the models' solutions within problems: whether both have the same hazards."""
    problems: int


class Earliness(Record):
    """The hazard of the first half of a solution against that of its second."""

    early_faults: int
    early_at_risk: int
    """Steps of the first half that were reached without a fault."""
    late_faults: int
    late_at_risk: int
    ratio: Ratio | None
    """Mantel-Haenszel hazard ratio over solutions of the same length; `None` where it can't be told."""


def life_table(courses: Sequence[Course]) -> tuple[StepHazard, ...]:
    """Return the hazard of every step that some solution reached without a fault."""
    found: list[StepHazard] = []
    right = 1.0
    for step in range(max((course.steps for course in courses), default=0)):
        at_risk = [one for one in courses if _is_at_risk(one, step)]
        if not at_risk:
            break
        faults = sum(one.first_fault == step for one in at_risk)
        hazard = wilson_interval(faults, len(at_risk))
        right *= 1 - hazard.value
        found.append(StepHazard(step=step, at_risk=len(at_risk), faults=faults, hazard=hazard, right=right))
    return tuple(found)


def compare_hazards(
    variant: Mapping[str, Course], reference: Mapping[str, Course], *, seed: int = 0
) -> HazardComparison:
    """Compare the hazards of two models over all steps, paired by problem.

    The ratio is that of Mantel and Haenszel, with the steps as strata (Nurminen, "Asymptotic efficiency of
    general noniterative estimators of common relative risk", Biometrika 68 (1981)). Solutions of one problem
    resemble each other, so that problems are drawn for the interval (percentile bootstrap) and swapped for
    the test, whose statistic is that of the log-rank test (Mantel 1966), faults above expectation.

    Args:
        variant: Courses by problem.
        reference: Courses by problem; those that both have are compared.
        seed: Of the draws.
    """
    import numpy as np

    problems = [problem for problem in variant if problem in reference]
    if not problems:
        return HazardComparison(ratio=None, p=1.0, problems=0)
    ones = [variant[problem] for problem in problems]
    others = [reference[problem] for problem in problems]
    depth = max(course.steps for course in (*ones, *others))
    # Of each problem the risk sets and events of both models, of each step, side by side.
    table = np.array(
        [[*_row(one, depth), *_row(other, depth)] for one, other in zip(ones, others, strict=True)], float
    )

    def parts(sums: Counts) -> tuple[Counts, Counts]:
        return _over_steps(sums, depth)

    ratio = _bootstrap(table, parts, np.random.default_rng(seed))
    return HazardComparison(ratio=ratio, p=_swap_p(table, depth, seed), problems=len(problems))


def earliness(courses: Sequence[Course], *, seed: int = 0) -> Earliness:
    """Compare the hazards of the first and the second half of solutions of the same length.

    Only among solutions of one length do early and late steps belong to the same problems. A step in the
    very middle and the closing statement of the answer, in which nothing is worked out, belong to neither
    half. The interval is the percentile bootstrap over solutions.
    """
    import numpy as np

    lengths = sorted({course.working for course in courses})
    column = {length: 4 * place for place, length in enumerate(lengths)}
    table = np.zeros((len(courses), 4 * len(lengths)))
    for row, course in enumerate(courses):
        start = column[course.working]
        table[row, start : start + 4] = _halves(course)
    sums = table.sum(axis=0).reshape(-1, 4).sum(axis=0) if len(courses) else np.zeros(4)
    ratio = _bootstrap(table, _over_lengths, np.random.default_rng(seed)) if len(courses) else None
    return Earliness(
        early_faults=int(sums[1]),
        early_at_risk=int(sums[0]),
        late_faults=int(sums[3]),
        late_at_risk=int(sums[2]),
        ratio=ratio,
    )


def is_early(course: Course) -> bool | None:
    """Whether a first fault lies in the first half; `None` in the middle, behind the work, or without one."""
    fault = course.first_fault
    if fault is None or fault >= course.working or 2 * fault + 1 == course.working:
        return None
    return 2 * fault + 1 < course.working


def _is_at_risk(course: Course, step: int) -> bool:
    return step < course.steps and (course.first_fault is None or course.first_fault >= step)


def _row(course: Course, depth: int) -> list[int]:
    at_risk = [int(_is_at_risk(course, step)) for step in range(depth)]
    return [*at_risk, *(int(course.first_fault == step) for step in range(depth))]


def _halves(course: Course) -> list[int]:
    """(at risk, faults) of the first half, then of the second."""
    found = [0, 0, 0, 0]
    for step in range(course.working):
        if not _is_at_risk(course, step) or 2 * step + 1 == course.working:
            continue
        half = 0 if 2 * step + 1 < course.working else 2
        found[half] += 1
        found[half + 1] += course.first_fault == step
    return found


def _over_steps(sums: Counts, depth: int) -> tuple[Counts, Counts]:
    at_risk, faults, others_at_risk, others_faults = (
        sums[..., k * depth : (k + 1) * depth] for k in range(4)
    )
    return _mantel_haenszel(at_risk, faults, others_at_risk, others_faults)


def _over_lengths(sums: Counts) -> tuple[Counts, Counts]:
    return _mantel_haenszel(*(sums[..., k::4] for k in range(4)))


def _mantel_haenszel(n1: Counts, d1: Counts, n0: Counts, d0: Counts) -> tuple[Counts, Counts]:
    """Numerator and denominator of the common ratio; strata are the last axis."""
    import numpy as np

    total = np.maximum(n1 + n0, 1)
    return (d1 * n0 / total).sum(axis=-1), (d0 * n1 / total).sum(axis=-1)


def _bootstrap(
    table: Counts, parts: Callable[[Counts], tuple[Counts, Counts]], rng: np.random.Generator
) -> Ratio | None:
    import numpy as np

    above, below = parts(table.sum(axis=0))
    if below <= 0:
        return None
    # Alike rows are drawn together: how often each kind comes up is multinomial.
    kinds, counts = np.unique(table, axis=0, return_counts=True)
    drawn = rng.multinomial(len(table), counts / len(table), size=_DRAWS)
    tops, bottoms = parts(drawn.astype(float) @ kinds)
    usable = (tops > 0) | (bottoms > 0)
    with np.errstate(divide="ignore"):
        ratios = np.sort(tops[usable] / bottoms[usable])
    low, high = (float(ratios[round(share * (len(ratios) - 1))]) for share in _QUANTILES)
    value = float(above / below)
    return Ratio(value=value, low=min(low, value), high=None if np.isinf(high) else max(high, value))


def _swap_p(table: Counts, depth: int, seed: int) -> float:
    import numpy as np

    half = 2 * depth
    first, second = table[:, :half], table[:, half:]
    differs = (first != second).any(axis=1)
    if not differs.any():
        return 1.0
    both = (first + second).sum(axis=0)
    expected_share = both[depth:] / np.maximum(both[:depth], 1)

    def excess(sums: Counts) -> Counts:
        return (sums[..., depth:] - sums[..., :depth] * expected_share).sum(axis=-1)

    fixed, change = first.sum(axis=0), (second - first)[differs]
    swapped = np.random.default_rng(seed).integers(0, 2, size=(_DRAWS, len(change))).astype(float)
    drawn = excess(fixed + swapped @ change)
    seen = abs(float(excess(fixed)))
    # The seen order counts as one of the draws, so that p is never 0.
    return float((1 + (np.abs(drawn) >= seen - 1e-9).sum()) / (1 + _DRAWS))
