"""How far jobs and tasks are."""

from enum import StrEnum


class JobState(StrEnum):
    """How far a job is."""

    UPLOADING = "uploading"
    """Its rows are still being written; nobody sees it."""
    QUEUED = "queued"
    RUNNING = "running"
    DONE = "done"
    CANCELLED = "cancelled"
    STOPPED = "stopped"
    """By its budget, or by something that a person can mend; it can be resumed."""


DUE = (JobState.QUEUED.value, JobState.RUNNING.value)
"""Of jobs that are worked on."""
ENDED = (JobState.DONE, JobState.CANCELLED, JobState.STOPPED)


class TaskState(StrEnum):
    """How far a task is."""

    QUEUED = "queued"
    RUNNING = "running"
    DONE = "done"
    FAILED = "failed"
    CANCELLED = "cancelled"


OPEN = (TaskState.QUEUED.value, TaskState.RUNNING.value)
"""Of tasks that have not ended."""
