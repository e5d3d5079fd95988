"""Tasks: commands on runs, put in line before they are answered for."""

import json
import secrets
from collections.abc import Sequence
from hashlib import sha256
from pathlib import Path

from sqlalchemy import select, update
from sqlalchemy.exc import IntegrityError

from ...datasets.errors import ConfigError
from ..store.audit import note
from ..store.database import Database, now
from ..store.tables import Task
from .actions import Action
from .logs import Logs
from .mark import MARK
from .queue import Line, task_queue
from .runs import Runs
from .states import OPEN, TaskState


class Tasks:
    """The tasks of a service.

    Args:
        database: Where they are.
        line: Where they wait.
        runs: What they are about.
        logs: Folder of what their commands write.
    """

    def __init__(self, database: Database, line: Line, runs: Runs, logs: Path) -> None:
        self._database = database
        self._line = line
        self._runs = runs
        self._logs = Logs(logs)

    def create(self, run: str, action: Action, key_id: str | None, *, only_waiting: bool = False) -> Task:
        """Put a command in line. One that is asked for again while it waits or runs is the same task.

        Args:
            run: The run.
            action: What to do.
            key_id: Who wants it.
            only_waiting: Whether one that runs already is another.

        Raises:
            ConfigError: If nobody could tell whose runs they are.
        """
        same_in = OPEN[:1] if only_waiting else OPEN
        try:
            return self._create(run, action, key_id, same_in)
        except IntegrityError:
            # Somebody else has just asked for the same: it is found now.
            return self._create(run, action, key_id, same_in)

    def _create(self, run: str, action: Action, key_id: str | None, same_in: Sequence[str]) -> Task:
        options = action.model_dump(mode="json", exclude={"action"})
        mark = self._runs.mark()
        if mark is None:
            raise ConfigError(
                f"the folder of runs has no {MARK}, and can't be written to",
                hint="Let the service write there, or put a file of that name there with a word in it",
            )
        digest = sha256(json.dumps(options, sort_keys=True).encode()).hexdigest()
        with self._database.session() as session:
            same = session.scalars(
                select(Task).where(
                    Task.run == run,
                    Task.action == action.action,
                    Task.digest == digest,
                    Task.state.in_(same_in),
                )
            ).first()
            if same is not None:
                return same
            task = Task(
                id=f"t-{secrets.token_hex(8)}",
                run=run,
                action=action.action,
                options=options,
                digest=digest,
                line=task_queue(mark),
                key_id=key_id,
                state=TaskState.QUEUED.value,
                created_at=now(),
            )
            session.add(task)
            session.flush()
            self._line.put_task(session, task)
            note(session, key_id, f"run.{action.action}", run, task=task.id, **options)
            return task

    def find(self, identity: str) -> Task | None:
        """Return a task, `None` where there is none."""
        with self._database.session() as session:
            return session.get(Task, identity)

    def cancel(self, task: Task, key_id: str | None) -> Task:
        """Stop a task's command; what it has finished is kept. One that has ended stays as it is."""
        with self._database.session() as session:
            changed = session.execute(
                update(Task)
                .where(Task.id == task.id, Task.state.in_(OPEN))
                .values(state=TaskState.CANCELLED.value, ended_at=now())
                .returning(Task.id)
            ).all()
            if changed:
                note(session, key_id, "task.cancel", task.id)
            return session.get_one(Task, task.id, populate_existing=True)

    def log(self, task: Task) -> str:
        """Return the end of what a task's command has written, of untrusted things too."""
        return self._logs.end(task.id)
