"""What a run found, as one value: the figures, the pictures' data, the examples, how it was made.

The stages fill a `Report`; `report_file` writes it for programs and for people. Nothing is measured here.
"""

from collections import Counter
from collections.abc import Sequence
from typing import Annotated, Literal, Self

from pydantic import ConfigDict, Field, StringConstraints, model_validator

from ..annotate.argilla.figures import ReviewFigures
from ..annotate.compare import Comparison, Measurement
from ..annotate.statistics import Interval, wilson_interval
from ..datasets.funnel import Gate
from ..datasets.provenance import FormatTuned
from ..datasets.records import ErrorType, Pair, Problem, Record, Solution, Verdict
from ..judge.agreement import Agreement
from .profile import Profile
from .regularities import LocatorRow, Regularities
from .sensitivity import Sensitivity

MOST_REGRESSIONS = 20

Name = Annotated[str, StringConstraints(min_length=1)]
Count = Annotated[int, Field(ge=0)]
Role = Literal["full_precision", "quantized", "restored"]
"""Which of the compared models a figure is about; `quantized` is the headline variant."""


class Figure(Record):
    """Base of all that stands in a report: frozen, strict, and without infinities or NaN."""

    model_config = ConfigDict(allow_inf_nan=False)


class Accuracy(Figure):
    """Share of the held-out problems solved, with Wilson intervals."""

    full_precision: Interval
    quantized: Interval
    restored: Interval | None = None


class Flips(Figure):
    """Problems whose outcome differs from full precision's, with the exact McNemar p-value."""

    regressions: Count
    improvements: Count
    mcnemar_p: float = Field(ge=0, le=1)

    @classmethod
    def of(cls, comparison: Comparison) -> Self:
        """Count the flips of a comparison."""
        return cls(
            regressions=len(comparison.regressions),
            improvements=len(comparison.improvements),
            mcnemar_p=comparison.mcnemar_p,
        )


class Footprint(Figure):
    """What a model weighs. `None` where unknown (solutions imported from files)."""

    bits_per_weight: float | None = None
    """Mean stored bits per quantized weight, scales and zero points included."""
    size_bytes: int | None = None
    """Weights on disk."""


class VariantReport(Figure):
    """One quantized version of the model, before and after restoring."""

    method: str | None = None
    """`rtn`, `gptq`, `awq` or `smoothquant`; `None` for solutions imported from files."""
    scheme: str | None = None
    """E.g. `W3A16 g128`."""
    weight_bits: int | None = None
    footprint: Footprint = Footprint()
    adapter_bytes: int | None = None
    """What restoring added on disk; 0 when it changed scales in place."""
    accuracy: Accuracy
    drop: Interval | None = None
    """Full precision minus quantized, paired, with its bootstrap interval."""
    flips: Flips
    restored_flips: Flips | None = None
    """Full precision against the restored variant."""
    recovery: Interval | None = None
    """(restored - quantized) / (full precision - quantized); `None` when it was not restored."""
    rejected: str | None = None
    """Why the restored model does not pass the gate."""
    pairs: Count = 0
    """Preference pairs it was restored with."""
    held_out: Count
    """Held-out problems all of its accuracies are measured on."""
    behaviour: dict[Role, Measurement] = {}
    """How each model writes on the held-out problems: format, loops, length."""
    seconds: dict[str, float] = {}
    """Wall-clock time per stage for this variant alone."""


class TypeShare(Figure):
    """One error type among the located faults of a model."""

    count: Count
    share: Interval
    """Of all located and typed faults, with its Wilson interval."""


class ErrorMix(Figure):
    """What kinds of first faults a model's wrong solutions have."""

    wrong: Count
    """Wrong solutions that were judged."""
    types: dict[ErrorType, TypeShare]
    """Types that did not occur may be left out."""
    untyped: Count = 0
    """The step was found, its kind was not."""
    unlocated: Count = 0
    """No step was found: the judge was unsure, called it clean, or gave no usable answer."""

    @classmethod
    def of(cls, verdicts: Sequence[Verdict]) -> Self:
        """Count the verdicts on one model's wrong solutions, one per solution."""
        kinds = Counter(verdict.error_type for verdict in verdicts if verdict.first_fault is not None)
        untyped = kinds.pop(None, 0)
        typed = kinds.total()
        return cls(
            wrong=len(verdicts),
            types={
                kind: TypeShare(count=kinds[kind], share=wilson_interval(kinds[kind], typed))
                for kind in ErrorType
                if kinds[kind]
            },
            untyped=untyped,
            unlocated=len(verdicts) - typed - untyped,
        )


class FaultPosition(Figure):
    """Where the first fault of one solution lies."""

    step: Count
    """0-based index of the first faulty step."""
    steps: int = Field(ge=1)
    """Steps of the solution."""

    @model_validator(mode="after")
    def _lies_in_the_solution(self) -> Self:
        if self.step >= self.steps:
            raise ValueError(f"step index {self.step} is not among {self.steps} steps")
        return self


class JudgeAgreement(Figure):
    """How often a judge says the same as the ground truth on one set of solutions."""

    cases: Name
    """Which solutions: e.g. `regressions`, `injected errors`, `correct solutions`."""
    agreement: Agreement


class TrainingPoint(Figure):
    """One logged moment of restoring the headline variant."""

    step: Count
    """Optimizer steps done."""
    loss: float
    preferred: float | None = None
    """Share of the pairs in the batch whose chosen side the model already prefers."""
    accuracy: float | None = None
    """On validation problems (never held-out ones), where measured."""


class Regression(Figure):
    """A problem that full precision solves and the headline variant does not."""

    problem: Problem
    full_precision: Solution
    quantized: Solution
    restored: Solution | None = None
    verdict: Verdict | None = None
    """On the quantized solution."""
    pair: Pair | None = None
    """The pair that was made of it, where one was."""
    profile: Profile | None = None
    """Both models along the quantized solution, where that was computed."""


class FormatTuningReport(Figure):
    """What teaching full precision the step format before quantization did, on held-out problems."""

    made: FormatTuned
    before: Measurement
    after: Measurement


class Report(Figure):
    """All that a run found. The headline variant's figures also stand at the top of the JSON."""

    model: Name
    """Name of the base model."""
    problems: Name
    """Name of the problem set."""
    headline: Name
    """The variant that the summary, the error mix and the regressions are about."""
    variants: dict[str, VariantReport]
    """In the order in which they are shown."""
    full_precision: Footprint = Footprint()
    format_tuning: FormatTuningReport | None = None
    """Where full precision was taught the step format first."""
    error_mix: dict[Role, ErrorMix] = {}
    fault_positions: dict[Role, tuple[FaultPosition, ...]] = {}
    judges: tuple[JudgeAgreement, ...] = ()
    reviews: ReviewFigures | None = None
    """What people said who looked at the judges' verdicts."""
    funnel: tuple[Gate, ...] = ()
    """What became of the headline variant's regressions on mining problems, gate after gate."""
    regularities: Regularities | None = None
    """How the models go wrong: hazards, self-recovery, losses by group and the rest."""
    locators: tuple[LocatorRow, ...] = ()
    """How well first faults of the headline variant are found without a judge."""
    sensitivity: Sensitivity | None = None
    """Which modules of the headline variant cost the margin, where that was measured."""
    training: tuple[TrainingPoint, ...] = ()
    regressions: tuple[Regression, ...] = Field(default=(), max_length=MOST_REGRESSIONS)
    notes: tuple[str, ...] = ()
    """What a reader must know and the figures do not say: items left out, overlaps removed."""
    seconds: dict[str, float] = {}
    """Wall-clock time per stage of the whole run, in order."""
    seeds: dict[str, int] = {}
    versions: dict[str, str] = {}
    """Of Python and the libraries that matter, firstfault's own first."""
    machine: str = ""
    command: str = ""
    """What to type to get this report again."""
    config: str = ""
    """The resolved configuration as YAML. Holds no keys."""
    created_at: str = ""
    """ISO 8601, UTC."""

    @model_validator(mode="after")
    def _has_its_headline(self) -> Self:
        if self.headline not in self.variants:
            raise ValueError(f"headline {self.headline!r} is not among the variants {list(self.variants)}")
        return self

    @property
    def main(self) -> VariantReport:
        """The headline variant."""
        return self.variants[self.headline]


def positions(verdicts: Sequence[tuple[Verdict, Solution]]) -> tuple[FaultPosition, ...]:
    """Take the positions of the located faults; verdicts without one are passed over."""
    return tuple(
        FaultPosition(step=verdict.first_fault, steps=len(solution.steps))
        for verdict, solution in verdicts
        if verdict.first_fault is not None and verdict.first_fault < len(solution.steps)
    )
