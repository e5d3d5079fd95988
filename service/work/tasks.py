"""Tasks: commands on runs, put in line before they are answered for, and carried out by workers.

A command that is broken off goes on where it was when it is run again: so do tasks, after a crash.
"""

import json
import os
import secrets
import select as polling
import sys
import time
from collections.abc import Mapping
from pathlib import Path

from sqlalchemy import select, update

from ...annotate.child import Child
from ...datasets.errors import ConfigError, InputError
from ...loop.folder import RunFolder
from ..store.audit import note
from ..store.database import Database, now
from ..store.tables import Task
from .actions import ACTION, Action
from .queue import Line
from .runs import Runs
from .states import TaskState

OPEN = (TaskState.QUEUED.value, TaskState.RUNNING.value)
_LARGEST_RESULT = 64_000
_TAIL = 16_000
_PAUSE = 0.5
_PATIENCE = 30.0
"""Seconds that a command waits for the one before it, whose worker was killed, to be gone."""
_GRACE = 30.0


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
        self._logs = logs

    def create(self, run: str, action: Action, key_id: str | None, *, only_waiting: bool = False) -> Task:
        """Put a command in line. One that is asked for again while it waits or runs is the same task.

        Args:
            run: The run.
            action: What to do.
            key_id: Who wants it.
            only_waiting: Whether one that runs already is another.
        """
        same_in = OPEN[:1] if only_waiting else OPEN
        options = action.model_dump(mode="json", exclude={"action"})
        with self._database.session() as session:
            waiting = session.scalars(
                select(Task).where(Task.run == run, Task.action == action.action, Task.state.in_(same_in))
            ).all()
            same = next((task for task in waiting if task.options == options), None)
            if same is not None:
                return same
            task = Task(
                id=f"t-{secrets.token_hex(8)}",
                run=run,
                action=action.action,
                options=options,
                key_id=key_id,
                state=TaskState.QUEUED.value,
                created_at=now(),
            )
            session.add(task)
            session.flush()
            self._line.put_task(session, task.id, self._runs.folder)
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
        path = self._path(task.id)
        if not path.is_file():
            return ""
        with path.open("rb") as file:
            file.seek(max(0, path.stat().st_size - _TAIL))
            return file.read().decode("utf-8", "replace")

    def carry_out(self, identity: str) -> None:
        """Run a task's command to its end."""
        with self._database.session() as session:
            task = session.get(Task, identity)
            if task is None or task.state not in OPEN:
                return
            task.state, task.started_at = TaskState.RUNNING.value, task.started_at or now()
        folder = self._runs.find(task.run)
        if folder is None:
            self._end(identity, 1, b"", f"there is no run {task.run!r} any more")
            return
        action = ACTION.validate_python({"action": task.action, **task.options})
        _wait_until_free(folder)
        self._logs.mkdir(parents=True, exist_ok=True, mode=0o700)
        command = [
            sys.executable,
            "-m",
            "firstfault.service.work.errand",
            *action.command(folder.path.resolve()),
        ]
        child = Child(command, self._path(identity), _environment(os.environ), talks=True)
        try:
            said = self._listen(identity, child)
            code = child.wait()
        finally:
            child.stop(_GRACE)
        found = self.find(identity)
        why = _reason(self.log(found)) if found is not None and code else None
        self._end(identity, code or 0, said, why)

    def _listen(self, identity: str, child: Child) -> bytes:
        """Read what a command says until it ends, or its task is cancelled."""
        said, last = b"", time.monotonic()
        while True:
            if polling.select([child.stdout], [], [], _PAUSE)[0]:
                piece = os.read(child.stdout, 1 << 16)
                if not piece:
                    return said
                said += piece if len(said) <= _LARGEST_RESULT else b""
            if time.monotonic() - last > _PAUSE:
                last = time.monotonic()
                found = self.find(identity)
                if found is None or found.state != TaskState.RUNNING:
                    child.stop(_GRACE)
                    return said

    def _end(self, identity: str, code: int, said: bytes, reason: str | None) -> None:
        state = TaskState.DONE if not code else TaskState.FAILED
        with self._database.session() as session:
            session.execute(
                update(Task)
                .where(Task.id == identity, Task.state == TaskState.RUNNING.value)
                .values(state=state.value, ended_at=now(), result=_result(said), reason=reason)
            )

    def _path(self, identity: str) -> Path:
        return self._logs / f"{identity}.log"


def _result(said: bytes) -> dict[str, object] | None:
    if len(said) > _LARGEST_RESULT:
        return None
    try:
        found = json.loads(said)
    except ValueError:
        return None
    return found if isinstance(found, dict) else None  # pyright: ignore[reportUnknownVariableType]


def _reason(log: str) -> str:
    lines = [line.strip() for line in log.replace("\0", "").splitlines() if line.strip()]
    told = [line for line in lines if line.startswith("error: ")]
    return (told or lines or ["it ended without a word"])[-1].removeprefix("error: ")[:1000]


def _environment(given: Mapping[str, str]) -> dict[str, str]:
    # The database is the service's own business, and its URL may hold a password.
    return {name: value for name, value in given.items() if name != "FIRSTFAULT_DB"}


def _wait_until_free(folder: RunFolder) -> None:
    end = time.monotonic() + _PATIENCE
    while time.monotonic() < end:
        try:
            with folder.locked():
                return
        except ConfigError:
            time.sleep(_PAUSE)
        except (OSError, InputError):
            return
