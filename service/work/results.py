"""What was found, stored: verdicts, how far their job is, and the metrics' counts."""

from collections import Counter
from collections.abc import Sequence
from typing import NamedTuple

from sqlalchemy import select, update
from sqlalchemy.orm import Session

from ...datasets.records import Verdict, VerdictStatus
from ...judge.voting import USABLE
from ..store.database import now
from ..store.tables import Item, Job
from ..store.tallies import BUCKET, BUCKETS, JUDGED, PANELS, SECONDS, VERDICTS, Counts, add
from ..store.verdicts import differ, store
from .states import JobState


class Judged(NamedTuple):
    """A verdict on a solution of a job."""

    item: Item
    verdict: Verdict
    usd: float | None
    """What its requests cost, whenever they were paid; `None` where no price is known."""


def write(session: Session, job: Job, judged: Sequence[Judged], seconds: float, voters: list[str]) -> bool:
    """Write verdicts to the solutions that have none, and count them.

    Args:
        session: In whose transaction.
        job: The solutions'.
        judged: The verdicts.
        seconds: How long each took.
        voters: Names of the job's judges.

    Returns:
        Whether the job is still there; of one that was deleted nothing is written.
    """
    # First the job: whoever has its row is alone with its items.
    changed = update(Job).where(Job.id == job.id).values(voters=voters).returning(Job.id)
    if session.execute(changed).first() is None:
        return False
    ids = [one.item.id for one in judged]
    open_items = set(
        session.scalars(select(Item.id).where(Item.job_id == job.id, Item.id.in_(ids), Item.status.is_(None)))
    )
    new = [one for one in judged if one.item.id in open_items]
    if new:
        store(session, [(one.item.id, one.verdict, one.usd) for one in new])
        _count(session, job, new, seconds)
    return True


def _count(session: Session, job: Job, new: Sequence[Judged], seconds: float) -> None:
    found = Counter(one.verdict.status for one in new)
    done = {status.value: getattr(Job, status.value) + found[status] for status in VerdictStatus}
    session.execute(update(Job).where(Job.id == job.id).values(done=Job.done + len(new), **done))
    session.execute(
        update(Job)
        .where(Job.id == job.id, Job.done == Job.items, Job.state == JobState.RUNNING.value)
        .values(state=JobState.DONE.value, ended_at=now())
    )
    counts = Counts()
    for one in new:
        kind = one.verdict.error_type.value if one.verdict.error_type else ""
        counts.count(VERDICTS, status=one.verdict.status.value, error_type=kind)
        usable = [vote for vote in one.verdict.votes if vote.status in USABLE]
        if len(usable) > 1:
            counts.count(PANELS, panel=job.panel, agree=str(not differ(usable)).lower())
    counts.count(JUDGED, len(new), panel=job.panel)
    counts.count(SECONDS, seconds * len(new), panel=job.panel)
    for bound in BUCKETS:
        counts.count(BUCKET, len(new) if seconds <= bound else 0, panel=job.panel, le=str(bound))
    add(session, counts)
