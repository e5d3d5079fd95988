"""The environment that the Argilla server runs in: made once, from a lock, beside those of other versions.

A virtual environment in the user's cache. It is built under another name and renamed when it is whole, so
that one whose installation was interrupted is never used.
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
from importlib.util import find_spec
from pathlib import Path

from ....datasets.errors import ConfigError

LOCK = Path(__file__).with_name("lock.txt")
_BUILDING = ".building-"
SUPPORTED = ((3, 11), (3, 13))
"""First and last Python version that the lock can be installed in."""

Report = Callable[[int, int, str], None]
"""Told how many packages are there, of how many, and what is going on."""


def packages() -> list[str]:
    """Return what the lock asks for, as `name==version`."""
    lines = (line.strip() for line in LOCK.read_text(encoding="utf-8").splitlines())
    return [line for line in lines if line and not line.startswith("#")]


def environment_path() -> Path:
    """Return where the environment is or goes: it depends on the lock and on the Python version.

    `FIRSTFAULT_CACHE` names the folder; else it is `firstfault` in the user's cache.
    """
    own = os.environ.get("FIRSTFAULT_CACHE")
    cache = (
        Path(own) if own else Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "firstfault"
    )
    digest = hashlib.sha256("\n".join(packages()).encode()).hexdigest()[:12]
    return cache.absolute() / f"argilla-server-{digest}-py{sys.version_info[0]}.{sys.version_info[1]}"


def python_of(environment: Path) -> Path:
    """Return the interpreter of an environment."""
    return environment / "bin" / "python"


def ensure_environment(report: Report) -> Path:
    """Return the interpreter of the server's environment, which is made when there is none.

    Takes about a minute and 0.6 GB the first time, and looks at one file afterwards.

    Args:
        report: Told about the progress of an installation; not called when there is nothing to install.

    Returns:
        The interpreter.

    Raises:
        ConfigError: If it can't be made.
    """
    target = environment_path()
    if python_of(target).exists():
        return python_of(target)
    if not SUPPORTED[0] <= sys.version_info[:2] <= SUPPORTED[1]:
        raise _not_installable(f"it needs Python 3.11 to 3.13, this is {sys.version.split()[0]}")
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        with (target.parent / ".lock").open("w") as lock:
            # Whoever comes second waits, and finds it made.
            fcntl.flock(lock, fcntl.LOCK_EX)
            if not python_of(target).exists():
                _make(target, report)
    except OSError as error:
        hint = "Name a folder that can be written to in FIRSTFAULT_CACHE"
        raise ConfigError(f"{target.parent}: {error.strerror or error}", hint=hint) from error
    return python_of(target)


def _make(target: Path, report: Report) -> None:
    # What is left of an installation that was killed, and of an environment whose Python was removed.
    for left in (target, *target.parent.glob(f"{_BUILDING}*")):
        shutil.rmtree(left, ignore_errors=True)
    building = Path(tempfile.mkdtemp(prefix=_BUILDING, dir=target.parent))
    try:
        _build(building, report)
        building.rename(target)
    finally:
        shutil.rmtree(building, ignore_errors=True)


def _build(folder: Path, report: Report) -> None:
    wanted = packages()
    report(0, len(wanted), "making an environment")
    # Our own pip can install into it, where there is one: that saves copying another.
    has_pip = find_spec("pip") is not None
    _run(
        [sys.executable, "-m", "venv", *(["--without-pip"] if has_pip else []), str(folder)],
        lambda line: None,
    )
    python = str(python_of(folder))
    pip = [sys.executable, "-m", "pip", "--python", python] if has_pip else [python, "-m", "pip"]
    seen = 0

    def follow(line: str) -> None:
        nonlocal seen
        if line.startswith("Collecting "):
            seen += 1
            report(seen, len(wanted), line.split()[1].split("==")[0])
        elif line.startswith("Installing collected packages"):
            report(len(wanted), len(wanted), "unpacking")

    options = ["--no-deps", "--no-input", "--disable-pip-version-check", "--progress-bar", "off"]
    _run([*pip, "install", *options, "--requirement", str(LOCK)], follow)


def _run(command: list[str], follow: Callable[[str], None]) -> None:
    last: deque[str] = deque(maxlen=1)
    with subprocess.Popen(
        command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    ) as process:
        assert process.stdout is not None
        try:
            for line in process.stdout:
                if line.startswith("ERROR"):
                    last.append(line.strip())
                follow(line.strip())
        except BaseException:
            process.terminate()
            raise
    if process.returncode:
        raise _not_installable(last[0] if last else f"{command[2]} ended with exit code {process.returncode}")


def _not_installable(why: str) -> ConfigError:
    return ConfigError(
        f"argilla-server can't be installed: {why}",
        hint="See that pip reaches a package registry and try again, or use a server that you have: "
        "set ARGILLA_API_URL and ARGILLA_API_KEY",
    )
