"""What a restored model was made of, and what that brought: all that its card says and its weights do not."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Self

from pydantic import ValidationError

from ..annotate.statistics import Interval
from ..datasets.errors import InputError
from ..datasets.provenance import FormatTuned, Source
from ..datasets.records import Record, Solution
from .gate import Check, Gate
from .recovery import recovery
from .sources import Origin

PROVENANCE = "provenance.json"


class Measured(Record):
    """What restoring brought on held-out problems, as shares solved."""

    problems: int
    full_precision: float
    quantized: float
    restored: float
    recovery: Interval | None = None
    """`None` where quantization lost nothing."""

    @classmethod
    def of(
        cls, full_precision: Sequence[Solution], quantized: Sequence[Solution], restored: Sequence[Solution]
    ) -> Self:
        """Compare graded solutions of the same problems.

        Raises:
            InputError: If they are not of the same problems, or not graded.
        """
        return cls(
            problems=len(full_precision),
            full_precision=solved(full_precision),
            quantized=solved(quantized),
            restored=solved(restored),
            recovery=recovery(full_precision, quantized, restored).interval,
        )


class Restoration(Record):
    """How a model was restored. Holds no path, no person's name and no time."""

    checkpoint: str
    """Name of the quantized model, or its id on the Hub."""
    checkpoint_revision: str | None = None
    """Its commit on the Hub."""
    base_model: str
    """Name of the full-precision model."""
    format_tuned: FormatTuned | None = None
    """What that was made of, where it was taught the step format first."""
    licence: str | None = None
    """Of the model, as its own card states it; `None` where it states none."""
    dataset: str
    """Name of the set it was trained on, or its id on the Hub."""
    revision: str | None = None
    """The set's commit on the Hub."""
    dataset_sha256: str
    """Of the set's content."""
    sources: tuple[Source, ...] = ()
    """Problem sets that a released set comes from."""
    measured: Measured | None = None
    """On held-out problems, where that was measured."""
    checks: tuple[Check, ...] = ()
    """What the gate looked at."""
    rejected: str | None = None
    """Why it did not pass the gate."""
    warnings: tuple[str, ...] = ()
    """In what the set does not fit the checkpoint."""

    @classmethod
    def of(
        cls,
        origin: Origin,
        *,
        checkpoint: str,
        checkpoint_revision: str | None = None,
        base: str,
        format_tuned: FormatTuned | None = None,
        licence: str | None = None,
        measured: Measured | None = None,
        gate: Gate | None = None,
        warnings: Sequence[str] = (),
    ) -> Self:
        """Say how a model was restored by pairs of this origin."""
        return cls(
            checkpoint=checkpoint,
            checkpoint_revision=checkpoint_revision,
            base_model=base,
            format_tuned=format_tuned,
            licence=licence,
            dataset=origin.name,
            revision=origin.revision,
            dataset_sha256=origin.sha256,
            sources=origin.made.sources if origin.made is not None else (),
            measured=measured,
            checks=gate.checks if gate is not None else (),
            rejected=gate.rejected if gate is not None else None,
            warnings=tuple(warnings),
        )


def read_restoration(folder: Path) -> Restoration:
    """Read how an adapter, or a checkpoint that was restored in place, was made.

    Raises:
        InputError: If its folder does not say it.
    """
    path = folder / PROVENANCE
    if not path.is_file():
        raise InputError(
            f"{path}: no such file: nothing says what this model was made of",
            hint="Give what `firstfault restore` wrote, or restore again.",
        )
    try:
        return Restoration.model_validate_json(path.read_bytes())
    except ValidationError:
        raise InputError(f"{path}: not understood", hint="It may be of another version.") from None


def stated_licence(*models: Path) -> str | None:
    """Return the licence that the first of these model folders states that states one in its card."""
    import huggingface_hub
    from yaml import YAMLError

    hub: Any = huggingface_hub
    for model in models:
        if not (model / "README.md").is_file():
            continue
        try:
            metadata: Any = hub.metadata_load(model / "README.md")
            stated: Any = metadata.get("license") if metadata is not None else None
        except (YAMLError, ValueError, AttributeError):
            continue
        if isinstance(stated, str) and stated:
            return stated
    return None


def solved(solutions: Sequence[Solution]) -> float:
    """Return the share of right solutions, in [0, 1]."""
    return sum(bool(one.correct) for one in solutions) / len(solutions)
