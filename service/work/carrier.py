"""Carries tasks out, as a worker does.

A command that is broken off goes on where it was when it is run again: so do tasks, after a crash.
"""

import fcntl
import json
import logging
import os
import select as polling
import sys
import time
from collections.abc import Callable, Generator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

from sqlalchemy import func, update
from sqlalchemy.exc import InterfaceError, OperationalError

from ...annotate.child import Child
from ...datasets.errors import ConfigError, FirstFaultError, InputError
from ...loop.folder import RunFolder
from ..store.database import Database, now
from ..store.outages import is_outage, patient
from ..store.tables import Task
from .actions import ACTION, Action
from .logs import Logs
from .queue import Line, task_queue
from .runs import Runs
from .states import OPEN, TaskState

_LARGEST_RESULT = 64_000
_PAUSE = 0.5
_PATIENCE = 30.0
"""Seconds that a command waits for its folder, and for one before it, whose worker was killed, to be gone."""
_GRACE = 30.0
_BUSY = "another run is at work in its folder; it waits in line until that has ended"
_AWAY = "the folder of its run is away; it waits in line until that is there"
_LOG = logging.getLogger(__name__)


class Carrier:
    """Carries out the tasks of a service.

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

    def carry_out(self, identity: str) -> None:
        """Run a task's command to its end, unless somebody else does; put it back where its run is away."""
        try:
            if not _in_time(lambda: self._is_here(identity)):
                patient(lambda: self._put_back(identity, OPEN, reason=_AWAY))
                return
            with self._alone(identity) as is_ours:
                if is_ours:
                    self._carry_out(identity)
        except FirstFaultError as error:
            self._end(identity, 1, b"", f"{error}. {error.hint}")
        except Exception as error:
            if is_outage(error):
                raise
            # It ends by it: put in line again, it would come to the same for ever.
            _LOG.exception("task %s failed", identity)
            self._end(
                identity, 1, b"", f"a bug: {type(error).__name__}; the worker's log holds the traceback"
            )

    def _is_here(self, identity: str) -> bool:
        """Whether the folder of runs is the one that the task is about: it may be away for a while."""
        task, mark = patient(lambda: self._find(identity)), self._runs.mark()
        return task is None or (mark is not None and task.line == task_queue(mark))

    def _carry_out(self, identity: str) -> None:
        task = patient(lambda: self._begin(identity))
        if task is None:
            return
        folder = self._runs.find(task.run)
        if folder is None:
            if not self._is_here(identity):
                patient(lambda: self._put_back(identity, OPEN, reason=_AWAY))
                return
            self._end(identity, 1, b"", f"there is no run {task.run!r} any more")
            return
        action = ACTION.validate_python({"action": task.action, **task.options})
        if action.needs_run_alone and not _in_time(lambda: _is_free(folder)):
            waits = {"state": TaskState.QUEUED.value, "started_at": None, "reason": _BUSY}
            patient(lambda: self._put_back(identity, (TaskState.RUNNING.value,), **waits))
            return
        self._run(identity, action, folder)

    def _put_back(self, identity: str, states: Sequence[str], **values: str | None) -> None:
        """Put a task in line again, behind the others; one that was cancelled meanwhile stays as it is."""
        with self._database.session() as session:
            changed = session.execute(
                update(Task)
                .where(Task.id == identity, Task.state.in_(states))
                .values(**values)
                .returning(Task.id)
            ).all()
            if changed:
                task = session.get_one(Task, identity, populate_existing=True)
                self._line.put_task(session, task, again=True)

    def _begin(self, identity: str) -> Task | None:
        with self._database.session() as session:
            # In one statement: one that is cancelled meanwhile does not begin.
            changed = session.execute(
                update(Task)
                .where(Task.id == identity, Task.state.in_(OPEN))
                .values(
                    state=TaskState.RUNNING.value,
                    started_at=func.coalesce(Task.started_at, now()),
                    reason=None,
                )
                .returning(Task.id)
            ).all()
            return session.get_one(Task, identity, populate_existing=True) if changed else None

    @contextmanager
    def _alone(self, identity: str) -> Generator[bool]:
        """Keep a task from being carried out twice: a worker that seems to be gone may go on with it.

        Yields:
            Whether it is ours to carry out; not where it has ended while we waited.
        """
        # Beside the runs, which all who may carry it out can reach.
        path = self._runs.folder / f".{identity}.lock"
        try:
            lock = path.open("wb")
        except OSError as error:
            raise ConfigError(
                f"the worker can't write to the folder of runs: {error.strerror}",
                hint="Let it, and start this again",
            ) from None
        with lock:
            while True:
                try:
                    fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                    break
                except BlockingIOError:
                    task = patient(lambda: self._find(identity))
                    if task is None or task.state not in OPEN:
                        yield False
                        return
                    time.sleep(_PAUSE)
            try:
                yield True
            finally:
                path.unlink(missing_ok=True)

    def _run(self, identity: str, action: Action, folder: RunFolder) -> None:
        command = [
            sys.executable,
            "-m",
            "firstfault.service.work.errand",
            *action.command(folder.path.resolve()),
        ]
        child = Child(command, self._logs.path(identity), _environment(os.environ), talks=True)
        try:
            said = self._listen(identity, child)
            code = child.wait()
        finally:
            child.stop(_GRACE)
        why = _reason(self._logs.end(identity)) if code else None
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
            task = self._find(identity)
        except (OperationalError, InterfaceError) as error:
            if not is_outage(error):
                raise
            # The command needs no database: it goes on without.
            return True
        return task is not None and task.state == TaskState.RUNNING

    def _find(self, identity: str) -> Task | None:
        with self._database.session() as session:
            return session.get(Task, identity)

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
                    .where(Task.id == identity, Task.state.in_(OPEN))
                    .values(state=state.value, ended_at=now(), result=outcome or _result(said), reason=reason)
                )

        patient(end)


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


def _in_time(is_so: Callable[[], bool]) -> bool:
    """Wait until something is so; return whether it came to that in time."""
    end = time.monotonic() + _PATIENCE
    while not (is_it := is_so()) and time.monotonic() < end:
        time.sleep(_PAUSE)
    return is_it


def _is_free(folder: RunFolder) -> bool:
    try:
        with folder.locked():
            return True
    except ConfigError:
        return False
    except (OSError, InputError):
        # The command says why.
        return True
