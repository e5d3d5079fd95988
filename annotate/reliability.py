"""Agreement of raters beyond chance, on nominal categories."""

from collections import Counter
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from .statistics import Interval

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]

_RESAMPLES = 2_000
_ABSTAINED = ""

Ratings = Sequence[tuple[str | None, str | None]]
"""What two raters say of each item; `None` where one says nothing."""


def cohen_kappa(ratings: Ratings, *, confidence: float = 0.95, seed: int = 0) -> Interval | None:
    """Return Cohen's kappa of two raters with its bootstrap percentile interval.

    Formula: Cohen, "A coefficient of agreement for nominal scales", Educ. Psychol. Meas. 20 (1960).
    Saying nothing is a category of its own, so that abstaining counts as disagreement.

    Args:
        ratings: Of two raters.
        confidence: Coverage, in (0, 1).
        seed: Same seed, same interval.

    Returns:
        The estimate, at most 1; `None` where it is undefined (no items, or one category only).
    """
    return _interval([(a or _ABSTAINED, b or _ABSTAINED) for a, b in ratings], _kappa, confidence, seed)


def krippendorff_alpha(
    ratings: Sequence[Sequence[str | None]], *, confidence: float = 0.95, seed: int = 0
) -> Interval | None:
    """Return Krippendorff's alpha for nominal data with its bootstrap percentile interval.

    Formula: Krippendorff, "Computing Krippendorff's alpha-reliability" (2011), sections B and C. Any number
    of raters, and not all need rate every item; as there, an item that fewer than two rate can't be paired
    and is left out. Items are resampled, not single disagreements.

    Args:
        ratings: Per item, what its raters say of it; `None` where one says nothing. Their order does not
            matter.
        confidence: Coverage, in (0, 1).
        seed: Same seed, same interval.

    Returns:
        The estimate, at most 1; `None` where it is undefined (no pairs, or one category only).
    """
    given = [tuple(one for one in item if one is not None) for item in ratings]
    return _interval([item for item in given if len(item) > 1], _alpha, confidence, seed)


Cell = tuple[str, ...]
"""What the raters of one item say."""
Statistic = Callable[["Floats", Sequence[Cell], Sequence[str]], "Floats"]
"""(items per cell, one row per resample; the cells; the categories) to one value per row."""


def _interval(items: Sequence[Cell], statistic: Statistic, confidence: float, seed: int) -> Interval | None:
    import numpy as np

    if not items:
        return None
    cells = Counter(items)
    categories = sorted({name for cell in cells for name in cell})
    # Resampling items draws the counts of the cells from a multinomial; the first row is the data.
    observed = np.array(list(cells.values()), dtype=np.float64)
    drawn = np.random.default_rng(seed).multinomial(len(items), observed / len(items), size=_RESAMPLES)
    counts = np.vstack([observed, drawn.astype(np.float64)])
    with np.errstate(divide="ignore", invalid="ignore"):
        values = statistic(counts, list(cells), categories)
    if not np.isfinite(values[0]):
        return None
    # Resamples of one category only say nothing about agreement beyond chance.
    resampled = values[1:][np.isfinite(values[1:])]
    tails = [(1 - confidence) / 2, (1 + confidence) / 2]
    low, high = np.quantile(resampled, tails) if len(resampled) else (values[0], values[0])
    return Interval(value=float(values[0]), low=float(low), high=float(high))


def _kappa(counts: "Floats", cells: Sequence[Cell], categories: Sequence[str]) -> "Floats":
    import numpy as np

    first, second = (
        counts @ np.array([[cell[rater] == name for name in categories] for cell in cells], dtype=np.float64)
        for rater in range(2)
    )
    agree = counts @ np.array([a == b for a, b in cells], dtype=np.float64)
    n = counts.sum(axis=1)
    by_chance = (first * second).sum(axis=1) / n**2
    return (agree / n - by_chance) / (1 - by_chance)


def _alpha(counts: "Floats", cells: Sequence[Cell], categories: Sequence[str]) -> "Floats":
    import numpy as np

    said = np.array([[cell.count(name) for name in categories] for cell in cells], dtype=np.float64)
    raters = said.sum(axis=1)
    # Pairs of values within an item, each weighted so that an item counts as its number of values.
    alike = counts @ ((said * (said - 1)).sum(axis=1) / (raters - 1))
    values = counts @ said
    n = values.sum(axis=1)
    disagree = 1 - alike / n
    by_chance = (n**2 - (values**2).sum(axis=1)) / (n * (n - 1))
    return 1 - disagree / by_chance
