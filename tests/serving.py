"""`firstfault review serve` as its users run it: a process of its own, on a free port."""

import fcntl
import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any, Self

import httpx


class Serving:
    """A server for the time of a `with`.

    Args:
        data: Its folder.
    """

    def __init__(self, data: Path) -> None:
        self.data = data

    def __enter__(self) -> Self:
        command = [sys.executable, "-m", "firstfault.cli.main", "review", "serve"]
        self.process = subprocess.Popen(
            [*command, "--data", str(self.data), "--port", "0", "--json"],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            # What a user's shell may hold, and no server of ours may follow.
            env={**os.environ, "ARGILLA_DATABASE_URL": "sqlite+aiosqlite:////nowhere/at-all.db"},
        )
        assert self.process.stdout is not None
        assert self.process.stderr is not None
        line = self.process.stdout.readline()
        if not line:
            raise RuntimeError(self.process.stderr.read())
        self.said: dict[str, Any] = json.loads(line)
        self.url: str = self.said["url"]
        self.credentials: dict[str, str] = json.loads((self.data / "credentials.json").read_text())
        return self

    def __exit__(self, *_: object) -> None:
        self.stop(signal.SIGTERM)

    def stop(self, number: signal.Signals) -> int:
        """Send a signal to the command, wait until nothing of it is left, and return its exit code."""
        self.process.send_signal(number)
        code = self.process.wait(60)
        wait_until_free(self.data)
        return code

    def server_pid(self) -> int:
        """Return the process id of the Argilla server, a child of the command."""
        children = Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children").read_text().split()
        (pid,) = children
        return int(pid)

    def client(self, api_key: str | None = None) -> httpx.Client:
        """Return a client of the server's own HTTP API, as the owner unless told otherwise."""
        headers = {"X-Argilla-Api-Key": api_key or self.credentials["api_key"]}
        return httpx.Client(base_url=f"{self.url}/api/v1", headers=headers, timeout=60)


def wait_until_free(data: Path) -> None:
    """Wait until no process has the folder open."""
    with (data / "lock").open("r+b") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
