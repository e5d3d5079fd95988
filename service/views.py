"""What the API shows of jobs, verdicts and keys."""

from datetime import datetime
from typing import TYPE_CHECKING, Any, Generic, Self, TypeVar

from pydantic import BaseModel, ConfigDict

from ..datasets.records import ErrorType, VerdictStatus
from .job_state import JobState
from .scope import Scope

if TYPE_CHECKING:
    from .tables import Change, Job, Key

T = TypeVar("T")


class View(BaseModel):
    """Base of all that is shown."""

    model_config = ConfigDict(use_attribute_docstrings=True)


class Page(View, Generic[T]):
    """Some of many."""

    items: list[T]
    next: str | None
    """Give it as `after` for those that follow; `null` at the end."""


class JobView(View):
    """A job."""

    id: str
    name: str
    panel: str
    state: JobState
    reason: str | None
    """Why it was stopped."""
    items: int
    """Solutions to judge."""
    rejected: int
    """Lines of the upload that are no solutions; `/v1/jobs/{id}/rejected` says why."""
    done: int
    faulty: int
    clean: int
    unsure: int
    unscored: int
    usd: float
    """What its verdicts cost, whenever that was paid: answers that the ledger holds are not paid again."""
    budget_usd: float | None
    created_at: datetime
    started_at: datetime | None
    ended_at: datetime | None

    @classmethod
    def of(cls, job: "Job") -> Self:
        """Show a job."""
        return cls.model_validate(job, from_attributes=True)


class RejectedView(View):
    """A line of an upload that is no solution."""

    line: int
    """1-based."""
    reason: str


class VerdictView(View):
    """What was found on one solution."""

    id: str
    """Of the solution: its own, where it has one."""
    item: int
    """Asks for the whole of it: `/v1/verdicts/{item}`."""
    job: str
    number: int
    """0-based place among the job's solutions."""
    status: VerdictStatus
    first_fault: int | None
    """0-based."""
    error_type: ErrorType | None
    confidence: float | None
    needs_review: bool
    rationale: str
    """Of an item without a label: the reason."""
    usd: float | None
    """`null` where no price is known."""


class CaseView(VerdictView):
    """A verdict with all that was judged and every vote."""

    problem: dict[str, Any]
    steps: list[str]
    verdict: dict[str, Any]


class FoundView(View):
    """The verdict on a solution that was judged at once."""

    panel: str
    verdict: dict[str, Any]
    """With the panel's votes."""
    usd: float | None


class PanelView(View):
    """A panel that may be named."""

    name: str
    judges: list[str]
    rule: str
    is_default: bool


class KeyView(View):
    """An API key, without its secret."""

    id: str
    name: str
    scope: Scope
    budget_usd: float | None
    created_at: datetime
    revoked_at: datetime | None

    @classmethod
    def of(cls, key: "Key") -> Self:
        """Show a key."""
        return cls.model_validate(key, from_attributes=True)


class NewKeyView(KeyView):
    """A key that was just made."""

    secret: str
    """What callers send as `Authorization: Bearer SECRET`. Shown this once."""


class ChangeView(View):
    """An entry of the audit log."""

    id: int
    at: datetime
    key_id: str | None
    action: str
    target: str
    detail: dict[str, Any]

    @classmethod
    def of(cls, change: "Change") -> Self:
        """Show an entry."""
        return cls.model_validate(change, from_attributes=True)
