"""A process of its own that never outlives this one."""

import os
import signal
import subprocess
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path

_LARGEST_LOG = 5_000_000
HANDED_ON = ("PATH", "HOME", "LANG", "LC_ALL", "TZ")
"""What a child gets of our environment at least: no keys, no settings of other servers."""


class Child:
    """A process that is to stop when its standard input ends, which it does however we end.

    It must watch its standard input itself. What it starts belongs to it, and goes with it.

    Args:
        command: What to run.
        log: Where its standard error goes, for this user alone; begun anew when it has grown large.
        environment: Its environment, whole.
        pass_fds: Open files that it takes over.
        talks: Whether its standard output is read here, by `stdout`; else it goes into the log too.
    """

    def __init__(
        self,
        command: Sequence[str],
        log: Path,
        environment: Mapping[str, str],
        *,
        pass_fds: Sequence[int] = (),
        talks: bool = False,
    ) -> None:
        if log.exists() and log.stat().st_size > _LARGEST_LOG:
            log.replace(log.with_suffix(".log.1"))
        with log.open("ab") as written:
            log.chmod(0o600)
            self._process = subprocess.Popen(
                list(command),
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE if talks else written,
                stderr=written,
                bufsize=0,
                pass_fds=tuple(pass_fds),
                env=dict(environment),
                # Ctrl-C is for us, and we stop it.
                start_new_session=True,
            )

    @property
    def pid(self) -> int:
        """Its process id, and that of the group of all that it starts."""
        return self._process.pid

    @property
    def stdout(self) -> int:
        """Descriptor to read what it says."""
        assert self._process.stdout is not None
        return self._process.stdout.fileno()

    def wait(self, seconds: float | None = None) -> int | None:
        """Wait until it has ended, or so long; return its exit code, `None` while it runs."""
        try:
            return self._process.wait(seconds)
        except subprocess.TimeoutExpired:
            return None

    def stop(self, limit: float = 15.0) -> None:
        """Stop it and what it has started, and wait until it is gone.

        Args:
            limit: Seconds that it may take to end in its own way.
        """
        assert self._process.stdin is not None
        self._process.stdin.close()
        self._process.terminate()
        if self.wait(limit) is None:
            self._process.kill()
            self._process.wait()
        with suppress(ProcessLookupError):
            os.killpg(self.pid, signal.SIGKILL)
        if self._process.stdout is not None:
            self._process.stdout.close()
