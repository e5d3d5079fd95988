"""Tasks: commands on runs, put in line before they are answered for, and carried out by workers.

A command that is broken off goes on where it was when it is run again: so do tasks, after a crash.
"""

import fcntl
import json
import logging
import os
import secrets
import select as polling
import sys
import time
from collections.abc import Generator, Mapping, Sequence
from contextlib import contextmanager
from hashlib import sha256
from pathlib import Path

from sqlalchemy import select, update
from sqlalchemy.exc import IntegrityError, InterfaceError, OperationalError

from ...annotate.child import Child
from ...datasets.errors import ConfigError, InputError
from ...loop.folder import RunFolder
from ..store.audit import note
from ..store.database import Database, now
from ..store.outages import is_outage, patient
from ..store.tables import Task
from .actions import ACTION, Action
from .queue import Line, task_queue
from .runs import Runs
from .states import OPEN, TaskState

_LARGEST_RESULT = 64_000
_TAIL = 16_000
_PAUSE = 0.5
_PATIENCE = 30.0
"""Seconds that a command waits for the one before it, whose worker was killed, to be gone."""
_GRACE = 30.0
_BUSY = "another run is at work in its folder; it waits in line until that has ended"
_LOG = logging.getLogger(__name__)


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
        try:
            return self._create(run, action, key_id, same_in)
        except IntegrityError:
            # Somebody else has just asked for the same: it is found now.
            return self._create(run, action, key_id, same_in)

    def _create(self, run: str, action: Action, key_id: str | None, same_in: Sequence[str]) -> Task:
        options = action.model_dump(mode="json", exclude={"action"})
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
                line=task_queue(self._runs.folder),
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
        path = self._path(task.id)
        if not path.is_file():
            return ""
        with path.open("rb") as file:
            file.seek(max(0, path.stat().st_size - _TAIL))
            return file.read().decode("utf-8", "replace")

    def carry_out(self, identity: str) -> None:
        """Run a task's command to its end, unless somebody else does."""
        with self._alone(identity) as is_ours:
            if not is_ours:
                return
            try:
                self._carry_out(identity)
            except Exception as error:
                if is_outage(error):
                    raise
                # It ends by it: put in line again, it would come to the same for ever.
                _LOG.exception("task %s failed", identity)
                self._end(
                    identity, 1, b"", f"a bug: {type(error).__name__}; the worker's log holds the traceback"
                )

    def _carry_out(self, identity: str) -> None:
        task = patient(lambda: self._begin(identity))
        if task is None:
            return
        folder = self._runs.find(task.run)
        if folder is None:
            self._end(identity, 1, b"", f"there is no run {task.run!r} any more")
            return
        action = ACTION.validate_python({"action": task.action, **task.options})
        if not _is_free(folder) and action.needs_run_alone:
            patient(lambda: self._put_back(identity))
            return
        self._run(identity, action, folder)

    def _put_back(self, identity: str) -> None:
        """Put a task in line again, behind the others; one that was cancelled meanwhile stays as it is."""
        with self._database.session() as session:
            changed = session.execute(
                update(Task)
                .where(Task.id == identity, Task.state == TaskState.RUNNING.value)
                .values(state=TaskState.QUEUED.value, started_at=None, reason=_BUSY)
                .returning(Task.id)
            ).all()
            if changed:
                task = session.get_one(Task, identity, populate_existing=True)
                self._line.put_task(session, task, again=True)

    def _begin(self, identity: str) -> Task | None:
        with self._database.session() as session:
            task = session.get(Task, identity)
            if task is None or task.state not in OPEN:
                return None
            task.state, task.started_at = TaskState.RUNNING.value, task.started_at or now()
            task.reason = None
            return task

    @contextmanager
    def _alone(self, identity: str) -> Generator[bool]:
        """Keep a task from being carried out twice: a worker that seems to be gone may go on with it.

        Yields:
            Whether it is ours to carry out; not where it has ended while we waited.
        """
        self._runs.folder.mkdir(parents=True, exist_ok=True)
        # Beside the runs, which all who may carry it out can reach.
        path = self._runs.folder / f".{identity}.lock"
        with path.open("wb") as lock:
            while True:
                try:
                    fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                    break
                except BlockingIOError:
                    task = patient(lambda: self.find(identity))
                    if task is None or task.state not in OPEN:
                        yield False
                        return
                    time.sleep(_PAUSE)
            try:
                yield True
            finally:
                path.unlink(missing_ok=True)

    def _run(self, identity: str, action: Action, folder: RunFolder) -> None:
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
        found = patient(lambda: self.find(identity))
        why = _reason(self.log(found)) if found is not None and code else None
        self._end(identity, code or 0, said, why, action.outcome(folder) if not code else None)

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
                if not self._goes_on(identity):
                    child.stop(_GRACE)
                    return said

    def _goes_on(self, identity: str) -> bool:
        try:
            found = self.find(identity)
        except (OperationalError, InterfaceError) as error:
            if not is_outage(error):
                raise
            # The command needs no database: it goes on without.
            return True
        return found is not None and found.state == TaskState.RUNNING

    def _end(
        self,
        identity: str,
        code: int,
        said: bytes,
        reason: str | None,
        outcome: Mapping[str, object] | None = None,
    ) -> None:
        state = TaskState.DONE if not code else TaskState.FAILED

        def end() -> None:
            with self._database.session() as session:
                session.execute(
                    update(Task)
                    .where(Task.id == identity, Task.state == TaskState.RUNNING.value)
                    .values(state=state.value, ended_at=now(), result=outcome or _result(said), reason=reason)
                )

        patient(end)

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


def _is_free(folder: RunFolder) -> bool:
    """Wait until no run is at work in a folder; return whether it came to that in time."""
    end = time.monotonic() + _PATIENCE
    while time.monotonic() < end:
        try:
            with folder.locked():
                return True
        except ConfigError:
            time.sleep(_PAUSE)
        except (OSError, InputError):
            # The command says why.
            return True
    return False
