"""A worker: a process that works turns off, as long as it lives.

Several may work on one database. One that comes back under its name goes on with its own turns at once;
those of one that does not come back are taken over by the others.
"""

import fcntl
import logging
import os
import signal
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from datetime import timedelta
from itertools import count
from pathlib import Path

from dbos import DBOS, DBOSPortableJSONSerializer
from sqlalchemy.exc import InterfaceError, OperationalError

from ...annotate.engines.ledger_place import LedgerPlace
from ...annotate.grading import Grader
from ..config import ServiceConfig
from ..store.database import Database
from ..store.outages import is_outage
from ..store.workers import forget, forget_lost, give_sign, living
from .carrier import Carrier
from .indexing import Index
from .jobs import Jobs
from .mark import MARK
from .queue import BUDGETED, QUEUE, TASK, TURN, VERSION, Line
from .recovery import recover
from .rollout import SharedRollout
from .runs import Runs
from .task_line import listen_tasks
from .turns import Turns

_BEAT = 5.0
_TURNS = 2
"""Turns that one worker takes at the same time: while one waits, the other judges."""
_POLL = 0.5
"""Seconds between looks at the line: a small job waits about so long for each of its few turns."""
_TIDIED = 720
"""Signs of life between two looks at what has ended or was broken off."""
_KEPT = timedelta(days=1)
"""What has ended stays so long in the queue's tables; what was found stays in ours."""
_LOOK = 2.0
"""Seconds between looks at the runs."""
_GRACE = 20
_LAST = 25
"""Seconds after which it ends however things stand: a database that is away may be waited for till then."""
_RECOVERIES = 1_000_000
"""A turn is as often taken anew as its worker is killed."""
_LOG = logging.getLogger(__name__)


def work(
    database: Database,
    config: ServiceConfig,
    ledger: LedgerPlace,
    runs: Path,
    logs: Path,
    name: str,
    ready: Callable[[], object],
    *,
    ends_with_stdin: bool = False,
) -> None:
    """Work until SIGTERM, and then for some seconds at most.

    Args:
        database: The service's, migrated.
        config: Panels, and the model of the rollout judge.
        ledger: Where answers of endpoints are kept.
        runs: Folder of runs, whose verdicts are brought into the database.
        logs: Folder of what commands on runs write.
        name: Of this worker; no other may have it.
        ready: Called once it works.
        ends_with_stdin: Whether it also stops when standard input ends: whoever started it is gone.
    """
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda _number, _frame: stop.set())
    if ends_with_stdin:
        threading.Thread(target=_stop_when_alone, args=(stop,), daemon=True).start()
    threading.Thread(target=_end_at_last, args=(stop,), daemon=True).start()
    line = Line(database)
    with Grader() as grader:
        jobs = Jobs(database, line, config)
        turns = Turns(database, line, ledger, SharedRollout(config, grader))
        known = Runs(runs)
        carrier = Carrier(database, line, known, logs)
        dbos = _launch(database, name, turns, carrier)
        listen_tasks(dbos, known)
        threading.Thread(target=_index, args=(Index(database, known), runs, stop), daemon=True).start()
        ready()
        for beat in count():
            try:
                _beat(database, line, name)
                listen_tasks(dbos, known)
                if beat % _TIDIED == 0:
                    line.forget_ended(_KEPT)
                    jobs.tidy()
            except (OperationalError, InterfaceError) as error:
                if not is_outage(error):
                    raise
                _LOG.warning("no sign of life could be given: %s", error.orig)
            if stop.wait(_BEAT):
                break
        turns.end()
        DBOS.destroy(workflow_completion_timeout_sec=_GRACE)
        with suppress(OperationalError, InterfaceError), database.session() as session:
            forget(session, name)
    line.close()


def _launch(database: Database, name: str, turns: Turns, carrier: Carrier) -> DBOS:
    dbos = DBOS(
        config={
            "name": "firstfault",
            "system_database_url": database.queue_url,
            "executor_id": name,
            "application_version": VERSION,
            "serializer": DBOSPortableJSONSerializer(),
            "log_level": "WARNING",
            "run_migrations": False,
        }
    )

    @DBOS.workflow(name=TURN, max_recovery_attempts=_RECOVERIES)
    def take(job_id: str, starts: int, lane: int, turn: int) -> None:  # pyright: ignore[reportUnusedFunction]
        turns.take(job_id, starts, lane, turn)

    @DBOS.workflow(name=TASK, max_recovery_attempts=_RECOVERIES)
    def carry_out(task_id: str) -> None:  # pyright: ignore[reportUnusedFunction]
        carrier.carry_out(task_id)

    DBOS.listen_queues([QUEUE, BUDGETED])
    DBOS.launch()
    DBOS.register_queue(QUEUE, worker_concurrency=_TURNS, polling_interval_sec=_POLL)
    DBOS.register_queue(
        BUDGETED, worker_concurrency=_TURNS, partition_concurrency=1, polling_interval_sec=_POLL
    )
    return dbos


def _beat(database: Database, line: Line, name: str) -> None:
    """Give a sign of life, and take over what the dead have left."""
    with database.session() as session:
        give_sign(database, session, name)
    # By itself: two that come back together and forget each other would wait for each other.
    with database.session() as session:
        forget_lost(database, session)
        alive = living(database, session)
    if adopted := line.adopt(alive):
        _LOG.warning("%d turns of workers that are gone are in line again", adopted)
    if recovered := recover(database, line):
        _LOG.warning("%d jobs and tasks that were in no line are in line again", recovered)


def _index(index: Index, runs: Path, stop: threading.Event) -> None:
    """Keep the runs' verdicts in the database as they are in the files; one worker of a folder does."""
    while not stop.wait(_LOOK):
        if not runs.is_dir():
            continue
        locked = _locked_by(runs)
        # To be written where that can be: on NFS nothing else can be locked.
        is_written = locked.is_file() and os.access(locked, os.W_OK)
        handle = os.open(locked, os.O_RDWR if is_written else os.O_RDONLY)
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            while not stop.is_set() and _locked_by(runs) == locked:
                index.refresh()
                stop.wait(_LOOK)
        except BlockingIOError:
            continue
        except Exception:
            _LOG.exception("runs could not be looked through")
        finally:
            os.close(handle)


def _locked_by(runs: Path) -> Path:
    """What the worker that indexes a folder locks: its mark, or the folder where it has none."""
    return mark if (mark := runs / MARK).is_file() else runs


def _end_at_last(stop: threading.Event) -> None:
    stop.wait()
    time.sleep(_LAST)
    _LOG.warning("not all could be finished; another worker goes on with it, or this one when it is back")
    # What waits for the database waits in threads that Python would join. A killed worker loses nothing.
    os._exit(1)


def _stop_when_alone(stop: threading.Event) -> None:
    while os.read(0, 1024):
        pass
    stop.set()
