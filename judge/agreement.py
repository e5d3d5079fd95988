"""How well a judge agrees with the truth: people's labels, or the oracle of a synthetic set."""

from collections.abc import Iterable

from ..annotate.statistics import Interval, wilson_interval
from ..datasets.records import Record, Verdict, VerdictStatus


class Agreement(Record):
    """Agreement of one judge with the truth. A share over nothing is `None`."""

    judge: str
    items: int
    faulty: int
    """Solutions that are faulty in truth."""
    clean: int
    """Solutions that are clean in truth."""
    flagged: int
    """Faulty solutions that the judge calls faulty."""
    first_fault: Interval | None
    """Share of the faulty solutions whose first fault it names exactly; abstaining counts against it."""
    within_one: Interval | None
    """The same, one step off allowed."""
    error_type: Interval | None
    """Share of right error types among the faulty solutions whose type is known; abstaining counts
    against it."""
    flagged_right: Interval | None
    """Share of the flagged faulty solutions whose first fault it names exactly."""
    false_alarms: Interval | None
    """Share of the clean solutions that it calls faulty."""
    abstained: int
    """Verdicts `unsure` or `unscored`."""


def measure_agreement(judge: str, pairs: Iterable[tuple[Verdict, Verdict]]) -> Agreement:
    """Compare verdicts with the truth.

    Args:
        judge: Name of the judge.
        pairs: (its verdict, the truth) per solution. The truth is `faulty` or `clean`; other pairs
            are left out.

    Returns:
        The shares, each with its 95% Wilson interval.

    Raises:
        ValueError: If a pair is about two solutions.
    """
    known: list[tuple[Verdict, Verdict]] = []
    for verdict, truth in pairs:
        if verdict.solution_id != truth.solution_id:
            raise ValueError(f"verdict on {verdict.solution_id}, truth on {truth.solution_id}")
        if truth.status in (VerdictStatus.FAULTY, VerdictStatus.CLEAN):
            known.append((verdict, truth))
    faulty = [(verdict, truth) for verdict, truth in known if truth.status is VerdictStatus.FAULTY]
    clean = [verdict for verdict, truth in known if truth.status is VerdictStatus.CLEAN]
    flagged = [pair for pair in faulty if pair[0].status is VerdictStatus.FAULTY]
    exact = sum(_distance(*pair) == 0 for pair in faulty)
    typed = [(verdict, truth) for verdict, truth in faulty if truth.error_type is not None]
    return Agreement(
        judge=judge,
        items=len(known),
        faulty=len(faulty),
        clean=len(clean),
        flagged=len(flagged),
        first_fault=_share(exact, len(faulty)),
        within_one=_share(sum(_distance(*pair) <= 1 for pair in faulty), len(faulty)),
        error_type=_share(
            sum(verdict.error_type is truth.error_type for verdict, truth in typed), len(typed)
        ),
        flagged_right=_share(exact, len(flagged)),
        false_alarms=_share(sum(verdict.status is VerdictStatus.FAULTY for verdict in clean), len(clean)),
        abstained=sum(
            verdict.status in (VerdictStatus.UNSURE, VerdictStatus.UNSCORED) for verdict, _ in known
        ),
    )


def _distance(verdict: Verdict, truth: Verdict) -> float:
    if verdict.first_fault is None or truth.first_fault is None:
        return float("inf")
    return abs(verdict.first_fault - truth.first_fault)


def _share(successes: int, of: int) -> Interval | None:
    return wilson_interval(successes, of) if of else None
