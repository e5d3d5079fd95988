"""What reviewers said, for the person who decides between them."""

from collections.abc import Sequence

from ...datasets.records import Review, VerdictStatus
from .markdown import to_markdown


def opinions(reviews: Sequence[Review]) -> str:
    """Write what each said as Markdown: escaped, in an order that tells nothing, without their names."""
    said = sorted(reviews, key=lambda one: (one.first_fault is None, one.first_fault or 0, one.reviewer))
    return "\n\n".join(f"**Reviewer {number}:** {_said(one)}" for number, one in enumerate(said, 1))


def _said(review: Review) -> str:
    if review.status is VerdictStatus.CLEAN:
        parts = ["no faulty step."]
    elif review.first_fault is None:
        parts = ["cannot tell."]
    else:
        kind = review.error_type.value if review.error_type else "kind not given"
        exactly = f" ({review.subtype.value.replace('_', ' ')})" if review.subtype else ""
        parts = [f"step {review.first_fault + 1}, {kind}{exactly}."]
    if review.rationale:
        parts.append(f"Why: {to_markdown(review.rationale)}")
    if review.corrected_step:
        parts.append(f"It should be: {to_markdown(review.corrected_step)}")
    return " ".join(parts)
