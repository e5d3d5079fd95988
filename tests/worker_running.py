"""`firstfault worker` as its users run it: a process beside a service."""

import os
import subprocess
import sys
from pathlib import Path
from typing import Self


class RunningWorker:
    """A worker for the time of a `with`; it works once that has begun.

    Args:
        data: Folder where it keeps what it knows.
        db: URL of its database.
        runs: Folder of its runs.
        name: Of the worker.
    """

    def __init__(self, data: Path, db: str, runs: Path, name: str = "worker") -> None:
        self._options = ["--data", str(data), "--runs", str(runs), "--name", name]
        self._environment = {**os.environ, "FIRSTFAULT_DB": db}

    def __enter__(self) -> Self:
        command = [sys.executable, "-m", "firstfault.cli.main", "worker", *self._options]
        self.process = subprocess.Popen(command, stderr=subprocess.PIPE, env=self._environment, text=True)
        self.wait_for("works.")
        return self

    def wait_for(self, said: str) -> None:
        """Wait until it has said something."""
        assert self.process.stderr is not None
        told: list[str] = []
        while line := self.process.stderr.readline():
            told.append(line)
            if said in line:
                return
        raise AssertionError("".join(told))

    def __exit__(self, *_: object) -> None:
        self.process.terminate()
        self.process.communicate(timeout=60)
