"""The service's tables.

`migrations/` makes them; a change here needs a migration there, and a test compares the two.
"""

from datetime import UTC, datetime
from typing import Any

from sqlalchemy import JSON, BigInteger, DateTime, Dialect, ForeignKey, Index, Integer, String, Text, text
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column
from sqlalchemy.types import TypeDecorator, TypeEngine

_SERIAL = BigInteger().with_variant(Integer, "sqlite")
"""SQLite numbers rows by itself only where their key is an INTEGER."""


class Time(TypeDecorator[datetime]):
    """A time in UTC. SQLite does not keep the zone, and PostgreSQL gives times in the server's."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """Return a time in UTC."""
        if value is None:
            return None
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)


class Base(DeclarativeBase):
    """Base of all tables."""

    type_annotation_map: dict[Any, TypeEngine[Any]] = {
        datetime: Time(),
        str: String(),
        dict[str, Any]: JSON(),
        list[str]: JSON(),
    }


class Key(Base):
    """Who may call. The key itself is not kept, only its hash."""

    __tablename__ = "keys"

    id: Mapped[str] = mapped_column(primary_key=True)
    name: Mapped[str]
    scope: Mapped[str]
    digest: Mapped[str]
    """SHA-256 of the secret, which is random and long: no slow hash is needed."""
    budget_usd: Mapped[float | None]
    """What all that is judged for it together may cost."""
    spent_usd: Mapped[float] = mapped_column(default=0.0)
    """What that has cost so far, of jobs that were deleted as well."""
    created_at: Mapped[datetime]
    revoked_at: Mapped[datetime | None]


class Job(Base):
    """Solutions to be judged, and how far that is."""

    __tablename__ = "jobs"

    id: Mapped[str] = mapped_column(primary_key=True)
    key_id: Mapped[str | None] = mapped_column(ForeignKey("keys.id"), index=True)
    """Whose it is; none where no keys are needed."""
    name: Mapped[str]
    panel: Mapped[str]
    judges: Mapped[dict[str, Any]]
    """The panel's configuration when the job was made: a job is judged by one panel throughout."""
    state: Mapped[str] = mapped_column(index=True)
    reason: Mapped[str | None]
    """Why it was stopped."""
    lanes: Mapped[int] = mapped_column(default=1)
    """Into how many parts it is cut, which several workers may judge at the same time."""
    starts: Mapped[int] = mapped_column(default=1)
    """How often it was started: once, and each time it was resumed."""
    budget_usd: Mapped[float | None]
    items: Mapped[int] = mapped_column(default=0)
    rejected: Mapped[int] = mapped_column(default=0)
    """Lines of the upload that are no solutions."""
    done: Mapped[int] = mapped_column(default=0)
    faulty: Mapped[int] = mapped_column(default=0)
    clean: Mapped[int] = mapped_column(default=0)
    unsure: Mapped[int] = mapped_column(default=0)
    unscored: Mapped[int] = mapped_column(default=0)
    usd: Mapped[float] = mapped_column(default=0.0)
    """What was paid for it: the ledger's answers are not paid again."""
    tokens: Mapped[int] = mapped_column(default=0)
    """Tokens that were paid."""
    created_at: Mapped[datetime]
    started_at: Mapped[datetime | None]
    ended_at: Mapped[datetime | None]
    voters: Mapped[list[str] | None]
    """Names of its judges, once it is judged."""
    run: Mapped[str | None] = mapped_column(index=True)
    """The run whose verdicts these are; none of what was posted."""
    stamp: Mapped[str | None]
    """Of the run's files when they were read."""
    owner: Mapped[str | None]
    """The mark of the folder that holds the run; none where it could not be marked."""


class Item(Base):
    """One solution of a job, and its verdict once there is one."""

    __tablename__ = "items"
    __table_args__ = (
        Index("ix_items_job_number", "job_id", "number", unique=True),
        Index("ix_items_status", "status", "id"),
        Index("ix_items_error_type", "error_type", "id"),
        Index("ix_items_job_status", "job_id", "status", "id"),
        Index("ix_items_job_error_type", "job_id", "error_type", "id"),
        Index("ix_items_disagree", "disagree", "id"),
        # The id of a solution that is gone is no other's: it stands in addresses that people share.
        {"sqlite_autoincrement": True},
    )

    id: Mapped[int] = mapped_column(_SERIAL, primary_key=True, autoincrement=True)
    job_id: Mapped[str] = mapped_column(ForeignKey("jobs.id", ondelete="CASCADE"))
    number: Mapped[int]
    """0-based place among the job's good rows."""
    name: Mapped[str]
    """The row's own `id`, else the solution's."""
    row: Mapped[str] = mapped_column(Text)
    """As it was uploaded: JSON."""
    status: Mapped[str | None]
    first_fault: Mapped[int | None]
    error_type: Mapped[str | None]
    confidence: Mapped[float | None]
    needs_review: Mapped[bool | None]
    usd: Mapped[float | None]
    rationale: Mapped[str | None] = mapped_column(Text)
    """Of an item without a label: the reason."""
    verdict: Mapped[str | None] = mapped_column(Text)
    """The whole record with its votes: JSON."""
    judged_at: Mapped[datetime | None]
    judge: Mapped[str | None]
    """Whose verdict it is: one judge's, the panel's, or people's."""
    disagree: Mapped[bool | None]
    """Whether its judges found different things."""
    context: Mapped[str | None] = mapped_column(Text)
    """What a run knows of it besides: full precision's solution, reviews, the pair. JSON."""


class Vote(Base):
    """What one of several judges found on a solution."""

    __tablename__ = "votes"
    __table_args__ = (Index("ix_votes_judge", "judge", "item_id"),)

    item_id: Mapped[int] = mapped_column(ForeignKey("items.id", ondelete="CASCADE"), primary_key=True)
    place: Mapped[int] = mapped_column(primary_key=True)
    """0-based, in the order in which judges were asked."""
    judge: Mapped[str]
    status: Mapped[str]
    first_fault: Mapped[int | None]
    error_type: Mapped[str | None]


class Task(Base):
    """Work on a run that somebody started: a command that goes on through crashes."""

    __tablename__ = "tasks"
    __table_args__ = (
        Index("ix_tasks_run", "run", "created_at"),
        # Two who ask for the same at the same time get one task.
        Index(
            "ix_tasks_waiting",
            "run",
            "action",
            "digest",
            unique=True,
            sqlite_where=text("state = 'queued'"),
            postgresql_where=text("state = 'queued'"),
        ),
    )

    id: Mapped[str] = mapped_column(primary_key=True)
    run: Mapped[str]
    action: Mapped[str]
    options: Mapped[dict[str, Any]]
    digest: Mapped[str | None]
    """SHA-256 of the options."""
    line: Mapped[str | None]
    """Where it waits for a worker that has its run."""
    key_id: Mapped[str | None] = mapped_column(ForeignKey("keys.id"))
    state: Mapped[str]
    result: Mapped[dict[str, Any] | None]
    """What the command said, as `--json` writes it."""
    reason: Mapped[str | None]
    """Why it failed."""
    created_at: Mapped[datetime]
    started_at: Mapped[datetime | None]
    ended_at: Mapped[datetime | None]


class Rejected(Base):
    """A line of an upload that is no solution."""

    __tablename__ = "rejected"

    job_id: Mapped[str] = mapped_column(ForeignKey("jobs.id", ondelete="CASCADE"), primary_key=True)
    line: Mapped[int] = mapped_column(primary_key=True)
    """1-based."""
    reason: Mapped[str]


class Answered(Base):
    """What a request with an idempotency key was answered."""

    __tablename__ = "answered"

    key_id: Mapped[str] = mapped_column(primary_key=True)
    """Empty where no keys are needed."""
    token: Mapped[str] = mapped_column(primary_key=True)
    fingerprint: Mapped[str]
    """SHA-256 of what was asked."""
    job_id: Mapped[str] = mapped_column(ForeignKey("jobs.id", ondelete="CASCADE"))
    created_at: Mapped[datetime]


class Change(Base):
    """The audit log: who changed what."""

    __tablename__ = "changes"

    id: Mapped[int] = mapped_column(_SERIAL, primary_key=True, autoincrement=True)
    at: Mapped[datetime]
    key_id: Mapped[str | None]
    action: Mapped[str]
    """E.g. `job.create`."""
    target: Mapped[str]
    detail: Mapped[dict[str, Any]]


class Tally(Base):
    """A count that only grows; what the metrics show of work that other processes did."""

    __tablename__ = "tallies"

    metric: Mapped[str] = mapped_column(primary_key=True)
    labels: Mapped[str] = mapped_column(primary_key=True)
    """JSON, with sorted keys."""
    value: Mapped[float]


class Worker(Base):
    """A process that works jobs off, as long as it lives."""

    __tablename__ = "workers"

    name: Mapped[str] = mapped_column(primary_key=True)
    seen_at: Mapped[datetime]
