"""Finding solutions that have a verdict, by what was found on them and by whom."""

from collections.abc import Sequence
from typing import Any, NamedTuple

from sqlalchemy import ColumnElement, Select, exists, func, or_, select
from sqlalchemy.orm import Session

from ...datasets.records import ErrorType, VerdictStatus
from .tables import Item, Job, Vote

LARGEST = 2**31 - 1


class Wanted(NamedTuple):
    """Which solutions; of what is left out, all."""

    run: str | None = None
    job: str | None = None
    status: VerdictStatus | None = None
    error_type: ErrorType | None = None
    first_fault: int | None = None
    """0-based."""
    judge: str | None = None
    """Then status, error type and first fault are those of this judge's vote."""
    disagree: bool | None = None
    needs_review: bool | None = None

    def within(self) -> Select[Item]:
        """Return the query of them."""
        query = select(Item).where(Item.status.is_not(None))
        for condition in self._conditions():
            query = query.where(condition)
        return query

    def _conditions(self) -> list[ColumnElement[bool]]:
        found: list[ColumnElement[bool]] = []
        if self.job is not None:
            found.append(Item.job_id == self.job)
        if self.run is not None:
            found.append(Item.job_id.in_(select(Job.id).where(Job.run == self.run)))
        if self.disagree is not None:
            found.append(Item.disagree == self.disagree)
        if self.needs_review is not None:
            found.append(Item.needs_review == self.needs_review)
        if self.judge is None:
            return found + _findings(Item, self)
        own = [Item.judge == self.judge, *_findings(Item, self)]
        votes = exists().where(Vote.item_id == Item.id, Vote.judge == self.judge, *_findings(Vote, self))
        both = own[0]
        for condition in own[1:]:
            both = both & condition
        return [*found, or_(both, votes)]


def _findings(of: type[Item] | type[Vote], wanted: Wanted) -> list[ColumnElement[bool]]:
    found: list[ColumnElement[bool]] = []
    if wanted.status is not None:
        found.append(of.status == wanted.status.value)
    if wanted.error_type is not None:
        found.append(of.error_type == wanted.error_type.value)
    if wanted.first_fault is not None:
        found.append(of.first_fault == wanted.first_fault)
    return found


class Counts(NamedTuple):
    """How many solutions of a run, a job or all were found to be what."""

    status: dict[VerdictStatus, int]
    error_type: dict[ErrorType, int]
    judges: list[str]

    @classmethod
    def of(cls, session: Session, wanted: Wanted) -> "Counts":
        """Count those of the run or job that is named, whatever else is wanted."""
        jobs = select(Job)
        items = select(Item.error_type, func.count()).where(Item.error_type.is_not(None))
        if wanted.job is not None:
            jobs = jobs.where(Job.id == wanted.job)
        if wanted.run is not None:
            jobs = jobs.where(Job.run == wanted.run)
        if wanted.job is not None or wanted.run is not None:
            items = items.where(Item.job_id.in_(jobs.with_only_columns(Job.id)))
        found: Sequence[Any] = session.scalars(jobs).all()
        types = {row[0]: row[1] for row in session.execute(items.group_by(Item.error_type))}
        return cls(
            {status: sum(getattr(job, status.value) for job in found) for status in VerdictStatus},
            {kind: types[kind.value] for kind in ErrorType if kind.value in types},
            sorted({judge for job in found for judge in job.voters or ()}),
        )


def neighbours(session: Session, wanted: Wanted, item: int) -> tuple[int | None, int | None]:
    """Return those before and after one, among what is wanted."""
    ids = wanted.within().with_only_columns(Item.id)
    before = session.scalar(ids.where(Item.id < item).order_by(Item.id.desc()).limit(1))
    after = session.scalar(ids.where(Item.id > item).order_by(Item.id).limit(1))
    return before, after


def start(session: Session, wanted: Wanted, item: int, before: int) -> int:
    """Return after which id a list begins that shows one, and so many before it; 0 where it begins anyway."""
    ids = wanted.within().with_only_columns(Item.id)
    earlier = session.scalars(ids.where(Item.id < item).order_by(Item.id.desc()).limit(before + 1)).all()
    return earlier[-1] if len(earlier) > before else 0
