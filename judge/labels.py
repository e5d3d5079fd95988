"""Labelled solutions: what judges are measured against and calibrated on.

A label is, in this order: what people said in their reviews, what the file says, what the oracle says of a
solution of an abacus problem.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from ..annotate.reviews import settle
from ..datasets.errors import InputError
from ..datasets.oracle import oracle
from ..datasets.records import Problem, Review, Verdict
from ..datasets.store import read_records
from .case import Case
from .item import ItemCase, truth
from .processbench import read_cases


class LabelledCase(NamedTuple):
    """A solution and the truth about it."""

    id: str
    """The item's own."""
    case: Case
    truth: Verdict


def read_labelled(
    path: Path, problems: Sequence[Problem] = (), *, reviews: Path | None = None
) -> list[LabelledCase]:
    """Read the labelled solutions of a file, in order; those without a label are left out.

    Args:
        path: In any format that `read_cases` reads.
        problems: The problems that solutions of ours are about.
        reviews: People's reviews (.jsonl or .parquet), joined by the id of the solution.

    Raises:
        InputError: If a file can't be read, or no solution has a label.
    """
    said = label_reviews(read_records(reviews, Review)) if reviews is not None else {}
    found: list[LabelledCase] = []
    for item in read_cases(path, problems):
        label = _label(item, said)
        if item.case is not None and label is not None:
            found.append(LabelledCase(item.id, item.case, label))
    if not found:
        raise InputError(
            f"{path}: label: no item has one",
            hint="Give a labelled file, such as ProcessBench's or PRM800K's, or solutions with --reviews.",
        )
    return found


def label_reviews(reviews: Sequence[Review]) -> dict[str, Verdict]:
    """Turn reviews into labels, by the id of their solution; see `settle`."""
    return {
        solution: settlement.verdict
        for solution, settlement in settle(reviews).items()
        if settlement.verdict is not None
    }


def _label(item: ItemCase, said: dict[str, Verdict]) -> Verdict | None:
    if item.case is None:
        return None
    problem, solution, _ = item.case
    reviewed = said.get(solution.id)
    if reviewed is not None and (reviewed.first_fault or 0) < max(1, len(solution.steps)):
        return reviewed
    label = truth(item)
    if label is not None or problem.program is None:
        return label
    return oracle(problem, solution)
