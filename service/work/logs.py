"""What commands on runs write while they run."""

from pathlib import Path

_END = 16_000


class Logs:
    """Files with what tasks' commands have written, of untrusted things too.

    Args:
        folder: Where they lie.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def path(self, task: str) -> Path:
        """A task's file; its folder is made."""
        self._folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        return self._path(task)

    def end(self, task: str) -> str:
        """Return the end of what a task's command has written; empty where it has written nothing."""
        path = self._path(task)
        if not path.is_file():
            return ""
        with path.open("rb") as file:
            file.seek(max(0, path.stat().st_size - _END))
            return file.read().decode("utf-8", "replace")

    def _path(self, task: str) -> Path:
        return self._folder / f"{task}.log"
