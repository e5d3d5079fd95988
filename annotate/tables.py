"""Exact tests on tables of counts, and what to do with many of them."""

from collections.abc import Sequence
from typing import Any

from .statistics import Ratio

_DRAWS = 9_999


def fisher_p(first: Sequence[int], second: Sequence[int], *, seed: int = 0) -> float:
    """Return the two-sided p-value of Fisher's exact test that two rows of counts are alike.

    Two columns are computed exactly; of more (Freeman and Halton, Biometrika 38 (1951)), 9,999 tables with
    the same sums are drawn.

    Args:
        first: Counts, one per column.
        second: Counts, one per column.
        seed: Of the draws.

    Raises:
        ValueError: If the rows differ in length or a count is negative.
    """
    if len(first) != len(second) or min(*first, *second, 0) < 0:
        raise ValueError("two rows of counts of the same length are needed")
    kept = [(a, b) for a, b in zip(first, second, strict=True) if a or b]
    if len(kept) < 2 or not sum(first) or not sum(second):
        return 1.0
    if len(kept) > 2:
        return _drawn_p(kept, seed)
    from scipy import stats  # pyright: ignore[reportMissingTypeStubs]

    known: Any = stats
    return min(1.0, float(known.fisher_exact(list(zip(*kept, strict=True))).pvalue))


def odds_ratio(first: tuple[int, int], second: tuple[int, int]) -> Ratio | None:
    """Return the odds ratio of two pairs of counts with its exact 95% interval.

    The conditional maximum likelihood estimate with the interval of Cornfield's exact method (Breslow and
    Day, "Statistical Methods in Cancer Research", vol. 1 (1980), sec. 4.2).

    Returns:
        (first[0] / first[1]) / (second[0] / second[1]); `None` where it is infinite or no number.
    """
    from math import isfinite

    import numpy as np
    from scipy.stats import contingency  # pyright: ignore[reportMissingTypeStubs]

    known: Any = contingency
    if not all((sum(first), sum(second), first[0] + second[0], first[1] + second[1])):
        return None
    found = known.odds_ratio(np.array([first, second]), kind="conditional")
    value = float(found.statistic)
    if not isfinite(value):
        return None
    low, high = (float(limit) for limit in found.confidence_interval(0.95))
    return Ratio(value=value, low=min(low, value), high=max(high, value) if isfinite(high) else None)


def holm(p_values: Sequence[float]) -> list[float]:
    """Adjust p-values of tests that are looked at together, in their order.

    Holm, "A simple sequentially rejective multiple test procedure", Scand. J. Stat. 6 (1979): the chance
    that any adjusted value of a true hypothesis falls below a level is at most that level.
    """
    order = sorted(range(len(p_values)), key=lambda place: p_values[place])
    adjusted = [1.0] * len(p_values)
    highest = 0.0
    for rank, place in enumerate(order):
        highest = max(highest, min(1.0, (len(p_values) - rank) * p_values[place]))
        adjusted[place] = highest
    return adjusted


def _drawn_p(columns: Sequence[tuple[int, int]], seed: int) -> float:
    import numpy as np

    totals = np.array([sum(column) for column in columns])
    row = np.array([first for first, _ in columns])
    counts = np.arange(1, int(totals.max()) + 1, dtype=float)
    log_factorials = np.concatenate([[0.0], np.log(counts).cumsum()])

    def log_probability(rows: "np.ndarray[Any, Any]") -> "np.ndarray[Any, Any]":
        return -(log_factorials[rows] + log_factorials[totals - rows]).sum(axis=-1)

    drawn = np.random.default_rng(seed).multivariate_hypergeometric(totals, int(row.sum()), size=_DRAWS)
    as_unlikely = log_probability(drawn) <= log_probability(row) + 1e-9
    # The seen table counts as one of the draws, so that p is never 0.
    return float((1 + as_unlikely.sum()) / (1 + _DRAWS))
