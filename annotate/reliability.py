"""Agreement of two raters beyond chance, on nominal categories."""

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
    """Return Cohen's kappa with its bootstrap percentile interval.

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


def krippendorff_alpha(ratings: Ratings, *, confidence: float = 0.95, seed: int = 0) -> Interval | None:
    """Return Krippendorff's alpha for nominal data with its bootstrap percentile interval.

    Formula: Krippendorff, "Computing Krippendorff's alpha-reliability" (2011), section C. As there, an item
    that one rater says nothing of can't be paired and is left out. Items are resampled, not single
    disagreements.

    Args:
        ratings: Of two raters.
        confidence: Coverage, in (0, 1).
        seed: Same seed, same interval.

    Returns:
        The estimate, at most 1; `None` where it is undefined (no pairs, or one category only).
    """
    pairs = [(a, b) for a, b in ratings if a is not None and b is not None]
    return _interval(pairs, _alpha, confidence, seed)


Statistic = Callable[["Floats", "Floats", "Floats"], "Floats"]
"""(share of agreement, shares of the first rater, of the second), one row per resample, to values."""


def _interval(
    pairs: Sequence[tuple[str, str]], statistic: Statistic, confidence: float, seed: int
) -> Interval | None:
    import numpy as np

    if not pairs:
        return None
    cells = Counter(pairs)
    categories = sorted({name for pair in cells for name in pair})
    # Resampling items draws the counts of the cells from a multinomial; the first row is the data.
    observed = np.array(list(cells.values()), dtype=np.float64)
    drawn = np.random.default_rng(seed).multinomial(len(pairs), observed / len(pairs), size=_RESAMPLES)
    counts = np.vstack([observed, drawn])
    first = np.array([[a == name for name in categories] for a, _ in cells], dtype=np.float64)
    second = np.array([[b == name for name in categories] for _, b in cells], dtype=np.float64)
    agree = np.array([a == b for a, b in cells], dtype=np.float64)
    with np.errstate(divide="ignore", invalid="ignore"):
        values = statistic(counts @ agree, counts @ first, counts @ second)
    if not np.isfinite(values[0]):
        return None
    # Resamples of one category only say nothing about agreement beyond chance.
    resampled = values[1:][np.isfinite(values[1:])]
    tails = [(1 - confidence) / 2, (1 + confidence) / 2]
    low, high = np.quantile(resampled, tails) if len(resampled) else (values[0], values[0])
    return Interval(value=float(values[0]), low=float(low), high=float(high))


def _kappa(agree: "Floats", first: "Floats", second: "Floats") -> "Floats":
    n = first.sum(axis=1)
    by_chance = (first * second).sum(axis=1) / n**2
    return (agree / n - by_chance) / (1 - by_chance)


def _alpha(agree: "Floats", first: "Floats", second: "Floats") -> "Floats":
    values = first + second
    n = values.sum(axis=1)
    disagree = 1 - 2 * agree / n
    by_chance = (n**2 - (values**2).sum(axis=1)) / (n * (n - 1))
    return 1 - disagree / by_chance
