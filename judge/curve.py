"""Calibration curves: what a judge's stated confidence is worth, and the file that keeps them.

A curve belongs to a judge and to how it was asked: another prompt makes another judge. `calibrate` fits
them; here they are read and applied.
"""

from bisect import bisect_right
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Literal, Self

from pydantic import Field, ValidationError, model_validator

from ..annotate.calibration_error import Reliability
from ..datasets.errors import ConfigError
from ..datasets.records import Record, Verdict
from .case import Case, Judge


class Curve(Record):
    """From stated confidence to the share that is right, linear between knots."""

    judge: str
    asked: str
    """How: version of the prompt and what was shown; empty for a judge without a prompt."""
    method: Literal["isotonic", "platt"]
    stated: tuple[float, ...] = Field(min_length=1)
    """Knots, ascending."""
    right: tuple[float, ...] = Field(min_length=1)
    """Their values, never falling."""
    fitted_on: int
    """Verdicts."""

    @model_validator(mode="after")
    def _is_a_curve(self) -> Self:
        if len(self.stated) != len(self.right):
            raise ValueError("stated and right differ in length")
        for knots in (self.stated, self.right):
            if list(knots) != sorted(knots) or knots[0] < 0 or knots[-1] > 1:
                raise ValueError("knots must ascend from 0 to 1")
        return self

    @property
    def key(self) -> str:
        """What the curve belongs to, as a person would write it."""
        return key_of(self.judge, self.asked)

    @property
    def highest(self) -> float:
        """The largest value."""
        return self.right[-1]

    def __call__(self, confidence: float) -> float:
        """Return the calibrated confidence; beyond the outer knots it stays as it is there."""
        return interpolate(self.stated, self.right, confidence)


class Quality(Record):
    """How good a curve is, on verdicts that nothing was fitted to."""

    key: str
    """Judge and how it was asked, as `Curve.key`."""
    items: int
    """Verdicts."""
    before: Reliability
    """Of the stated confidence."""
    after: Reliability
    """Of the calibrated one."""


class Calibration(Record):
    """What `firstfault judge calibrate` writes and `judge.calibration` names."""

    version: Literal[1] = 1
    curves: tuple[Curve, ...]
    quality: tuple[Quality, ...] = ()
    left_out: dict[str, str] = {}
    """Judges that could not be calibrated, and why."""
    seed: int = 0

    def of_panel(self, judge: str, asked: str, judges: int) -> dict[int, Curve]:
        """A panel's own curves, by number of votes."""
        found = {votes: self.of(judge, after(asked, votes)) for votes in range(1, judges + 1)}
        return {votes: curve for votes, curve in found.items() if curve is not None}

    def of(self, judge: str, asked: str) -> Curve | None:
        """The curve of a judge that is asked in this way."""
        return next((one for one in self.curves if (one.judge, one.asked) == (judge, asked)), None)


class Calibrated:
    """A judge whose confidence means what it says.

    Args:
        judge: Who judges.
        curve: What its stated confidence is worth.
    """

    def __init__(self, judge: Judge, curve: Curve) -> None:
        self._judge = judge
        self._curve = curve

    @property
    def name(self) -> str:
        """Name of the judge."""
        return self._judge.name

    def judge(self, cases: Sequence[Case]) -> Iterator[Verdict]:
        """Yield the judge's verdicts, each with its calibrated confidence where it states one."""
        for verdict in self._judge.judge(cases):
            yield calibrated(verdict, self._curve)


def after(panel: str, votes: int) -> str:
    """How a panel is asked for that many votes: what its own curve for them belongs to."""
    return f"{panel}{' ' if panel else ''}after {votes}"


def calibrated(verdict: Verdict, curve: Curve) -> Verdict:
    """Return a verdict with its calibrated confidence, if it states one."""
    stated = verdict.confidence
    if stated is None:
        return verdict
    return verdict.model_copy(update={"confidence": round(curve(stated), 4)})


def key_of(judge: str, asked: str) -> str:
    """Name a judge and how it is asked."""
    return f"{judge} ({asked})" if asked else judge


def interpolate(x: Sequence[float], y: Sequence[float], at: float) -> float:
    """Read a piecewise linear curve of ascending knots; constant beyond the outer ones."""
    right = bisect_right(x, at)
    if right == 0:
        return y[0]
    if right == len(x):
        return y[-1]
    share = (at - x[right - 1]) / (x[right] - x[right - 1])
    return y[right - 1] + share * (y[right] - y[right - 1])


def read_calibration(path: Path) -> Calibration:
    """Read a calibration file.

    Raises:
        ConfigError: If it is missing or is none.
    """
    hint = "Make one with `firstfault judge calibrate`."
    if not path.is_file():
        raise ConfigError(f"{path}: no such file", hint=hint)
    try:
        return Calibration.model_validate_json(path.read_bytes())
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(str(part) for part in first["loc"])
        said = f"{place}: {first['msg']}" if place else first["msg"]
        raise ConfigError(f"{path}: not a calibration: {said}", hint=hint) from None
