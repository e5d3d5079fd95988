"""The gate of a run and of a matrix: what is measured for it, and the verdict."""

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from ..datasets.errors import InputError
from ..datasets.records import Problem, Solution, Split
from ..restore.gate import Check, Gate, check_capability, check_recovery, check_text
from ..restore.perplexity import Window, perplexity_ratio, read_windows
from .benchmark import GateConfig
from .progress import Reporter


class Placed(NamedTuple):
    """Where a model is."""

    name: str
    folder: Path
    adapter: Path | None = None


class BeforeAfter(NamedTuple):
    """Solutions of the same problems by the quantized model and by the restored one."""

    before: Sequence[Solution]
    after: Sequence[Solution]


class Gatekeeper:
    """Says whether restored models pass.

    Args:
        config: What they must have kept.
        reporter: Where progress is shown.

    Raises:
        InputError: If there is a second problem set or a plain text that can't be read.
    """

    def __init__(self, config: GateConfig, reporter: Reporter) -> None:
        self._config = config
        self._reporter = reporter
        self._text = None if config.text is None else _read_text(config.text)
        self.problems: list[Problem] = []
        """Of the second set; none where there is none."""
        if config.benchmark is not None:
            self.problems = config.benchmark.problems(Split.HELD_OUT)
        self._before: dict[str, list[Window]] = {}

    def judge(
        self,
        full_precision: Sequence[Solution],
        held_out: BeforeAfter,
        capability: BeforeAfter | None,
        quantized: Placed,
        restored: Placed,
    ) -> Gate:
        """Say whether one passes.

        Args:
            full_precision: Its solutions of the held-out problems.
            held_out: The other two models' of the same.
            capability: Of the second problem set; `None` where there is none.
            quantized: The model before, which reads the text once for all that are restored from it.
            restored: The model after.
        """
        checks: list[Check] = [check_recovery(full_precision, *held_out)]
        if capability is not None:
            checks.append(check_capability(*capability, self._config))
        if self._text is not None:
            if quantized.name not in self._before:
                self._before[quantized.name] = self._windows(self._text, quantized)
            after = self._windows(self._text, restored)
            checks.append(check_text(perplexity_ratio(self._before[quantized.name], after), self._config))
        return Gate(checks=tuple(checks))

    def _windows(self, text: str, model: Placed) -> list[Window]:
        with self._reporter.task(f"Reading plain text: {model.name}") as done:
            return read_windows(model.folder, text, adapter=model.adapter, progress=done)


def _read_text(path: Path) -> str:
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        why = error.strerror if isinstance(error, OSError) else "not UTF-8"
        raise InputError(f"gate: {path}: {why}", hint="Give a file of plain text.") from None
    if not text.strip():
        raise InputError(f"gate: {path}: empty", hint="Give a file of plain text.")
    return text
