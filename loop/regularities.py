"""The regularities of a run: how its models go wrong, each figure with its interval and its number of cases.

What compares models on right solutions too (hazard, self-recovery, rates) is by labels that cover all of them
alike; what the panel says of wrong solutions stands beside it, for itself. Measured in `inspected`.
"""

from collections.abc import Sequence
from typing import Literal, Self

from ..annotate.hazard import Earliness, HazardComparison, StepHazard
from ..annotate.lengths import LengthGrowth
from ..annotate.losses import Losses
from ..annotate.self_recovery import SelfRecovery, SelfRecoveryComparison
from ..annotate.statistics import wilson_interval
from ..annotate.uncommitted import Uncommitted
from ..datasets.records import Interval, Record, Split
from ..judge.mix import MixComparison


class ModelCourses(Record):
    """How one model's solutions went, by one kind of labels."""

    solutions: int
    """That could be labelled."""
    left_out: int
    """That could not: they have no steps."""
    life: tuple[StepHazard, ...]
    earliness: Earliness
    recovery: SelfRecovery


class Against(Record):
    """One model against full precision, by one kind of labels."""

    hazards: HazardComparison
    recovery: SelfRecoveryComparison
    mix: MixComparison


class Labelled(Record):
    """All that rests on labels of every solution."""

    models: dict[str, ModelCourses]
    """Full precision first, the restored variant last."""
    against: dict[str, Against]
    """Of the same models but full precision."""


class Locator(Record):
    """How well the place where two solutions part says where the first fault lies."""

    cases: int
    """Regressions with a located first fault."""
    exact: Interval | None
    """Share whose parting step is the first fault, with its Wilson interval."""
    before: int
    """Cases that part before the first fault: said otherwise, not wrongly."""
    behind: int
    """Cases that part behind it, or nowhere."""

    @classmethod
    def of(cls, partings: Sequence[tuple[int | None, int]]) -> Self:
        """Count (parting step, first fault) of each case."""
        exact = sum(step == fault for step, fault in partings)
        before = sum(step is not None and step < fault for step, fault in partings)
        return cls(
            cases=len(partings),
            exact=wilson_interval(exact, len(partings)) if partings else None,
            before=before,
            behind=len(partings) - exact - before,
        )


LocatorName = Literal["alignment", "divergence", "largest_divergence"]
"""Where both solutions part; the first token where full precision's most likely one is another; the token
with the largest KL divergence."""
Labels = Literal["truth", "panel"]
"""What says where a first fault is: the problems' programs; the judges, and people who overruled them."""


class LocatorRow(Record):
    """One locator on one set of the headline variant's regressions, against one kind of labels."""

    locator: LocatorName
    split: Split
    labels: Labels
    found: Locator


class Regularities(Record):
    """The regularities of one run. `None` and empty where a run has nothing to measure them on."""

    restored: str
    """Name under which the restored variant stands; its figures are there if it was measured."""
    by_truth: Labelled | None
    """By the exact programs of the problems."""
    by_proof: Labelled | None
    """By what is proven without a model: false arithmetic, loops, texts that break off. Hazards are lower
    bounds, and only execution faults and degenerate ones are seen."""
    by_panel: dict[str, MixComparison]
    """Error mixes of wrong solutions, as the run's judges label them."""
    losses: dict[str, Losses]
    uncommitted: dict[str, Uncommitted]
    lengths: dict[str, LengthGrowth]
    parting: dict[str, Locator]
    """Where the headline variant parts from full precision, against the first fault by `truth` and by the
    `panel`."""

    @property
    def labels(self) -> Labelled | None:
        """The labels that figures on all solutions are by: the truth where there is one."""
        return self.by_truth or self.by_proof

    def mix_of(self, model: str) -> MixComparison | None:
        """Choose the error mix of one model: by the truth where there is one, else by the panel."""
        if self.by_truth is not None and model in self.by_truth.against:
            return self.by_truth.against[model].mix
        return self.by_panel.get(model)
