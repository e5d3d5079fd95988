"""How often a solution with a fault still ends right.

Needs the first faults of *right* solutions too: where only wrong ones are judged, it is 0 by construction.
"""

from collections.abc import Sequence

from ..datasets.records import Interval, Record
from .hazard import Course, is_early
from .statistics import difference_interval, wilson_interval
from .tables import fisher_p


class Recovered(Record):
    """Solutions with a fault, and how many of them end right."""

    faulty: int
    right: int
    share: Interval | None
    """right / faulty, with its Wilson interval; `None` where none is faulty."""


class SelfRecovery(Record):
    """One model's self-recovery."""

    all: Recovered
    early: Recovered
    """Of first faults in the first half of the solution."""
    late: Recovered
    """Of those in the second half."""


class SelfRecoveryComparison(Record):
    """A variant's self-recovery against full precision's."""

    difference: Interval | None
    """Variant minus full precision, with Newcombe's interval; `None` where one has no faulty solution."""
    p: float
    """Two-sided, Fisher's exact test."""
    early_difference: Interval | None
    early_p: float


def self_recovery(courses: Sequence[Course]) -> SelfRecovery:
    """Count how often one model recovers."""
    faulty = [course for course in courses if course.first_fault is not None]
    return SelfRecovery(
        all=_recovered(faulty),
        early=_recovered([course for course in faulty if is_early(course) is True]),
        late=_recovered([course for course in faulty if is_early(course) is False]),
    )


def compare_recovery(variant: SelfRecovery, reference: SelfRecovery) -> SelfRecoveryComparison:
    """Compare two models' self-recovery.

    Their faulty solutions are mostly of different problems, so that they count as independent.
    """
    difference, p = _compare(variant.all, reference.all)
    early_difference, early_p = _compare(variant.early, reference.early)
    return SelfRecoveryComparison(
        difference=difference, p=p, early_difference=early_difference, early_p=early_p
    )


def _recovered(courses: Sequence[Course]) -> Recovered:
    right = sum(course.correct for course in courses)
    share = wilson_interval(right, len(courses)) if courses else None
    return Recovered(faulty=len(courses), right=right, share=share)


def _compare(one: Recovered, other: Recovered) -> tuple[Interval | None, float]:
    if one.share is None or other.share is None:
        return None, 1.0
    p = fisher_p((one.right, one.faulty - one.right), (other.right, other.faulty - other.right))
    return difference_interval(one.share, other.share), p
