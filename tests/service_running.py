"""`firstfault serve` as its users run it: a process with its workers, on a free port."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Self

import httpx


class Service:
    """A service for the time of a `with`.

    Args:
        data: Its folder.
        db: URL of its database; a file in the folder when left out.
        workers: Its worker processes.
        config: File with panels and limits.
        port: Where it listens; a free one when left out.
        more: Further options of the command.
    """

    def __init__(
        self,
        data: Path,
        db: str | None = None,
        *,
        workers: int = 1,
        config: Path | None = None,
        port: int = 0,
        more: tuple[str, ...] = (),
    ) -> None:
        self.data = data
        self._port = port
        self._options = ["--data", str(data), "--workers", str(workers), *more]
        self._options += ["--config", str(config)] if config is not None else []
        # What a user's shell may hold must not decide.
        self._environment = {name: value for name, value in os.environ.items() if name != "FIRSTFAULT_DB"}
        self._environment |= {"FIRSTFAULT_DB": db} if db is not None else {}

    def __enter__(self) -> Self:
        self.start()
        return self

    def start(self) -> None:
        """Start it, again at the same port."""
        command = [sys.executable, "-m", "firstfault.cli.main", "serve", "--port", str(self._port), "--json"]
        self.data.mkdir(parents=True, exist_ok=True)
        self._log = self.data / "serve.log"
        # A file, not a pipe: one that nobody reads would fill up.
        with self._log.open("wb") as log:
            self.process = subprocess.Popen(
                [*command, *self._options],
                stdout=subprocess.PIPE,
                stderr=log,
                text=True,
                env=self._environment,
            )
        assert self.process.stdout is not None
        line = self.process.stdout.readline()
        if not line:
            self.process.wait()
            raise RuntimeError(self._log.read_text())
        self.said: dict[str, Any] = json.loads(line)
        self.url: str = self.said["url"]
        self._port = int(self.url.rpartition(":")[2])
        self.client = httpx.Client(base_url=self.url, timeout=120)

    def __exit__(self, *_: object) -> None:
        self.stop()

    def kill(self) -> None:
        """Kill it, and wait until it is gone; its workers are its own business."""
        self.client.close()
        self.process.kill()
        self.process.wait()

    def stop(self) -> int:
        """Stop it as a user would, and return its exit code."""
        self.client.close()
        self.process.send_signal(signal.SIGTERM)
        code = self.process.wait(60)
        assert self.process.stdout is not None
        self.process.stdout.close()
        return code

    def key(self, scope: str) -> str:
        """Make an API key as its users do."""
        command = [sys.executable, "-m", "firstfault.cli.main", "key", "create", scope, "--scope", scope]
        made = subprocess.run(
            [*command, "--json", "--data", str(self.data)],
            capture_output=True,
            text=True,
            check=True,
            env=self._environment,
        )
        return json.loads(made.stdout)["secret"]

    def post(self, body: bytes, headers: Mapping[str, str] | None = None, **asked: Any) -> dict[str, Any]:
        """Post a job."""
        answer = self.client.post("/v1/jobs", content=body, headers=headers, params=asked)
        assert answer.status_code == 202, answer.text
        return answer.json()

    def followed(self, job: str) -> list[dict[str, Any]]:
        """Wait for a job's end; return its verdicts as they came."""
        with self.client.stream("GET", f"/v1/jobs/{job}/verdicts", params={"follow": True}) as lines:
            assert lines.status_code == 200
            return [json.loads(line) for line in lines.iter_lines()]

    def job(self, job: str) -> dict[str, Any]:
        """Return a job as it is now."""
        return self.client.get(f"/v1/jobs/{job}").raise_for_status().json()
