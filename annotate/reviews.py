"""What several people's reviews of one solution amount to."""

from collections.abc import Iterable, Sequence
from typing import NamedTuple

from ..datasets.records import Review, Verdict, VerdictStatus

PEOPLE = "people"
"""The judge's name of a verdict that people settled."""
DECIDED = (VerdictStatus.FAULTY, VerdictStatus.CLEAN)


class Settlement(NamedTuple):
    """What is settled about one solution."""

    verdict: Verdict | None
    """Of the people; `None` as long as they differ on the first fault, or nobody could tell."""
    disputed: bool
    """Whether another person should look: they differ on the first fault or its type, or one could not
    tell."""
    reviews: tuple[Review, ...]
    """The last one of each person, adjudications last."""


def settle(reviews: Iterable[Review]) -> dict[str, Settlement]:
    """Settle what can be settled, by the id of the solution.

    The last review of each person counts. Who adjudicates decides alone; the others must agree. Where they
    agree on the first fault and differ on its type, the verdict has no type.
    """
    latest: dict[tuple[str, str], Review] = {}
    for review in sorted(reviews, key=when):
        latest[review.solution_id, review.reviewer] = review
    by_solution: dict[str, list[Review]] = {}
    for review in latest.values():
        by_solution.setdefault(review.solution_id, []).append(review)
    return {solution: _settled(said) for solution, said in by_solution.items()}


def overrule(verdicts: Sequence[Verdict], reviews: Iterable[Review]) -> list[Verdict]:
    """Put what people settled in the place of what judges said, whose verdicts are kept as votes.

    A dispute that nobody adjudicated leaves the judge's verdict standing, marked `needs_review`.
    """
    settled = settle(reviews)
    return [_overruled(verdict, settled.get(verdict.solution_id)) for verdict in verdicts]


def when(review: Review) -> str:
    """When a person said it, as far as is known; sorts by time."""
    return review.updated_at or review.created_at or ""


def _overruled(verdict: Verdict, settlement: Settlement | None) -> Verdict:
    if settlement is None:
        return verdict
    if settlement.verdict is None:
        return verdict.model_copy(update={"needs_review": True})
    return settlement.verdict.model_copy(update={"votes": (verdict,), "needs_review": settlement.disputed})


def _settled(reviews: Sequence[Review]) -> Settlement:
    kept = tuple(sorted(reviews, key=lambda one: (one.adjudicates, when(one), one.reviewer)))
    final = [one for one in kept if one.adjudicates and one.status in DECIDED]
    if final:
        return Settlement(_verdict(final[-1:]), disputed=False, reviews=kept)
    decided = [one for one in kept if one.status in DECIDED]
    if len({(one.status, one.first_fault) for one in decided}) != 1:
        return Settlement(None, disputed=True, reviews=kept)
    verdict = _verdict(decided)
    differ = len({one.error_type for one in decided}) > 1
    return Settlement(verdict, disputed=differ or len(decided) < len(kept), reviews=kept)


def _verdict(agreed: Sequence[Review]) -> Verdict:
    # From the last to the first: who came later may have mended what was written.
    ordered = list(reversed(agreed))
    first = ordered[0]
    is_faulty = first.status is VerdictStatus.FAULTY
    types = {one.error_type for one in ordered}
    subtypes = {one.subtype for one in ordered}
    error_type = first.error_type if is_faulty and len(types) == 1 else None
    return Verdict(
        solution_id=first.solution_id,
        judge=PEOPLE,
        status=first.status,
        first_fault=first.first_fault if is_faulty else None,
        error_type=error_type,
        subtype=first.subtype if error_type is not None and len(subtypes) == 1 else None,
        rationale=next((one.rationale for one in ordered if one.rationale), ""),
        corrected_step=next((one.corrected_step for one in ordered if one.corrected_step), None),
    )
