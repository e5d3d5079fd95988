"""How many solutions were found to be what, among those that the other filters leave."""

from collections import Counter
from collections.abc import Sequence
from typing import Any, NamedTuple

from sqlalchemy import Executable, Select, func, select, union
from sqlalchemy.orm import Session

from ...datasets.records import ErrorType, VerdictStatus
from .search import Wanted, findings
from .tables import Item, Job, Vote

Table = Counter[tuple[str, str | None]]
"""How many there are of a status and an error type."""
_MOST_KEPT = 256
_kept: dict[tuple[object, ...], Table] = {}
"""Tables that took a look at every solution, by what was wanted and how far its jobs were."""


class Counts(NamedTuple):
    """How many solutions were found to be what."""

    status: dict[VerdictStatus, int]
    """Of all that is wanted but for the status."""
    error_type: dict[ErrorType, int]
    """Of all that is wanted but for the error type; of what there is."""
    judges: list[str]
    """Of the jobs that are named."""

    @classmethod
    def of(cls, session: Session, wanted: Wanted) -> "Counts":
        """Count what is wanted."""
        jobs = session.scalars(_jobs(wanted)).all()
        table = _table(session, wanted, jobs)
        status = wanted.status and wanted.status.value
        kind = wanted.error_type and wanted.error_type.value
        statuses, kinds = Counter[str](), Counter[str | None]()
        for (its_status, its_kind), count in table.items():
            if kind in (None, its_kind):
                statuses[its_status] += count
            if status in (None, its_status):
                kinds[its_kind] += count
        return cls(
            {one: statuses[one.value] for one in VerdictStatus},
            {one: kinds[one.value] for one in ErrorType if kinds[one.value]},
            sorted({judge for job in jobs for judge in job.voters or ()}),
        )


def _jobs(wanted: Wanted) -> Select[Job]:
    jobs = select(Job)
    if wanted.job is not None:
        jobs = jobs.where(Job.id == wanted.job)
    if wanted.run is not None:
        jobs = jobs.where(Job.run == wanted.run)
    return jobs


def _table(session: Session, wanted: Wanted, jobs: Sequence[Job]) -> Table:
    others = wanted._replace(status=None, error_type=None)
    if others == Wanted(run=wanted.run, job=wanted.job):
        return _summed(session, others, jobs)
    # No index holds all that may be asked for. What was counted stays true until one of the jobs moves.
    key = (str(session.get_bind().engine.url), others, *(_progress(job) for job in jobs))
    found = _kept.get(key)
    if found is None:
        found = _kept[key] = _counted(session, others)
        for old in list(_kept)[:-_MOST_KEPT]:
            _kept.pop(old, None)
    return found


def _progress(job: Job) -> tuple[object, ...]:
    return job.id, job.starts, job.faulty, job.clean, job.unsure, job.unscored, job.usd, job.stamp


def _summed(session: Session, wanted: Wanted, jobs: Sequence[Job]) -> Table:
    """All of the jobs: their own counts and an index tell."""
    items = select(Item.error_type, func.count()).where(Item.error_type.is_not(None))
    if wanted.job is not None or wanted.run is not None:
        items = items.where(Item.job_id.in_(_jobs(wanted).with_only_columns(Job.id)))
    table = Table({(one.value, None): sum(getattr(job, one.value) for job in jobs) for one in VerdictStatus})
    # Only what is faulty has an error type.
    faulty = VerdictStatus.FAULTY.value
    for kind, count in session.execute(items.group_by(Item.error_type)):
        table[faulty, kind] += count
        table[faulty, None] -= count
    return table


def _counted(session: Session, wanted: Wanted) -> Table:
    """Those that have been looked at one by one."""
    if wanted.judge is None:
        query = wanted.within().with_only_columns(Item.status, Item.error_type, func.count())
        return _read(session, query.group_by(Item.status, Item.error_type))
    own = wanted._replace(judge=None).within().where(Item.judge == wanted.judge)
    votes = select(Vote.item_id, Vote.status, Vote.error_type).where(
        Vote.judge == wanted.judge, *findings(Vote, wanted)
    )
    if scope := wanted.scope():
        votes = votes.where(Vote.item_id.in_(select(Item.id).where(*scope)))
    both = union(own.with_only_columns(Item.id, Item.status, Item.error_type), votes).subquery()
    status, kind = both.c.status, both.c.error_type
    return _read(session, select(status, kind, func.count()).group_by(status, kind))


def _read(session: Session, query: Executable) -> Table:
    rows: Sequence[Any] = session.execute(query).all()
    return Table({(status, kind): count for status, kind, count in rows})
