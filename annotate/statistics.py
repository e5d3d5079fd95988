"""Paired statistics of two models on the same problems."""

from ..datasets.records import Record

_RESAMPLES = 10_000


class Interval(Record):
    """An estimate with its confidence interval."""

    value: float
    low: float
    high: float


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
    from statistics import NormalDist

    if not 0 <= successes <= n or n < 1:
        raise ValueError(f"{successes} of {n} is not a proportion")
    z = NormalDist().inv_cdf((1 + confidence) / 2)
    share = successes / n
    centre = (share + z * z / (2 * n)) / (1 + z * z / n)
    half = z / (1 + z * z / n) * (share * (1 - share) / n + z * z / (4 * n * n)) ** 0.5
    # Rounding must not push the estimate out of its own interval at 0 and n successes.
    return Interval(
        value=share, low=max(0.0, min(centre - half, share)), high=min(1.0, max(centre + half, share))
    )


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
