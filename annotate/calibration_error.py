"""How far stated confidence is from being right: reliability bins and the expected calibration error."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from ..datasets.records import Record
from .statistics import Interval

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]

BINS = 10
"""Of equal width, over [0, 1]."""

_RESAMPLES = 500


class Bin(Record):
    """One bar of a reliability curve."""

    items: int
    confidence: float
    """Mean stated."""
    right: float
    """Share whose first fault was named exactly."""


class Reliability(Record):
    """How stated confidence and being right go together."""

    error: Interval
    """Expected calibration error, in [0, 1], with its bootstrap interval."""
    bins: tuple[Bin, ...]


def measure_reliability(confidence: Sequence[float], right: Sequence[bool], *, seed: int = 0) -> Reliability:
    """Measure how well confidence tells what is right.

    Formula: the bins' distances of mean confidence and share right, weighted by their items, as in Guo et
    al., "On Calibration of Modern Neural Networks" (arXiv 1706.04599), eq. 3. On few items the estimate is
    too high, since chance alone moves the shares of small bins; resampling shows by how much, so the
    interval is the basic bootstrap's (Davison and Hinkley, "Bootstrap Methods", 1997, section 5.2), which
    takes it off, and which the estimate may top.

    Args:
        confidence: In [0, 1], one per verdict; at least one.
        right: Whether that verdict was.
        seed: Same seed, same interval.

    Raises:
        ValueError: If the two differ in length or are empty.
    """
    import numpy as np

    if len(confidence) != len(right) or not confidence:
        raise ValueError(f"{len(confidence)} confidences and {len(right)} outcomes can't be compared")
    stated, outcome = np.asarray(confidence, dtype=np.float64), np.asarray(right, dtype=np.float64)
    place = np.minimum((stated * BINS).astype(np.int64), BINS - 1)
    value = float(_error(place, stated - outcome))
    rng = np.random.default_rng(seed)
    drawn = [
        float(_error(place[chosen], stated[chosen] - outcome[chosen]))
        for chosen in (rng.integers(0, len(stated), len(stated)) for _ in range(_RESAMPLES))
    ]
    low, high = np.quantile(drawn, [0.025, 0.975])
    error = Interval(
        value=value, low=max(0.0, min(value, 2 * value - high)), high=min(1.0, max(value, 2 * value - low))
    )
    bins = [
        Bin(
            items=int(here.sum()),
            confidence=round(float(stated[here].mean()), 4),
            right=round(float(outcome[here].mean()), 4),
        )
        for here in (place == number for number in range(BINS))
        if here.any()
    ]
    return Reliability(error=error, bins=tuple(bins))


def _error(place: "NDArray[np.int64]", gap: "Floats") -> "np.float64":
    # Items times distance of a bin is the sum of its gaps.
    import numpy as np

    return np.abs(np.bincount(place, weights=gap, minlength=BINS)).sum() / len(gap)
