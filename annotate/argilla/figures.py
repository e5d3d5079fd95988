"""What people's reviews say, in figures. `agreement` measures them.

Shares are shares of the same first fault unless they say otherwise, with 95% intervals that heed that several
people look at one solution. A share over nothing is `None`.
"""

from enum import StrEnum

from ...datasets.records import Record
from ..calibration_error import Reliability
from ..statistics import Interval


class Said(StrEnum):
    """What is said of a solution: the kind of its first fault, or that there is none."""

    CONCEPTUAL = "conceptual"
    METHOD = "method"
    EXECUTION = "execution"
    REASONING = "reasoning"
    DEGENERATE = "degenerate"
    UNTYPED = "untyped"
    """The step is named, its kind is not."""
    CLEAN = "clean"
    NOTHING = "nothing"
    """Unsure, or no usable answer."""


class Accord(Record):
    """How well raters agree. `unsure` says nothing, and what is said about is what counts.

    The categories of the first fault are the step numbers and *clean*. There are many of them, so chance
    explains little, and kappa and alpha come out close to the plain share.
    """

    solutions: int
    """That at least two of them labelled."""
    first_fault: Interval | None
    """Share of the pairs of raters who name the same first fault, or both none."""
    within_one: Interval | None
    """The same, one step off allowed."""
    error_type: Interval | None
    """Share of the pairs who name the same error type, or both no fault."""
    kappa_first_fault: Interval | None = None
    """Cohen's; of two raters only."""
    kappa_error_type: Interval | None = None
    alpha_first_fault: Interval | None
    """Krippendorff's, for any number of raters."""
    alpha_error_type: Interval | None


class PairAccord(Record):
    """How well two reviewers agree."""

    first: str
    second: str
    accord: Accord


class Reviewer(Record):
    """What one reviewer did."""

    reviewer: str
    """A pseudonym."""
    reviews: int
    unsure: int
    """Of them `unsure`."""
    gold: int
    """Of them on planted faults."""
    gold_first_fault: Interval | None
    """Share of the planted faults whose step they named; `unsure` counts against it."""
    gold_error_type: Interval | None
    """Share whose type they named, of those whose type is known."""
    misleading: int
    """Planted faults that they saw with a wrong suggestion."""
    misled: Interval | None
    """Share of those on which they named the suggested step."""
    with_judge: Accord
    """On the variant's solutions."""
    hours: float
    """Time at work, as far as it can be told."""
    per_hour: float | None
    """Reviews per hour of it."""


class Anchoring(Record):
    """What showing the judge's suggestion does, on solutions that were drawn and blinded by chance alone."""

    shown: int
    """Reviews that saw the suggestion."""
    blind: int
    """Reviews that did not, of solutions that have one."""
    shown_same: Interval | None
    """Share of the first that name the judge's first fault; `unsure` counts against it."""
    blind_same: Interval | None
    effect: Interval | None
    """The difference. Above 0 reviewers follow suggestions that they would not have come to themselves."""


class Judged(Record):
    """What people's settled verdicts say about the judge."""

    solutions: int
    """That people settled."""
    labelled: int
    """Of them that the judge labels at all; the shares below are of these."""
    answered: Interval | None
    """Their share."""
    first_fault: Interval | None
    within_one: Interval | None
    error_type: Interval | None
    """Share of right error types, of those that people settled."""
    calibration: Reliability | None
    """How its confidence compares with naming the first fault; `None` on fewer than 30 solutions."""


class ReviewFigures(Record):
    """What people's reviews say about each other, about themselves and about the judge."""

    reviews: int
    """The last one of each person on each solution, adjudications beside them."""
    solutions: int
    """Of the variant's that were reviewed."""
    gold: int
    """Planted faults that were reviewed; they count nowhere but in what is said about gold."""
    settled: int
    """Of the variant's solutions: people agree on the first fault, or somebody decided."""
    disputed: int
    """Of the variant's solutions: another person should look. Some of these are settled but for the type."""
    adjudicated: int
    reviewers: tuple[Reviewer, ...]
    among_reviewers: Accord
    """All of them together."""
    pairs: tuple[PairAccord, ...]
    """Those who reviewed some of the same."""
    with_judge: Accord
    """What people settled against what the judges say, doubtful solutions included."""
    confusion: dict[Said, dict[Said, int]]
    """The same, counted: people's verdict, then the judges'."""
    distances: dict[int, int]
    """The same, where both name a step: people's minus the judges', and on how many solutions."""
    anchoring: Anchoring
    random_open: int
    """Reviewed solutions of the random share that people did not settle: what the judge's figures lack."""
    judge: Judged
    """On the random share alone: the only one that stands for all solutions."""
    judge_blind: Judged
    """On those of it that nobody saw a suggestion on, and the judge labels: free of anchoring."""
