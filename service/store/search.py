"""Finding solutions that have a verdict, by what was found on them and by whom."""

from typing import NamedTuple

from sqlalchemy import ColumnElement, Select, exists, or_, select
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

    def scope(self) -> list[ColumnElement[bool]]:
        """Return the conditions on solutions, whoever found what on them."""
        found: list[ColumnElement[bool]] = []
        if self.job is not None:
            found.append(Item.job_id == self.job)
        if self.run is not None:
            found.append(Item.job_id.in_(select(Job.id).where(Job.run == self.run)))
        if self.disagree is not None:
            found.append(Item.disagree == self.disagree)
        if self.needs_review is not None:
            found.append(Item.needs_review == self.needs_review)
        return found

    def _conditions(self) -> list[ColumnElement[bool]]:
        if self.judge is None:
            return [*self.scope(), *findings(Item, self)]
        own = [Item.judge == self.judge, *findings(Item, self)]
        votes = exists().where(Vote.item_id == Item.id, Vote.judge == self.judge, *findings(Vote, self))
        both = own[0]
        for condition in own[1:]:
            both = both & condition
        return [*self.scope(), or_(both, votes)]


def findings(of: type[Item] | type[Vote], wanted: Wanted) -> list[ColumnElement[bool]]:
    """Return the conditions on what was found, by whoever counts or by a judge."""
    found: list[ColumnElement[bool]] = []
    if wanted.status is not None:
        found.append(of.status == wanted.status.value)
    if wanted.error_type is not None:
        found.append(of.error_type == wanted.error_type.value)
    if wanted.first_fault is not None:
        found.append(of.first_fault == wanted.first_fault)
    return found


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
