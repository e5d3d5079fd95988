"""Who is asking a request at the moment, among processes that share a ledger."""

import os
import secrets
import socket
import uuid
from functools import cache
from pathlib import Path
from typing import NamedTuple


class Claimant(NamedTuple):
    """One open ledger in one process."""

    place: str
    """Machine, since it was started, and process namespace: where the process number means something."""
    pid: int
    token: str

    @classmethod
    def new(cls) -> "Claimant":
        """Return one for this process, unlike any other."""
        return cls(_place(), os.getpid(), secrets.token_hex(8))

    @classmethod
    def parse(cls, text: str) -> "Claimant":
        """Read what `str` wrote; what can't be read is nobody known, and alive."""
        place, pid, token = [*text.rsplit("|", 2), "", ""][:3]
        return cls(place, int(pid) if pid.isdigit() else 0, token)

    def __str__(self) -> str:
        return f"{self.place}|{self.pid}|{self.token}"

    def is_dead(self) -> bool:
        """Whether its process is known to have ended. Elsewhere, nobody can know: only its lease ends it."""
        if self.pid <= 0 or self.place != _place() or os.name != "posix":
            return False
        try:
            os.kill(self.pid, 0)
        except ProcessLookupError:
            return True
        except OSError:
            return False
        return False


@cache
def _place() -> str:
    # Names of machines, and the numbers of their process namespaces, are the same on many: what is random at
    # every start of a machine is not. Where there is none (no Linux), its network card has to do.
    machine = _read(Path("/proc/sys/kernel/random/boot_id")) or f"{uuid.getnode():x}"
    try:
        namespace = str(Path("/proc/self/ns/pid").readlink())
    except OSError:
        namespace = ""
    return f"{socket.gethostname()}/{machine}/{namespace}"


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="ascii").strip()
    except OSError:
        return ""
