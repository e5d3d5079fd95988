"""The contract of a judge: cases in, verdicts out."""

from collections.abc import Iterator, Sequence
from typing import NamedTuple, Protocol

from ..datasets.records import Problem, Solution, Verdict


class Case(NamedTuple):
    """One solution to be judged, with what a judge may be shown."""

    problem: Problem
    solution: Solution
    full_precision: Solution | None = None
    """The full-precision model's solution of the same problem, where there is one."""


class Judge(Protocol):
    """Anything that finds first faults.

    A judge gets all cases at once because the good ones work in batches (a model) or in parallel
    (an endpoint); it yields one verdict per case, in any order, and never raises over a bad case:
    that one is `unscored` with the reason.
    """

    @property
    def name(self) -> str:
        """Name under which its verdicts stand."""
        ...

    def judge(self, cases: Sequence[Case]) -> Iterator[Verdict]:
        """Yield exactly one verdict per case."""
        ...
