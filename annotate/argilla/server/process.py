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

from ....datasets.errors import ConfigError, EndpointError
from ...child import HANDED_ON, Child
from .folder import DataFolder

INSIDE = Path(__file__).with_name("inside")
_START_LIMIT = 180.0


def listen(host: str, port: int) -> socket.socket:
    """Return a socket bound to an address, on which nothing answers yet.

    Args:
        host: Name or address of a network interface of this machine.
        port: 0 for any that is free.

    Raises:
        ConfigError: If it is taken, or none of this machine's.
    """
    bound = None
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(
            host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
        bound = socket.socket(family, kind, protocol)
        # Else a restart would have to wait for the connections of the last server to be forgotten.
        bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        bound.bind(address)
        # Linux lets two sockets share an address until one of them listens.
        bound.listen(128)
    except socket.gaierror as error:
        raise ConfigError(
            f"--host {host}: {error.strerror}", hint="Give 127.0.0.1, or this machine's address"
        ) from error
    except (OSError, OverflowError) as error:
        if bound is not None:
            bound.close()
        why = getattr(error, "strerror", None) or str(error)
        hint = "Give another --port, or 0 for any that is free"
        raise ConfigError(f"{host}:{port}: {why}", hint=hint) from error
    return bound


def address_of(bound: socket.socket) -> str:
    """Return the address at which a browser on this machine finds the server."""
    host, port = bound.getsockname()[:2]
    if host in ("0.0.0.0", "::"):
        host = "127.0.0.1"
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


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
