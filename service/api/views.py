"""What the API shows of jobs, verdicts and keys."""

from datetime import datetime
from enum import StrEnum
from typing import TYPE_CHECKING, Any, Generic, Literal, Self, TypeVar

from pydantic import BaseModel, ConfigDict

from ...datasets.records import ErrorType, VerdictStatus
from ..store.scope import Scope
from ..work.states import JobState, TaskState

if TYPE_CHECKING:
    from ..store.tables import Change, Job, Key, Task

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
    """What was paid for it: answers that the ledger holds are not paid again."""
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
    """1-based; of a JSON array the place among its elements."""
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
    judge: str
    """Whose verdict it is: one judge's, the panel's, or people's."""
    disagree: bool
    """Whether its judges found different things."""
    rationale: str
    """Of an item without a label: the reason."""
    usd: float | None
    """`null` where no price is known."""


class CaseView(VerdictView):
    """A verdict with all that was judged and every vote."""

    problem: dict[str, Any]
    steps: list[str]
    verdict: dict[str, Any]
    full_precision: dict[str, Any] | None = None
    """Of a run's regression: full precision's solution of the same problem."""
    reviews: list[dict[str, Any]] = []
    """What people said of it."""
    pair: dict[str, Any] | None = None
    """The preference pair that was made of it."""


class FoundView(View):
    """The verdict on a solution that was judged at once."""

    panel: str
    verdict: dict[str, Any]
    """With the panel's votes."""
    usd: float | None


class RunState(StrEnum):
    """How far a run is."""

    RUNNING = "running"
    STOPPED = "stopped"
    """Not at work and not finished; it can be resumed."""
    FINISHED = "finished"


class RunView(View):
    """A run, as far as it is."""

    name: str
    state: RunState
    model: str
    """Folder name of the full-precision model."""
    headline: str
    """The variant that is mined and restored."""
    problems: str
    stage: str | None
    """The one under way."""
    finished: int
    """Stages that are finished."""
    stages: int
    task: str
    """What is being done, in words."""
    done: int
    total: int | None
    """Units of work of the task, where known."""
    started_at: str
    """When it was last started; ISO 8601, UTC."""
    usd: float | None
    """What its language models have cost; `null` if it asked none."""
    full_precision: float | None
    """Share of held-out problems solved."""
    quantized: float | None
    restored: float | None
    recovery: float | None
    """(restored - quantized) / (full precision - quantized)."""


class StageView(View):
    """A stage of a run."""

    name: str
    state: Literal["waiting", "running", "finished"]
    seconds: float | None
    """What it took so far; `null` if it was not begun."""


class DatasetView(View):
    """A run's Silver Bullet set."""

    run: str
    variant: str
    train: int
    """Pairs to restore with."""
    test: int
    """Pairs set aside."""
    error_types: dict[str, int]
    """Training pairs by error type."""


class TaskView(View):
    """A command on a run that somebody started."""

    id: str
    run: str
    action: str
    options: dict[str, Any]
    state: TaskState
    result: dict[str, Any] | None
    """What the command said, as `--json` writes it; of `resume`, `curate` and `restore` what the run holds
    afterwards, and whether nothing had to be done for it."""
    reason: str | None
    """Why it failed."""
    created_at: datetime
    started_at: datetime | None
    ended_at: datetime | None

    @classmethod
    def of(cls, task: "Task") -> Self:
        """Show a task."""
        return cls.model_validate(task, from_attributes=True)


class HookView(View):
    """What an event of Argilla has started."""

    task: str | None
    """The task that brings answers into a run; `null` if the event concerns none."""


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
    """What all that is judged for it together may cost."""
    spent_usd: float
    """What that has cost so far."""
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
