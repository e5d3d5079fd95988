"""Running a service: its web server in this process, its workers beside it."""

import gc
import logging
import os
import socket
import sys
import threading
import time
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from typing import NamedTuple

import uvicorn
from anyio import CapacityLimiter, to_thread

from ..annotate.child import Child
from ..annotate.engines.ledger_place import LedgerPlace
from ..annotate.grading import Grader
from .api.state import State
from .app import make_app
from .config import ServiceConfig
from .folder import occupied
from .store.database import Database, parsed
from .work.jobs import Jobs
from .work.purses import Purses
from .work.queue import Line
from .work.rollout import SharedRollout
from .work.runs import Runs
from .work.tasks import Tasks

_RESTART = 1.0
_WORKER_GRACE = 30.0
_GRACE = 5
_THREADS = 8
"""That answer. More would only take Python's lock from each other: each waits at the database for less than
a millisecond."""
_UPLOADS = 4
_KEEP_ALIVE = 65
"""Seconds. Longer than clients keep theirs, so that the client closes first."""
_LOG = logging.getLogger(__name__)


class Place(NamedTuple):
    """Where a service keeps what it knows."""

    data: Path
    """Its folder."""
    db: str | None
    """URL of its database; a file in the folder when left out."""
    runs: Path
    """Folder of the runs that it shows."""

    @property
    def url(self) -> str:
        """URL of its database."""
        return self.db or f"sqlite:///{self.data.resolve() / 'service.sqlite'}"

    @property
    def shown(self) -> str:
        """Its database for people: the file, or the URL without its password."""
        url = parsed(self.url)
        if url.get_backend_name() == "sqlite":
            return str(url.database)
        return url.set(drivername="postgresql").render_as_string(hide_password=True)

    @property
    def exists(self) -> bool:
        """Whether its database is there; of PostgreSQL, the server says."""
        url = parsed(self.url)
        return url.get_backend_name() != "sqlite" or Path(str(url.database)).is_file()

    @property
    def ledger(self) -> LedgerPlace:
        """Where answers of endpoints are kept: with PostgreSQL in the same database, for all machines."""
        if self.db is not None and (url := parsed(self.db)).get_backend_name() == "postgresql":
            # Read and written anew: a database's URL may hold what a ledger's wants as %XX.
            written = url.set(drivername="postgresql").render_as_string(hide_password=False)
            return written.replace(" ", "%20")
        return self.data.resolve() / "ledger.sqlite"

    @property
    def logs(self) -> Path:
        """Folder of what commands on runs write."""
        return self.data.resolve() / "tasks"


class Workers:
    """Worker processes, started anew whenever one ends; they end with this process however it ends.

    Args:
        place: Where the service keeps what it knows.
        config: File of the service's configuration, if there is one.
        count: How many.
    """

    def __init__(self, place: Place, config: Path | None, count: int) -> None:
        self._place = place
        self._config = config
        self._stopping = threading.Event()
        self._children: dict[str, Child] = {}
        self._lock = threading.Lock()
        host = socket.gethostname()
        names = [f"{host}-{number}" for number in range(1, count + 1)]
        self._threads = [threading.Thread(target=self._keep, args=(name,), daemon=True) for name in names]

    def start(self) -> None:
        """Start them."""
        for thread in self._threads:
            thread.start()

    def stop(self) -> None:
        """Stop them: each finishes what it is asking, for some seconds at most."""
        self._stopping.set()
        with self._lock:
            children = list(self._children.values())
        stoppers = [threading.Thread(target=child.stop, args=(_WORKER_GRACE,)) for child in children]
        for thread in stoppers:
            thread.start()
        for thread in [*stoppers, *self._threads]:
            thread.join()

    def _keep(self, name: str) -> None:
        command = [sys.executable, "-m", "firstfault.cli.main", "worker", "--name", name]
        command += ["--data", str(self._place.data.resolve()), "--ends-with-stdin"]
        command += ["--runs", str(self._place.runs.resolve())]
        if self._config is not None:
            command += ["--config", str(self._config.resolve())]
        # Not on the command line, which every user of the machine can read: a URL holds a password.
        environment = {**os.environ, "FIRSTFAULT_DB": self._place.url}
        while not self._stopping.is_set():
            began = time.monotonic()
            with self._lock:
                if self._stopping.is_set():
                    return
                log = self._place.data / f"{name}.log"
                child = self._children[name] = Child(command, log, environment)
            code = child.wait()
            if self._stopping.is_set():
                return
            _LOG.warning("worker %s ended with %s; see %s", name, code, log)
            # One that can't start must not keep the machine busy with trying.
            self._stopping.wait(_RESTART if time.monotonic() - began > 5 * _RESTART else 5 * _RESTART)


def serve(
    place: Place,
    config: ServiceConfig,
    config_file: Path | None,
    bound: socket.socket,
    *,
    workers: int,
    needs_keys: bool,
    ready: Callable[[], object],
) -> None:
    """Serve until SIGTERM or Ctrl-C.

    Args:
        place: Where the service keeps what it knows.
        config: Panels and limits.
        config_file: Where they were read from, for the workers.
        bound: The socket to listen on.
        workers: How many worker processes to run; 0 where they run elsewhere.
        needs_keys: Whether every caller needs an API key.
        ready: Called once requests are answered.

    Raises:
        ConfigError: If another service has the folder, or the database can't be used.
    """
    place.data.mkdir(parents=True, exist_ok=True, mode=0o700)
    with ExitStack() as stack:
        stack.enter_context(occupied(place.data))
        database = Database(place.url)
        stack.callback(database.close)
        database.migrate()
        line = Line(database)
        stack.callback(line.close)
        jobs = Jobs(database, line, config)
        jobs.tidy()
        runs = Runs(place.runs)
        state = State(
            database,
            config,
            jobs,
            runs,
            Tasks(database, line, runs, place.logs),
            line,
            place.ledger,
            needs_keys,
            CapacityLimiter(config.limits.judging),
            CapacityLimiter(_UPLOADS),
            Purses(database),
            SharedRollout(config, stack.enter_context(Grader())),
        )
        hands = Workers(place, config_file, workers)
        hands.start()
        stack.callback(hands.stop)

        class Server(uvicorn.Server):
            async def startup(self, sockets: list[socket.socket] | None = None) -> None:
                to_thread.current_default_thread_limiter().total_tokens = _THREADS
                await super().startup(sockets)
                if not self.should_exit:
                    # What is there by now stays. Looked through for what could go, as it is every few
                    # seconds under load, it would hold up all requests for a tenth of a second.
                    gc.collect()
                    gc.freeze()
                    ready()

        Server(
            uvicorn.Config(
                make_app(state),
                access_log=False,
                log_level="warning",
                server_header=False,
                timeout_keep_alive=_KEEP_ALIVE,
                timeout_graceful_shutdown=_GRACE,
            )
        ).run([bound])
