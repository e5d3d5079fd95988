"""Where a run stands: written into its folder while it works, for whoever looks on."""

import json
import time
from collections.abc import Generator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Self

from pydantic import ValidationError

from ..annotate.engines.claimant import Claimant
from ..datasets.records import Record
from ..datasets.store import write_text

STAGES = (
    "problems",
    "examples",
    "tune format",
    "quantize",
    "solve",
    "mine",
    "judge",
    "curate",
    "restore",
    "recover",
    "explain",
    "inspect",
    "diverge",
    "agree",
)
"""Of a run, in order."""
_OFTEN = 0.5


class Standing(Record):
    """Where a run stands."""

    stages: tuple[str, ...]
    """All of them, in order."""
    finished: tuple[str, ...] = ()
    stage: str | None = None
    """The one under way."""
    is_open: bool = False
    """Whether the run is at work, between stages too."""
    task: str = ""
    """What is being done of it, in words."""
    done: int = 0
    total: int | None = None
    """Units of work of the task, where known."""
    note: str = ""
    found_all_done: bool = False
    """Whether the run had nothing to do, since all was there."""
    started_at: str
    """When the run was last started; ISO 8601, UTC."""
    at: str
    """When this was written."""
    by: str
    """The process."""

    @property
    def is_alive(self) -> bool:
        """Whether the process that wrote it is not known to have ended."""
        is_open = self.is_open or self.stage is not None
        return is_open and not Claimant.parse(self.by).is_dead()

    @classmethod
    def read(cls, path: Path) -> Self | None:
        """Read what a run wrote; `None` where there is nothing that can be read."""
        try:
            return cls.model_validate(json.loads(path.read_text(encoding="utf-8")))
        except (OSError, ValueError, ValidationError):
            return None

    @classmethod
    def of(cls, path: Path, *, has_report: bool) -> "Standing":
        """Read what a run wrote; one of an older version that has a report counts as finished."""
        finished = STAGES if has_report else ()
        return cls.read(path) or Standing(stages=STAGES, finished=finished, started_at="", at="", by="")


class Keeper:
    """Keeps a run's standing up to date; what a reporter tells of its tasks too.

    Args:
        path: The file.
        stages: Of the run.
    """

    def __init__(self, path: Path, stages: Sequence[str]) -> None:
        self._path = path
        now = _now()
        self._standing = Standing(stages=tuple(stages), started_at=now, at=now, by=str(Claimant.new()))
        self._written = 0.0
        self.has_begun = False
        """Whether a task of any stage has begun."""

    @contextmanager
    def working(self) -> Generator[None]:
        """Say that the run is at work, until it ends or is broken off."""
        self._change(is_open=True)
        try:
            yield
        finally:
            self._change(is_open=False)

    @contextmanager
    def during(self, stage: str) -> Generator[None]:
        """Say that a stage is under way, and finished unless it is broken off."""
        self._change(stage=stage)
        try:
            yield
        except BaseException:
            self._change(stage=None, task="", note="")
            raise
        self._change(stage=None, task="", note="", finished=(*self._standing.finished, stage))

    def finish(self, stages: Sequence[str]) -> None:
        """Say that these are finished too."""
        known = {*self._standing.finished, *stages}
        self._change(finished=tuple(stage for stage in self._standing.stages if stage in known))

    def find_all_done(self) -> None:
        """Say that there was nothing to do."""
        self._change(found_all_done=True)

    def begin(self, what: str, total: int | None) -> None:
        """Say that a task begins."""
        self.has_begun = True
        self._change(task=what, done=0, total=total, note="")

    def advance(self, more: int) -> None:
        """Say that so much more of it is done; written from time to time."""
        self._change(often=True, done=self._standing.done + more)

    def say(self, note: str) -> None:
        """Say a few words beside it."""
        self._change(often=True, note=note)

    def _change(self, *, often: bool = False, **values: object) -> None:
        self._standing = self._standing.model_copy(update={**values, "at": _now()})
        if often and time.monotonic() - self._written < _OFTEN:
            return
        self._written = time.monotonic()
        write_text(self._path, self._standing.model_dump_json() + "\n")


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")
