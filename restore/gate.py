"""The gate: a restored model is rejected where it may have been harmed, however well it looks.

Training on what a model got wrong can cost it what it got right. So a restored model passes only if the
interval of its recovery on held-out problems is above zero, if on a second problem set it solves as many as
before but for a margin, and if it predicts plain text as well as before but for a tolerance. What is compared
is always the quantized model before and after, on the same problems and the same text.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from pydantic import ValidationError

from ..annotate.compare import compare
from ..annotate.statistics import Ratio
from ..datasets.errors import InputError
from ..datasets.records import Record, Solution
from ..datasets.store import write_text
from .config import Limits
from .recovery import recovery

GATE = "gate.json"


class Check(Record):
    """One thing that was looked at."""

    what: str
    """Such as `held-out problems`."""
    said: str
    """The figure with its interval, and what it must be."""
    passed: bool


class Gate(Record):
    """What the gate says of a restored model."""

    checks: tuple[Check, ...]

    @property
    def rejected(self) -> str | None:
        """Why the model is rejected; `None` if it is not."""
        failed = [f"{check.what}: {check.said}" for check in self.checks if not check.passed]
        return "; ".join(failed) or None


def check_recovery(
    full_precision: Sequence[Solution], quantized: Sequence[Solution], restored: Sequence[Solution]
) -> Check:
    """Look at held-out problems: whether some of the loss was certainly got back.

    Where quantization lost nothing there is nothing to get back, and no gain to outweigh a harm: the model is
    then rejected as well.
    """
    found = recovery(full_precision, quantized, restored).interval
    what = "held-out problems"
    if found is None:
        return Check(what=what, said="quantization lost nothing there is to get back", passed=False)
    said = f"recovery {found.value:.2f} ({found.low:.2f} to {found.high:.2f}), must be above 0"
    return Check(what=what, said=said, passed=found.low > 0)


def check_capability(
    quantized: Sequence[Solution], restored: Sequence[Solution], limits: Limits, what: str = "second set"
) -> Check:
    """Look at other problems: whether as many are solved as before, but for the margin."""
    drop = compare(quantized, restored).drop
    said = (
        f"{-100 * drop.value:+z.1f} points ({-100 * drop.high:+z.1f} to {-100 * drop.low:+z.1f}) on "
        f"{len(quantized)} problems, must be above {-100 * limits.margin:.1f}"
    )
    return Check(what=what, said=said, passed=drop.high < limits.margin)


def check_text(ratio: Ratio, limits: Limits) -> Check:
    """Look at plain text: whether it is predicted as well as before, but for the tolerance."""
    high = ratio.value if ratio.high is None else ratio.high
    said = (
        f"perplexity times {ratio.value:.3f} ({ratio.low:.3f} to {high:.3f}), "
        f"must be below {1 + limits.tolerance:.3f}"
    )
    return Check(what="plain text", said=said, passed=high < 1 + limits.tolerance)


def write_gate(gate: Gate, folder: Path) -> None:
    """Keep what was said beside the model."""
    write_text(folder / GATE, gate.model_dump_json(indent=1) + "\n")


def read_gate(folder: Path) -> Gate | None:
    """Return what was said of a restored model; `None` if nothing was.

    Raises:
        InputError: If the file is broken.
    """
    path = folder / GATE
    if not path.is_file():
        return None
    try:
        return Gate.model_validate_json(path.read_bytes())
    except ValidationError:
        raise InputError(f"{path}: not understood", hint="It may be of another version.") from None
