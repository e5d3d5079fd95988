"""Verdicts as rows: what is kept of one beside its record, so that it can be found."""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import bindparam, insert, update
from sqlalchemy.orm import Session

from ...datasets.records import Verdict
from ...datasets.store import sendable
from ...judge.voting import USABLE
from .database import now
from .tables import Item, Vote

COLUMNS = (
    "status",
    "first_fault",
    "error_type",
    "confidence",
    "needs_review",
    "usd",
    "rationale",
    "verdict",
    "judged_at",
    "judge",
    "disagree",
)
_UPDATE = (
    update(Item.__table__)  # pyright: ignore[reportArgumentType]
    .where(Item.__table__.c.id == bindparam("key"))
    .values({name: bindparam(f"new_{name}") for name in COLUMNS})
)


def columns(verdict: Verdict, usd: float | None, judged: Sequence[Verdict] = ()) -> dict[str, Any]:
    """Return what the row of a solution says of its verdict.

    Args:
        verdict: What counts.
        usd: What it cost; `None` where no price is known.
        judged: What its judges found; the verdict's votes when left out.
    """
    kind = verdict.error_type
    return {
        "status": verdict.status.value,
        "first_fault": verdict.first_fault,
        "error_type": kind.value if kind else None,
        "confidence": verdict.confidence,
        "needs_review": verdict.needs_review,
        "usd": usd,
        "rationale": _storable(verdict.rationale or verdict.reason or ""),
        "verdict": sendable(verdict.model_dump(mode="json")).decode(),
        "judged_at": now(),
        "judge": verdict.judge,
        "disagree": differ(judged or verdict.votes),
    }


def differ(votes: Sequence[Verdict]) -> bool:
    """Whether judges found different things: faulty or clean, or another first fault."""
    return len({(vote.status, vote.first_fault) for vote in votes if vote.status in USABLE}) > 1


def vote_rows(item_id: int, votes: Sequence[Verdict]) -> list[dict[str, Any]]:
    """Return the rows of several judges' votes; none of a judge that speaks for itself."""
    return [
        {
            "item_id": item_id,
            "place": place,
            "judge": vote.judge,
            "status": vote.status.value,
            "first_fault": vote.first_fault,
            "error_type": vote.error_type.value if vote.error_type else None,
        }
        for place, vote in enumerate(votes)
    ]


def store(session: Session, found: Sequence[tuple[int, Verdict, float | None]]) -> None:
    """Write verdicts into the rows of their items: (item, verdict, US dollars)."""
    session.connection().execute(
        _UPDATE,
        [
            {"key": item, **{f"new_{name}": value for name, value in columns(verdict, usd).items()}}
            for item, verdict, usd in found
        ],
    )
    votes = [row for item, verdict, _ in found for row in vote_rows(item, verdict.votes)]
    if votes:
        session.execute(insert(Vote), votes)


def _storable(text: str) -> str:
    # As databases take it: no NUL, no half of a surrogate pair.
    return text.replace("\0", "\ufffd").encode("utf-8", "replace").decode()
