"""The kinds of one model's first faults against another's: do some come up more often than others do?

Two questions that sound alike: whether a kind became more frequent among *problems* (a rate; nearly all kinds
do when a model loses), and whether it became more frequent among *faults* (a share; the mix has shifted).
"""

from collections import Counter
from collections.abc import Mapping
from typing import NamedTuple

from ..annotate.statistics import Ratio, difference_interval, mcnemar_p, wilson_interval
from ..annotate.tables import fisher_p, holm, odds_ratio
from ..datasets.records import ErrorType, Interval, Record
from ..datasets.taxonomy import TAXONOMY, Axis

_AXES = {kind.error_type: kind.axis for kind in TAXONOMY}


class Rate(Record):
    """How many problems have a first fault of one kind, by model, paired by problem."""

    variant_alone: int
    """Problems on which the variant alone has one."""
    reference_alone: int
    p: float
    """Exact McNemar test, adjusted by Holm's method over the kinds."""


class KindShift(Record):
    """One error type in both mixes."""

    variant: int
    """First faults."""
    reference: int
    variant_share: Interval | None
    """Of the variant's typed first faults, with its Wilson interval."""
    reference_share: Interval | None
    difference: Interval | None
    """Variant's share minus the other's, with Newcombe's interval."""
    p: float
    """Fisher's exact test that the shares are the same, adjusted by Holm's method over the kinds."""
    rate: Rate | None
    """`None` where not every solution of both models was judged."""


class OddsShift(Record):
    """Whether some kinds rose relative to others."""

    variant: tuple[int, int]
    """First faults of the kinds in question and of the others."""
    reference: tuple[int, int]
    ratio: Ratio | None
    """Odds ratio, variant over reference, with its exact interval; `None` where it is no number."""
    p: float
    """Fisher's exact test."""


class MixComparison(Record):
    """A model's error mix against another's."""

    variant: int
    """Typed first faults."""
    reference: int
    kinds: dict[ErrorType, KindShift]
    p: float
    """Fisher's exact test that both mixes are one, all kinds together."""
    numerical: OddsShift
    """Numerical computation against reasoning planning (the axes of arXiv 2501.03035)."""
    procedure: OddsShift
    """Method and execution against conceptual (the claim of arXiv 2505.11574)."""


class KindsOf(NamedTuple):
    """The kinds of one model's first faults."""

    kinds: Mapping[str, ErrorType]
    """By problem; faults of unknown kind are left out."""
    complete: bool
    """Whether every solution was judged, so that a problem that is not there has no fault."""


def compare_mixes(variant: KindsOf, reference: KindsOf) -> MixComparison:
    """Compare the kinds of two models' first faults.

    For shares, faults count as independent: they are mostly on different problems. Rates are paired.
    """
    ours, theirs = Counter(variant.kinds.values()), Counter(reference.kinds.values())
    present = [kind for kind in ErrorType if ours[kind] or theirs[kind]]
    total, other_total = ours.total(), theirs.total()
    share_ps = holm(
        [
            fisher_p((ours[kind], total - ours[kind]), (theirs[kind], other_total - theirs[kind]))
            for kind in present
        ]
    )
    alone = {kind: _alone(variant.kinds, reference.kinds, kind) for kind in present}
    rate_ps = holm([mcnemar_p(*alone[kind]) for kind in present])
    paired = variant.complete and reference.complete
    kinds: dict[ErrorType, KindShift] = {}
    for kind, share_p, rate_p in zip(present, share_ps, rate_ps, strict=True):
        one = wilson_interval(ours[kind], total) if total else None
        other = wilson_interval(theirs[kind], other_total) if other_total else None
        kinds[kind] = KindShift(
            variant=ours[kind],
            reference=theirs[kind],
            variant_share=one,
            reference_share=other,
            difference=difference_interval(one, other) if one and other else None,
            p=share_p,
            rate=Rate(variant_alone=alone[kind][0], reference_alone=alone[kind][1], p=rate_p)
            if paired
            else None,
        )
    numerical = {kind for kind, axis in _AXES.items() if axis is Axis.NUMERICAL_COMPUTATION}
    planning = {kind for kind, axis in _AXES.items() if axis is Axis.REASONING_PLANNING}
    return MixComparison(
        variant=total,
        reference=other_total,
        kinds=kinds,
        p=fisher_p([ours[kind] for kind in ErrorType], [theirs[kind] for kind in ErrorType]),
        numerical=_odds(ours, theirs, numerical, planning),
        procedure=_odds(ours, theirs, {ErrorType.METHOD, ErrorType.EXECUTION}, {ErrorType.CONCEPTUAL}),
    )


def _alone(
    variant: Mapping[str, ErrorType], reference: Mapping[str, ErrorType], kind: ErrorType
) -> tuple[int, int]:
    ours = {problem for problem, found in variant.items() if found is kind}
    theirs = {problem for problem, found in reference.items() if found is kind}
    return len(ours - theirs), len(theirs - ours)


def _odds(
    ours: Counter[ErrorType], theirs: Counter[ErrorType], kinds: set[ErrorType], others: set[ErrorType]
) -> OddsShift:
    def pair(counts: Counter[ErrorType]) -> tuple[int, int]:
        return sum(counts[kind] for kind in kinds), sum(counts[kind] for kind in others)

    one, other = pair(ours), pair(theirs)
    return OddsShift(variant=one, reference=other, ratio=odds_ratio(one, other), p=fisher_p(one, other))
