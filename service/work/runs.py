"""Runs that the service shows: folders beside each other, as `firstfault run` makes them."""

import json
import os
from contextlib import suppress
from functools import lru_cache
from pathlib import Path
from typing import NamedTuple

from ...annotate.engines.ledger_look import spent
from ...datasets.errors import FirstFaultError
from ...datasets.records import Split
from ...loop.config import RunConfig
from ...loop.folder import RunFolder
from ...loop.report import Report
from ...loop.report_file import JSON_NAME, read_report
from ...loop.standing import Standing
from .mark import make_mark, read_mark

_LONGEST_NAME = 100
_CACHED = 8
_MOST_FIGURES = 1024


class Part(NamedTuple):
    """The verdicts on one model's wrong solutions of a split."""

    run: str
    model: str
    split: Split

    @property
    def name(self) -> str:
        """For people."""
        return f"{self.model}, {self.split.value.replace('_', '-')}"


class Runs:
    """The runs of a folder.

    Args:
        folder: Where they lie; it need not exist.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def names(self) -> list[str]:
        """Name all runs, those that changed last first."""
        if not self.folder.is_dir():
            return []
        found: list[tuple[float, str]] = []
        for path in self.folder.iterdir():
            if _may_be_called(path.name) and _is_run(path):
                found.append((_changed(path), path.name))
        return [name for _, name in sorted(found, reverse=True)]

    def mark(self) -> str | None:
        """Return the folder's mark, made where there are runs; `None` where there is none.

        A folder without runs gets none: another may be mounted in its place. Nor can one that is
        read-only, or can't be read.
        """
        if (mark := read_mark(self.folder)) is not None:
            return mark
        with suppress(OSError):
            return make_mark(self.folder) if self.names() else None
        return None

    def find(self, name: str) -> RunFolder | None:
        """Return a run's folder; `None` where there is none of that name."""
        is_run = _may_be_called(name) and _is_run(self.folder / name)
        return RunFolder(self.folder / name) if is_run else None

    def parts(self, name: str) -> list[Part]:
        """Name the models and splits of a run that have verdicts."""
        found = self.find(name)
        if found is None:
            return []
        parts: list[Part] = []
        for path in sorted((found.path / "verdicts").glob("*.parquet")):
            model, _, split = path.stem.rpartition(".")
            if model and split in tuple(Split):
                parts.append(Part(name, model, Split(split)))
        return parts


def _may_be_called(name: str) -> bool:
    """Whether a run may be called so: names stand in addresses and on pages, and must lead nowhere else."""
    is_inside = bool(name) and not name.startswith(".") and "/" not in name and "\\" not in name
    return is_inside and name.isprintable() and len(name) <= _LONGEST_NAME


def _is_run(folder: Path) -> bool:
    # Path.is_file would raise an error at a name that is longer than file systems take.
    return os.path.isfile(folder / "config.yaml")  # noqa: PTH113


def _changed(run: Path) -> float:
    changed = [0.0]
    for mark in (run / JSON_NAME, run / "config.yaml", RunFolder(run).standing_path):
        # Written anew, or removed with the run, while it is looked at.
        with suppress(FileNotFoundError):
            changed.append(mark.stat().st_mtime)
    return max(changed)


def standing(folder: RunFolder) -> Standing:
    """Say where a run stands."""
    return Standing.of(folder.standing_path, has_report=(folder.path / JSON_NAME).is_file())


def report(folder: RunFolder) -> Report | None:
    """Read a run's report as it is now; `None` where there is none, or none that this version reads."""
    path = folder.path / JSON_NAME
    try:
        return _read(folder.path, path.stat().st_mtime_ns)
    except (OSError, FirstFaultError):
        return None


@lru_cache(maxsize=_CACHED)
def _read(path: Path, _: int) -> Report:
    return read_report(path)


def config(folder: RunFolder) -> RunConfig:
    """Read a run's configuration.

    Raises:
        FirstFaultError: If it can't be read.
    """
    return _config(folder.path, folder.config_path.stat().st_mtime_ns)


@lru_cache(maxsize=_CACHED * _CACHED)
def _config(path: Path, _: int) -> RunConfig:
    return RunFolder(path).read_config()


def cost(folder: RunFolder) -> float | None:
    """Return what a run's language models have cost so far, in US dollars; `None` if it asked none."""
    path = folder.ledger_path
    state = _state(path)
    if state is None:
        # A ledger that is shared tells nothing of one run.
        return None
    try:
        # What was written last may be in the log beside it alone.
        return _spent(path, state, _state(Path(f"{path}-wal")))
    except FirstFaultError:
        return None


@lru_cache(maxsize=_MOST_FIGURES)
def _spent(path: Path, *_: object) -> float:
    return spent(path)


def stamp(folder: RunFolder, part: Part) -> str:
    """Say by sizes and times which state of its files a part was read in."""
    files = [
        folder.verdicts_path(part.model, part.split),
        folder.reviews_path(part.model, part.split),
        folder.pairs_path(part.model),
        folder.test_pairs_path(part.model),
    ]
    return json.dumps([_state(path) for path in files])


def _state(path: Path) -> tuple[int, int] | None:
    """Time and size of a file; `None` where there is none."""
    try:
        found = path.stat()
    except FileNotFoundError:
        return None
    return found.st_mtime_ns, found.st_size
