"""Turns of jobs in line, kept by DBOS in the service's own database.

A job is worked off in turns of some seconds each, and whoever has had one goes to the end of the line: a
small job does not wait for a large one. A turn is put in line by the same transaction that makes it due.
"""

import secrets
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta

from dbos import DBOSClient, DBOSPortableJSONSerializer, EnqueueOptions
from sqlalchemy.orm import Session

from ..store.database import Database
from ..store.tables import Job, Task

QUEUE = "judging"
BUDGETED = "judging-budgeted"
"""Of keys with a budget: one turn of each at a time, so that none spends what another has spent."""
TURN = "turn"
TASK = "task"
_ENDED = ["SUCCESS", "ERROR", "CANCELLED", "MAX_RECOVERY_ATTEMPTS_EXCEEDED"]
_AT_ONCE = 1000
VERSION = "1"
"""Of what a turn's arguments mean. Turns in line under another are left alone."""


def task_queue(mark: str) -> str:
    """Name the line of commands on the runs of a folder: only who has that folder can carry them out.

    Args:
        mark: The folder's.
    """
    return f"tasks-{mark}"


class Line:
    """Puts turns in line.

    Args:
        database: The service's, migrated.
    """

    def __init__(self, database: Database) -> None:
        self._client = DBOSClient(
            system_database_engine=database.engine,
            system_database_url=database.queue_url,
            serializer=DBOSPortableJSONSerializer(),
        )

    def start(self, session: Session, job: Job, has_budget: bool) -> None:
        """Put the first turns of a job in line, or those after it was stopped."""
        for lane in range(job.lanes):
            self.put(session, job, lane, 0, has_budget)

    def put(self, session: Session, job: Job, lane: int, turn: int, has_budget: bool) -> None:
        """Put one turn in line; the same one twice is one."""
        options: EnqueueOptions = {
            "queue_name": BUDGETED if has_budget else QUEUE,
            "workflow_name": TURN,
            "workflow_id": f"{job.id}/{job.starts}/{lane}/{turn}",
            "app_version": VERSION,
        }
        if has_budget:
            options["queue_partition_key"] = job.key_id or ""
        self._client.enqueue_in_transaction(session, options, job.id, job.starts, lane, turn)

    def put_task(self, session: Session, task: Task, *, again: bool = False) -> None:
        """Put a command on a run in its line; the same one twice is one, unless it is put there again."""
        assert task.line is not None
        options: EnqueueOptions = {
            "queue_name": task.line,
            "workflow_name": TASK,
            "workflow_id": f"{task.id}/{secrets.token_hex(4)}" if again else task.id,
            "app_version": VERSION,
        }
        self._client.enqueue_in_transaction(session, options, task.id)

    def waiting(self) -> int:
        """Return the number of turns in line."""
        return len(
            self._client.list_workflows(queue_name=[QUEUE, BUDGETED], status="ENQUEUED", load_input=False)
        )

    def names(self) -> set[tuple[str, str]]:
        """Name what is in line or under way: jobs with the number of their start, tasks with nothing."""
        live = self._client.list_workflows(
            status=["ENQUEUED", "PENDING", "DELAYED"], load_input=False, load_output=False
        )
        parts = [one.workflow_id.split("/") for one in live]
        return {(part[0], part[1] if len(part) == 4 else "") for part in parts}

    def adopt(self, living: Iterable[str]) -> int:
        """Put turns of workers that are gone back in line; return how many."""
        known = set(living)
        under_way = self._client.list_workflows(status="PENDING", load_input=False, load_output=False)
        lost = [one for one in under_way if (one.executor_id or "") not in known]
        for queue in {one.queue_name for one in lost if one.queue_name}:
            turns = [one.workflow_id for one in lost if one.queue_name == queue]
            self._client.resume_workflows(turns, queue_name=queue)
        return len(lost)

    def forget_ended(self, age: timedelta) -> int:
        """Forget turns and commands that ended so long ago or longer; return how many.

        Put in line again they would be taken again, and find nothing to do.
        """
        before, forgotten = (datetime.now(UTC) - age).isoformat(), 0
        while ended := self._client.list_workflows(
            status=_ENDED, completed_before=before, limit=_AT_ONCE, load_input=False, load_output=False
        ):
            self._client.delete_workflows([one.workflow_id for one in ended])
            forgotten += len(ended)
        return forgotten

    def close(self) -> None:
        """Stop its threads."""
        self._client.destroy()
