"""A real PostgreSQL for the time of a `with`, in a folder of its own."""

import os
import pwd
import shutil
import subprocess
import tempfile
from contextlib import suppress
from pathlib import Path
from typing import Self

from firstfault.annotate.listening import listen


def programs() -> Path | None:
    """Folder of PostgreSQL's programs, `None` where it isn't installed."""
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"))
    initdb = found[-1] if found else shutil.which("initdb")
    return Path(initdb).parent if initdb else None


class Postgres:
    """A server on a free port of the loopback.

    Args:
        folder: Folder of PostgreSQL's programs.
        fsync: Whether a commit waits for the disk, as it should where time is measured.
    """

    def __init__(self, folder: Path, *, fsync: bool = False) -> None:
        self._programs = folder
        self._fsync = "on" if fsync else "off"
        self._count = 0

    def __enter__(self) -> Self:
        # Not below pytest's folder, which the server's user may not enter.
        self._folder = Path(tempfile.mkdtemp(prefix="postgres-"))
        # It refuses to run as root.
        self._user = "postgres" if os.geteuid() == 0 else None
        if self._user:
            account = pwd.getpwnam(self._user)
            os.chown(self._folder, account.pw_uid, account.pw_gid)
        data = self._folder / "data"
        self._run("initdb", "-D", str(data), "-A", "trust", "-U", "firstfault", "--no-sync")
        with listen("127.0.0.1", 0) as free:
            self.port: int = free.getsockname()[1]
        self._options = f"-p {self.port} -h 127.0.0.1 -k {self._folder} -c max_connections=200"
        self._options += f" -c fsync={self._fsync}"
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        with suppress(subprocess.CalledProcessError):  # It may be stopped already.
            self.stop()
        shutil.rmtree(self._folder)

    def restart(self) -> None:
        """Stop it as a crash would, and start it again."""
        self.stop()
        self.start()

    def stop(self) -> None:
        """Stop it as a crash would."""
        self._run("pg_ctl", "-D", str(self._folder / "data"), "-m", "immediate", "-w", "stop")

    def start(self) -> None:
        """Start it again at the same port, with what it knew."""
        place = ("-D", str(self._folder / "data"), "-l", str(self._folder / "log"))
        self._run("pg_ctl", *place, "-o", self._options, "-w", "start")

    def database(self) -> str:
        """Make an empty database; return its URL."""
        self._count += 1
        name = f"d{self._count}"
        where = ("-h", "127.0.0.1", "-p", str(self.port), "-U", "firstfault")
        self._run("createdb", *where, name)
        return f"postgresql://firstfault@127.0.0.1:{self.port}/{name}"

    def _run(self, program: str, *arguments: str) -> None:
        subprocess.run(
            [str(self._programs / program), *arguments],
            check=True,
            stdout=subprocess.DEVNULL,
            user=self._user,
            cwd=self._folder,
        )
