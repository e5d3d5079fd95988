"""Exact tests on tables of counts, and what to do with many of them."""

from collections.abc import Sequence
from typing import Any

from .statistics import Ratio

_DRAWS = 9_999


def fisher_p(first: Sequence[int], second: Sequence[int], *, seed: int = 0) -> float:
    """Return the two-sided p-value of Fisher's exact test that two rows of counts are alike.

    Two columns are computed exactly; of more, 9,999 tables with the same sums are drawn.

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
    import numpy as np
    from scipy import stats  # pyright: ignore[reportMissingTypeStubs]

    known: Any = stats
    table = np.array(kept).T
    if len(kept) == 2:
        return min(1.0, float(known.fisher_exact(table).pvalue))
    method = known.MonteCarloMethod(n_resamples=_DRAWS, rng=np.random.default_rng(seed))
    return min(1.0, float(known.fisher_exact(table, method=method).pvalue))


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
