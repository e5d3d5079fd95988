"""The line of commands on the runs of a folder: who has the folder listens to it."""

import os

from dbos import DBOS

from .queue import task_queue
from .runs import Runs

_POLL = 1.0


def listen_tasks(dbos: DBOS, runs: Runs) -> None:
    """Listen to the line of a folder's tasks, once it is there and can be written to.

    Args:
        dbos: Launched, listening to its lines.
        runs: The folder's; it may be made or mounted long after the worker's start.
    """
    mark = runs.mark()
    # DBOS takes names before its start alone, but looks at them every second.
    lines = dbos._listening_queues  # pyright: ignore[reportPrivateUsage]
    assert lines is not None
    if mark is None or (line := task_queue(mark)) in lines or not os.access(runs.folder, os.W_OK):
        return
    # A command takes all of a machine that it can get.
    DBOS.register_queue(line, concurrency=1, worker_concurrency=1, polling_interval_sec=_POLL)
    lines.append(line)
