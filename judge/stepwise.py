"""Verdicts as TRL's stepwise-supervision columns, so that a process reward model can be trained on them.

Steps before the first fault are labelled true and the fault false. Steps after it are left out: whether one
that goes on rightly from a wrong result is right is a question that no judge was asked, and PRM800K
supervises up to the first fault too (arXiv 2305.20050). A clean solution is true throughout. `unsure`
and `unscored` verdicts label nothing.
"""

from collections import Counter
from collections.abc import Iterable
from typing import NamedTuple

from ..datasets.records import Verdict, VerdictStatus
from ..datasets.subsets import StepwiseRow, stepwise_row
from .case import Case


class Stepwise(NamedTuple):
    """The rows, and what gave none."""

    rows: list[StepwiseRow]
    skipped: Counter[str]
    """Reasons: `unsure`, `unscored`, `no verdict`, `no such step`."""


def to_stepwise(judged: Iterable[tuple[Case, Verdict | None]]) -> Stepwise:
    """Turn judged cases into rows, in order; those that can't be are counted."""
    made = Stepwise([], Counter())
    for case, verdict in judged:
        if verdict is None:
            made.skipped["no verdict"] += 1
        elif verdict.status not in (VerdictStatus.FAULTY, VerdictStatus.CLEAN):
            made.skipped[verdict.status.value] += 1
        elif (row := stepwise_row(case.problem.question, case.solution.steps, verdict)) is None:
            made.skipped["no such step"] += 1
        else:
            made.rows.append(row)
    return made
