"""The data folder of a service: one process serves from it at a time."""

import fcntl
import os
import socket
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

from ..datasets.errors import ConfigError

_LOCK = "serve.lock"


@contextmanager
def occupied(data: Path) -> Generator[None]:
    """Keep other services out of a data folder: their workers would have the names of this one's.

    The lock is gone with the process, however that ends.

    Args:
        data: The folder.

    Raises:
        ConfigError: If another service has it.
    """
    with (data / _LOCK).open("a+") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            lock.seek(0)
            raise ConfigError(
                f"--data: {data} is another service's: that of {lock.read().strip() or 'another process'}",
                hint="Stop that one, or give another --data; `firstfault worker` adds workers to it",
            ) from None
        lock.truncate(0)
        lock.write(f"process {os.getpid()} on {socket.gethostname()}\n")
        lock.flush()
        yield
