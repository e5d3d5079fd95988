"""Intervals of shares and of their differences, and paired statistics of two models on the same problems."""

from collections.abc import Sequence

from ..datasets.records import Interval, Record

_RESAMPLES = 10_000


class Ratio(Record):
    """A ratio of rates or odds with its 95% interval; 1 is no difference."""

    value: float
    low: float
    high: float | None
    """`None` where the data set no upper limit."""


def wilson_interval(successes: int, n: int, *, confidence: float = 0.95) -> Interval:
    """Return a proportion with its Wilson score interval.

    Formula: Wilson, "Probable inference, the law of succession, and statistical inference",
    J. Am. Stat. Assoc. 22 (1927), without continuity correction.

    Args:
        successes: From 0 to n.
        n: At least 1.
        confidence: Coverage, in (0, 1).

    Raises:
        ValueError: If the counts are impossible.
    """
    if not 0 <= successes <= n or n < 1:
        raise ValueError(f"{successes} of {n} is not a proportion")
    return _wilson(successes / n, n, confidence)


def clustered_interval(clusters: Sequence[tuple[int, int]], *, confidence: float = 0.95) -> Interval:
    """Return a proportion of observations that come in clusters, with its Wilson score interval.

    Observations of one cluster resemble each other, so that they count for less: Wilson's formula gets their
    number divided by the design effect, which is the variance of the share between clusters over what it
    would be without them (Rao and Scott, "A simple method for the analysis of clustered binary data",
    Biometrics 48 (1992)). Where all outcomes are alike that can't be estimated, and observations of one
    cluster count as if they were the same one. With clusters of one it is `wilson_interval`.

    Args:
        clusters: (successes, n) of each; at least one n is not 0.
        confidence: Coverage, in (0, 1).

    Raises:
        ValueError: If the counts are impossible.
    """
    filled = [(successes, n) for successes, n in clusters if n]
    if not filled or any(not 0 <= successes <= n for successes, n in filled):
        raise ValueError("these clusters make no proportion")
    total = sum(n for _, n in filled)
    share = sum(successes for successes, _ in filled) / total
    # What it is where outcomes of one cluster are always alike.
    effect = sum(n * n for _, n in filled) / total
    if 0 < share < 1 and len(filled) > 1:
        between = sum((successes - n * share) ** 2 for successes, n in filled)
        between *= len(filled) / (len(filled) - 1)
        effect = between * (total - 1) / (total * total * share * (1 - share))
    # Chance alone must not make clusters tell more than independent observations would.
    return _wilson(share, total / min(max(effect, 1.0), total), confidence)


def difference_interval(first: Interval, second: Interval) -> Interval:
    """Return the difference of two independent proportions with its interval, of the same coverage.

    Formula: Newcombe, "Interval estimation for the difference between independent proportions", Stat. Med.
    17 (1998), method 10, for the Wilson intervals of the two.

    Returns:
        first - second, in [-1, 1].
    """
    value = first.value - second.value
    below = ((first.value - first.low) ** 2 + (second.high - second.value) ** 2) ** 0.5
    above = ((first.high - first.value) ** 2 + (second.value - second.low) ** 2) ** 0.5
    return Interval(value=value, low=max(-1.0, value - below), high=min(1.0, value + above))


def mcnemar_p(regressions: int, improvements: int) -> float:
    """Return the two-sided p-value of the exact McNemar test.

    Under the null hypothesis flips go either way with probability 1/2, so that the count of one
    direction is binomial: McNemar, Psychometrika 12 (1947); exact form as in Fagerland, Lydersen
    and Laake, BMC Med. Res. Methodol. 13:91 (2013), eq. 3. Without flips it is 1.
    """
    if regressions < 0 or improvements < 0:
        raise ValueError("counts of flips can't be negative")
    if not regressions + improvements:
        return 1.0
    from scipy.stats import binomtest  # pyright: ignore[reportMissingTypeStubs, reportUnknownVariableType]

    return float(binomtest(regressions, regressions + improvements, 0.5).pvalue)  # pyright: ignore[reportUnknownArgumentType, reportUnknownMemberType]


def bootstrap_drop(
    regressions: int, improvements: int, n: int, *, confidence: float = 0.95, seed: int = 0
) -> Interval:
    """Return the drop in accuracy with its paired bootstrap percentile interval.

    Resampling the n paired outcomes with replacement (Efron and Tibshirani, "An Introduction to the
    Bootstrap", 1993, ch. 13) makes the three counts (regressions, improvements, no flip)
    multinomial, so they are drawn directly: 10,000 resamples at the price of one.

    Args:
        regressions: Problems solved by full precision alone.
        improvements: Problems solved by the variant alone.
        n: Problems, at least 1.
        confidence: Coverage, in (0, 1).
        seed: Same seed, same interval.

    Returns:
        (regressions - improvements) / n; positive when the variant is worse.

    Raises:
        ValueError: If the counts are impossible.
    """
    import numpy as np

    if min(regressions, improvements) < 0 or n < 1 or regressions + improvements > n:
        raise ValueError(f"{regressions} and {improvements} flips of {n} problems are impossible")
    shares = np.array([regressions, improvements, n - regressions - improvements]) / n
    counts = np.random.default_rng(seed).multinomial(n, shares, size=_RESAMPLES)
    drops = (counts[:, 0] - counts[:, 1]) / n
    low, high = np.quantile(drops, [(1 - confidence) / 2, (1 + confidence) / 2])
    return Interval(value=(regressions - improvements) / n, low=float(low), high=float(high))


def bootstrap_means(
    columns: Sequence[Sequence[float]], *, confidence: float = 0.95, seed: int = 0
) -> list[Interval]:
    """Return the mean of each column with its bootstrap percentile interval.

    Rows are drawn with replacement, the same for all columns (Efron and Tibshirani, "An Introduction to the
    Bootstrap", 1993, ch. 13), 10,000 times.

    Args:
        columns: Of the same length, at least 1: one value per item.
        confidence: Coverage, in (0, 1).
        seed: Same seed, same intervals.

    Raises:
        ValueError: If columns are empty or of different lengths.
    """
    import numpy as np

    if not columns:
        return []
    n = len(columns[0])
    if not n or any(len(column) != n for column in columns):
        raise ValueError("columns must have the same number of values, at least one")
    table = np.array(columns, dtype=float).T
    counts = np.random.default_rng(seed).multinomial(n, np.full(n, 1 / n), size=_RESAMPLES)
    means = counts @ table / n
    low, high = np.quantile(means, [(1 - confidence) / 2, (1 + confidence) / 2], axis=0)
    return [
        # Rounding must not push the mean of equal values out of its interval.
        Interval(value=float(value), low=float(min(below, value)), high=float(max(above, value)))
        for value, below, above in zip(table.mean(axis=0), low, high, strict=True)
    ]


def _wilson(share: float, n: float, confidence: float) -> Interval:
    from statistics import NormalDist

    z = NormalDist().inv_cdf((1 + confidence) / 2)
    centre = (share + z * z / (2 * n)) / (1 + z * z / n)
    half = z / (1 + z * z / n) * (share * (1 - share) / n + z * z / (4 * n * n)) ** 0.5
    # Rounding must not push the estimate out of its own interval at 0 and n successes.
    return Interval(
        value=share, low=max(0.0, min(centre - half, share)), high=min(1.0, max(centre + half, share))
    )
