"""Starting and stopping the Argilla server, as a process of its own that never outlives this one."""

import json
import os
import select
import socket
import time
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import Any, Self
from urllib.request import urlopen

from ....datasets.errors import EndpointError
from ...child import HANDED_ON, Child
from ...listening import address_of
from .folder import DataFolder

INSIDE = Path(__file__).with_name("inside")
_START_LIMIT = 180.0


class Server:
    """A server that answers, for the time of a `with`.

    Args:
        python: Interpreter of its environment.
        folder: Its data; the credentials are there.
        bound: Where it answers.
        report: Told what it is doing while it starts.

    Raises:
        EndpointError: If it doesn't start.
    """

    def __init__(
        self, python: Path, folder: DataFolder, bound: socket.socket, report: Callable[[str], None]
    ) -> None:
        self._folder = folder
        self.url = address_of(bound)
        folder.credentials()
        self._child = Child(
            [str(python), str(INSIDE), "--data", str(folder.path), "--socket", str(bound.fileno())],
            folder.log,
            {name: os.environ[name] for name in HANDED_ON if name in os.environ},
            # The lock stays taken until the server itself is gone.
            pass_fds=(bound.fileno(), folder.lock),
            talks=True,
        )
        try:
            self._await_ready(report)
            folder.note_address(self.url)
        except BaseException:
            self.stop()
            raise

    @property
    def pid(self) -> int:
        """Process id of the server."""
        return self._child.pid

    def wait(self) -> None:
        """Wait until the server ends by itself, which it doesn't unless something is wrong.

        Raises:
            EndpointError: Always, when it has ended.
        """
        raise self._failed(f"the server ended with exit code {self._child.wait()}")

    def stop(self) -> None:
        """Stop it, and wait until it is gone."""
        self._child.stop()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def _await_ready(self, report: Callable[[str], None]) -> None:
        deadline = time.monotonic() + _START_LIMIT
        rest = b""
        while True:
            *lines, rest = (rest + self._read(deadline)).split(b"\n")
            for line in lines:
                message: dict[str, Any] = json.loads(line)
                if message.get("ready"):
                    self._check_health(deadline)
                    return
                report(str(message.get("stage", "")))

    def _read(self, deadline: float) -> bytes:
        left = deadline - time.monotonic()
        if left <= 0 or not select.select([self._child.stdout], [], [], left)[0]:
            raise self._failed(f"the server was not ready after {_START_LIMIT:.0f} s")
        read = os.read(self._child.stdout, 65536)
        if not read:
            raise self._failed(f"the server ended with exit code {self._child.wait()}")
        return read

    def _check_health(self, deadline: float) -> None:
        try:
            with urlopen(
                f"{self.url}/api/v1/status", timeout=max(1.0, deadline - time.monotonic())
            ) as answer:
                json.load(answer)
        except (OSError, ValueError) as error:
            raise self._failed(f"the server does not answer: {error}") from error

    def _failed(self, what: str) -> EndpointError:
        return EndpointError(what, hint=f"See the end of {self._folder.log}")
