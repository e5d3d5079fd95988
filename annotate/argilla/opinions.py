"""What reviewers said, for the person who decides between them."""

from collections.abc import Sequence

from ...datasets.records import Review, VerdictStatus
from .markdown import labelled


def opinions(reviews: Sequence[Review]) -> str:
    """Write what each said as Markdown: escaped, in an order that tells nothing, without their names."""
    said = sorted(reviews, key=lambda one: (one.first_fault is None, one.first_fault or 0, one.reviewer))
    return "\n\n".join(part for number, one in enumerate(said, 1) for part in _said(number, one))


def _said(number: int, review: Review) -> list[str]:
    if review.status is VerdictStatus.CLEAN:
        found = "no faulty step"
    elif review.first_fault is None:
        found = "cannot tell"
    else:
        kind = review.error_type.value if review.error_type else "kind not given"
        exactly = f" ({review.subtype.value.replace('_', ' ')})" if review.subtype else ""
        found = f"step {review.first_fault + 1}, {kind}{exactly}"
    parts = [f"**Reviewer {number}:** {found}."]
    if review.rationale:
        parts.append(labelled("Why", review.rationale))
    if review.corrected_step:
        parts.append(labelled("It should be", review.corrected_step))
    return parts
