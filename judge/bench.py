"""Scores of a judge on labelled solutions.

The headline is ProcessBench's F1 (arXiv 2412.06559), computed as its authors do. Every verdict that is
not exactly right counts as wrong there, `unsure` and `unscored` too; how many those are is told
beside it, and what a right one costs.
"""

from collections import Counter
from collections.abc import Sequence
from typing import NamedTuple

from ..annotate.reliability import cohen_kappa, krippendorff_alpha
from ..annotate.statistics import Interval
from ..datasets.records import Record, Verdict, VerdictStatus

_RESAMPLES = 2_000
_USABLE = (VerdictStatus.FAULTY, VerdictStatus.CLEAN)
_CLEAN = VerdictStatus.CLEAN.value
_UNTYPED = "no type"
_ABSTAINED = "no verdict"


class Marked(NamedTuple):
    """One labelled solution and what a judge says of it."""

    truth: Verdict
    verdict: Verdict | None
    """`None` where the judge gave none; counts as `unscored`."""
    usd: float | None = None
    """What asking for the verdict cost in US dollars, where that is known."""
    has_usage: bool = True
    """Whether the verdict's usage is what was used; labels from elsewhere don't tell."""


class Reliability(Record):
    """Agreement of a judge with the labels beyond chance; `None` where it is undefined."""

    kappa: Interval | None
    """Cohen's; abstaining counts as disagreement."""
    alpha: Interval | None
    """Krippendorff's, nominal; items that the judge abstains on are left out."""


class Cost(Record):
    """What the verdicts took, wrong ones included, and what that comes to for each right one.

    A verdict is right when it names the first fault exactly, or rightly says that there is none.
    """

    right: int
    requests: int
    tokens: int
    """To read and to write."""
    usd: float | None
    """US dollars; `None` where a price is not known."""
    tokens_per_right: float | None
    """`None` where no verdict is right."""
    usd_per_right: float | None


class Scores(Record):
    """How good a judge is. Accuracies and F1 are percentages; one over nothing is `None`."""

    items: int
    faulty: int
    """Solutions labelled faulty."""
    clean: int
    """Solutions labelled clean."""
    accuracy_faulty: float | None
    """Share of the faulty ones whose first fault it names exactly."""
    accuracy_clean: float | None
    """Share of the clean ones that it calls clean."""
    f1: Interval | None
    """Harmonic mean of the two, with its bootstrap interval."""
    within_one: float | None
    """Share of the faulty ones whose first fault it names to within one step."""
    unsure: int
    unscored: int
    """Items without a verdict included."""
    status: Reliability
    """On faulty or clean."""
    first_fault: Reliability
    """On the step, or clean."""
    error_type: Reliability
    """On the type, over faulty solutions whose type is labelled."""
    cost: Cost | None
    """`None` where the verdicts don't tell what they took."""
    confusion: dict[str, dict[str, int]]
    """Per labelled type, how often the judge says what: a type, `no type`, `clean` or `no verdict`."""


def score(marked: Sequence[Marked], *, seed: int = 0) -> Scores:
    """Score verdicts against labels.

    Args:
        marked: Labels and verdicts; labels that are neither `faulty` nor `clean` are left out.
        seed: Of the bootstrap; same seed, same intervals.
    """
    known = [one for one in marked if one.truth.status in _USABLE]
    faulty = [one for one in known if one.truth.status is VerdictStatus.FAULTY]
    clean = [one for one in known if one.truth.status is VerdictStatus.CLEAN]
    typed = [one for one in faulty if one.truth.error_type is not None]
    exact, right = sum(map(_is_right, faulty)), sum(map(_is_right, clean))
    statuses = Counter(one.verdict.status if one.verdict else VerdictStatus.UNSCORED for one in known)
    confusion: dict[str, dict[str, int]] = {}
    for one in typed:
        row = confusion.setdefault(one.truth.error_type or "", {})
        said = _said_type(one.verdict) or _ABSTAINED
        row[said] = row.get(said, 0) + 1
    return Scores(
        items=len(known),
        faulty=len(faulty),
        clean=len(clean),
        accuracy_faulty=_percent(exact, len(faulty)),
        accuracy_clean=_percent(right, len(clean)),
        f1=_f1(exact, len(faulty), right, len(clean), seed),
        within_one=_percent(sum(map(_is_near, faulty)), len(faulty)),
        unsure=statuses[VerdictStatus.UNSURE],
        unscored=statuses[VerdictStatus.UNSCORED],
        status=_reliability([(_said_status(one.truth), _said_status(one.verdict)) for one in known], seed),
        first_fault=_reliability([(_said_step(one.truth), _said_step(one.verdict)) for one in known], seed),
        error_type=_reliability([(_said_type(one.truth), _said_type(one.verdict)) for one in typed], seed),
        cost=_cost(known, exact + right),
        confusion=confusion,
    )


def harmonic_mean(accuracy_faulty: float, accuracy_clean: float) -> float:
    """ProcessBench's F1 of its two accuracies; 0 where both are 0."""
    total = accuracy_faulty + accuracy_clean
    return 2 * accuracy_faulty * accuracy_clean / total if total else 0.0


def _is_right(one: Marked) -> bool:
    return one.verdict is not None and _said_step(one.verdict) == _said_step(one.truth)


def _is_near(one: Marked) -> bool:
    said = one.verdict.first_fault if one.verdict else None
    return said is not None and one.truth.first_fault is not None and abs(said - one.truth.first_fault) <= 1


def _cost(marked: Sequence[Marked], right: int) -> Cost | None:
    given = [one for one in marked if one.verdict is not None]
    if not given or not all(one.has_usage for one in given):
        return None
    usages = [one.verdict.usage for one in given if one.verdict is not None]
    tokens = sum(usage.prompt_tokens + usage.completion_tokens for usage in usages)
    prices = [one.usd for one in given if one.usd is not None]
    usd = sum(prices) if len(prices) == len(given) else None
    return Cost(
        right=right,
        requests=sum(usage.requests for usage in usages),
        tokens=tokens,
        usd=usd,
        tokens_per_right=tokens / right if right else None,
        usd_per_right=usd / right if right and usd is not None else None,
    )


def _said_status(verdict: Verdict | None) -> str | None:
    return verdict.status.value if verdict is not None and verdict.status in _USABLE else None


def _said_step(verdict: Verdict | None) -> str | None:
    if verdict is None or verdict.status not in _USABLE:
        return None
    return _CLEAN if verdict.first_fault is None else str(verdict.first_fault)


def _said_type(verdict: Verdict | None) -> str | None:
    if verdict is None or verdict.status not in _USABLE:
        return None
    if verdict.first_fault is None:
        return _CLEAN
    return verdict.error_type.value if verdict.error_type else _UNTYPED


def _reliability(ratings: list[tuple[str | None, str | None]], seed: int) -> Reliability:
    return Reliability(kappa=cohen_kappa(ratings, seed=seed), alpha=krippendorff_alpha(ratings, seed=seed))


def _percent(count: int, of: int) -> float | None:
    return 100 * count / of if of else None


def _f1(exact: int, faulty: int, right: int, clean: int, seed: int) -> Interval | None:
    import numpy as np

    if not faulty or not clean:
        return None
    n = faulty + clean
    cells = np.array([exact, faulty - exact, right, clean - right]) / n
    drawn = np.random.default_rng(seed).multinomial(n, cells, size=_RESAMPLES)
    values = [
        harmonic_mean(100 * a / (a + b), 100 * c / (c + d))
        for a, b, c, d in ((int(a), int(b), int(c), int(d)) for a, b, c, d in drawn)
        if a + b and c + d
    ]
    value = harmonic_mean(100 * exact / faulty, 100 * right / clean)
    low, high = np.quantile(values or [value], [0.025, 0.975])
    return Interval(value=value, low=float(low), high=float(high))
