"""Environments of their own for servers whose libraries can't share ours: made once, in the user's cache.

A virtual environment is built under another name and renamed when it is whole, so that one whose installation
was interrupted is never used.
"""

import fcntl
import hashlib
import os
import shutil
import subprocess
import sys
import tempfile
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

from ..datasets.errors import ConfigError

_BUILDING = ".building-"

Report = Callable[[int, str], None]
"""Told how many packages are there, and what is going on."""


@dataclass(frozen=True)
class Environment:
    """What is installed into one environment, and what to say when that fails."""

    name: str
    requirements: tuple[str, ...]
    """As pip takes them. The folder's name depends on them, so that another version is another folder."""
    instead: str
    """What the user can do without it, as the second half of a hint."""
    pythons: tuple[tuple[int, int], tuple[int, int]]
    """First and last Python version that it can be installed in."""
    complete: bool = True
    """Whether the requirements are all there is: pip then looks for no others."""
    unwanted: tuple[str, ...] = ()
    """Packages that come along and must go."""
    proof: str | None = None
    """A module whose import shows that it works."""

    @property
    def path(self) -> Path:
        """Where it is or goes: it depends on the requirements and on the Python version.

        `FIRSTFAULT_CACHE` names the folder; else it is `firstfault` in the user's cache.
        """
        own = os.environ.get("FIRSTFAULT_CACHE")
        shared = os.environ.get("XDG_CACHE_HOME")
        cache = Path(own) if own else (Path(shared) if shared else Path.home() / ".cache") / "firstfault"
        digest = hashlib.sha256("\n".join(self.requirements).encode()).hexdigest()[:12]
        return cache.absolute() / f"{self.name}-{digest}-py{sys.version_info[0]}.{sys.version_info[1]}"

    @property
    def python(self) -> Path:
        """Its interpreter."""
        return self.path / "bin" / "python"

    @property
    def is_there(self) -> bool:
        """Whether it need not be made."""
        return self.python.exists()

    def ensure(self, report: Report) -> Path:
        """Return the interpreter of the environment, which is made when there is none.

        Args:
            report: Told about the progress of an installation; not called when there is nothing to install.

        Raises:
            ConfigError: If it can't be made.
        """
        target = self.path
        if self.is_there:
            return self.python
        first, last = self.pythons
        if not first <= sys.version_info[:2] <= last:
            wanted = f"{first[0]}.{first[1]} to {last[0]}.{last[1]}"
            raise self._not_installable(f"it needs Python {wanted}, this is {sys.version.split()[0]}")
        try:
            target.parent.mkdir(parents=True, exist_ok=True)
            with (target.parent / ".lock").open("w") as lock:
                # Whoever comes second waits, and finds it made.
                fcntl.flock(lock, fcntl.LOCK_EX)
                if not self.is_there:
                    self._make(target, report)
        except OSError as error:
            hint = "Name a folder that can be written to in FIRSTFAULT_CACHE"
            raise ConfigError(f"{target.parent}: {error.strerror or error}", hint=hint) from error
        return self.python

    def _make(self, target: Path, report: Report) -> None:
        # What is left of an installation that was killed, and of an environment whose Python was removed.
        for left in (target, *target.parent.glob(f"{_BUILDING}*")):
            shutil.rmtree(left, ignore_errors=True)
        building = Path(tempfile.mkdtemp(prefix=_BUILDING, dir=target.parent))
        try:
            self._build(building, report)
            building.rename(target)
        finally:
            shutil.rmtree(building, ignore_errors=True)

    def _build(self, folder: Path, report: Report) -> None:
        report(0, "making an environment")
        # Our own pip can install into it, where there is one: that saves copying another.
        has_pip = find_spec("pip") is not None
        self._run([sys.executable, "-m", "venv", *(["--without-pip"] if has_pip else []), str(folder)])
        python = str(folder / "bin" / "python")
        pip = [sys.executable, "-m", "pip", "--python", python] if has_pip else [python, "-m", "pip"]
        seen = 0

        def follow(line: str) -> None:
            nonlocal seen
            if line.startswith("Collecting "):
                seen += 1
                report(seen, line.split()[1].split("==")[0])
            elif line.startswith("Installing collected packages"):
                report(seen, "unpacking")

        options = ["--no-input", "--disable-pip-version-check", "--progress-bar", "off"]
        with tempfile.NamedTemporaryFile("w", suffix=".txt") as listed:
            listed.write("\n".join(self.requirements))
            listed.flush()
            options += ["--requirement", listed.name, *(["--no-deps"] if self.complete else [])]
            self._run([*pip, "install", *options], follow)
        if self.unwanted:
            self._run([*pip, "uninstall", "--yes", "--disable-pip-version-check", *self.unwanted])
        if self.proof is not None:
            report(seen, "trying it")
            self._run([python, "-c", f"import {self.proof}"])

    def _run(self, command: list[str], follow: Callable[[str], None] = lambda line: None) -> None:
        last: deque[str] = deque(maxlen=1)
        with subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
        ) as process:
            assert process.stdout is not None
            try:
                for line in process.stdout:
                    if line.startswith("ERROR") or "Error: " in line:
                        last.append(line.strip())
                    follow(line.strip())
            except BaseException:
                process.terminate()
                raise
        if process.returncode:
            ended = f"{' '.join(command[1:3])} ended with exit code {process.returncode}"
            raise self._not_installable(last[0] if last else ended)

    def _not_installable(self, why: str) -> ConfigError:
        hint = f"See that pip reaches a package registry and try again, or {self.instead}"
        return ConfigError(f"{self.name} can't be installed: {why}", hint=hint)
