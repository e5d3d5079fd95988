"""The folder in which an Argilla server keeps everything: database, credentials, log.

One server at a time: the lock is held by whatever process has the folder open, the server included, and
the system gives it back when the last of them is gone, however it ended.
"""

import fcntl
import json
import os
import secrets
import tempfile
from pathlib import Path
from types import TracebackType
from typing import NamedTuple, Self

from pydantic import BaseModel, ConfigDict, ValidationError

from ....datasets.errors import ConfigError

MARK = "firstfault-review.json"
_CREDENTIALS, _LOCK, _LOG = "credentials.json", "lock", "server.log"
_FORMAT = 1
_HARMLESS = {"lost+found", ".DS_Store", _LOCK}
_TEMPORARY = ".firstfault-"


class Credentials(BaseModel):
    """Of the server's owner, who may do everything; and the key that signs log-ins."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    username: str
    password: str
    api_key: str
    signing_key: str
    """Changing it logs everyone out."""

    def __repr__(self) -> str:
        return f"Credentials(username={self.username!r})"

    __str__ = __repr__


class DataFolder:
    """The data of one server, open for one process.

    Args:
        path: The folder; made when there is none.

    Raises:
        ConfigError: If it can't be written to, holds something else, or a server already runs on it.
    """

    def __init__(self, path: Path) -> None:
        self.path = path.absolute()
        self._lock: int | None = None
        try:
            self._open()
        except OSError as error:
            self.close()
            hint = "Name a folder that you can write to with --data"
            raise ConfigError(f"{path}: {error.strerror or error}", hint=hint) from error
        except BaseException:
            self.close()
            raise

    def _open(self) -> None:
        if self.path.exists() and not self.path.is_dir():
            raise ConfigError(f"{self.path}: not a folder", hint="Name a folder with --data")
        self.path.mkdir(parents=True, exist_ok=True, mode=0o700)
        self._check_content()
        lock = os.open(self.path / _LOCK, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        self._lock = lock
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            holder = os.pread(lock, 200, 0).decode(errors="replace").strip()
            raise ConfigError(
                f"{self.path}: a server already runs on this folder{holder and f' ({holder})'}",
                hint="Use that one, stop it with Ctrl-C, or name another folder with --data",
            ) from error
        os.ftruncate(lock, 0)
        if not (self.path / MARK).exists():
            _write_private(self.path / MARK, json.dumps({"format": _FORMAT}) + "\n")

    def _check_content(self) -> None:
        mark = self.path / MARK
        hint = "Name an empty folder, or one that `review serve` made, with --data"
        if mark.exists():
            try:
                is_ours = json.loads(mark.read_text(encoding="utf-8"))["format"] == _FORMAT
            except (ValueError, TypeError, KeyError):
                is_ours = False
            if not is_ours:
                raise ConfigError(f"{mark}: made by another version", hint=hint)
        # The lock is older than the mark: a first start may have been cut short between the two.
        elif any(
            entry.name not in _HARMLESS and not entry.name.startswith(_TEMPORARY)
            for entry in self.path.iterdir()
        ):
            raise ConfigError(f"{self.path}: holds other things than an Argilla server's data", hint=hint)

    def note_address(self, address: str) -> None:
        """Write down where the server answers, for whoever finds the folder taken."""
        os.pwrite(self.lock, address.encode(), 0)

    @property
    def lock(self) -> int:
        """File descriptor that holds the lock, to be inherited by the server.

        Raises:
            ValueError: If the folder is closed.
        """
        if self._lock is None:
            raise ValueError(f"{self.path} is closed")
        return self._lock

    @property
    def log(self) -> Path:
        """Where the server writes what goes wrong."""
        return self.path / _LOG

    @property
    def credentials_path(self) -> Path:
        """Where the credentials are, readable for this user alone."""
        return self.path / _CREDENTIALS

    def credentials(self) -> tuple[Credentials, bool]:
        """Return the owner's credentials, and whether they were made just now.

        Raises:
            ConfigError: If their file can't be read.
        """
        path = self.credentials_path
        if path.exists():
            # A copy or a backup may have opened it to others.
            path.chmod(0o600)
            return _read_credentials(path), False
        made = Credentials(
            username="owner",
            password=secrets.token_urlsafe(12),
            api_key=secrets.token_urlsafe(32),
            signing_key=secrets.token_hex(32),
        )
        _write_private(path, made.model_dump_json(indent=1) + "\n")
        return made, True

    def close(self) -> None:
        """Let another server have it, once those that inherited the lock are gone."""
        if self._lock is not None:
            os.close(self._lock)
            self._lock = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


class Running(NamedTuple):
    """A server at work."""

    url: str
    credentials: Credentials


def running_server(path: Path) -> Running | None:
    """Return the server that runs on a folder; `None` where none does.

    Raises:
        ConfigError: If its credentials can't be read.
    """
    try:
        lock = os.open(path / _LOCK, os.O_RDWR | os.O_CLOEXEC)
    except OSError:
        return None
    try:
        fcntl.flock(lock, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        url = os.pread(lock, 200, 0).decode(errors="replace").strip()
    else:
        return None
    finally:
        os.close(lock)
    return Running(url, _read_credentials(path / _CREDENTIALS)) if url else None


def _read_credentials(path: Path) -> Credentials:
    try:
        return Credentials.model_validate_json(path.read_bytes())
    except (ValidationError, OSError):
        # The reason could quote a key.
        hint = "Restore it from a backup, or start anew in an empty folder"
        raise ConfigError(f"{path}: not a file of credentials", hint=hint) from None


def _write_private(path: Path, text: str) -> None:
    # mkstemp's files are for their owner alone from the start.
    handle, name = tempfile.mkstemp(prefix=_TEMPORARY, dir=path.parent)
    try:
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        Path(name).replace(path)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise
