"""Both solutions of a regression side by side: which step answers which, and where they part."""

from collections.abc import Sequence
from typing import NamedTuple

from ..annotate.alignment import Aligned, align, parting
from ..annotate.steps import bare_step
from ..datasets.records import Solution

MOST_ROWS = 24
AROUND = 2
"""Rows on either side of the fault and of the parting that are shown in any case."""


class Cell(NamedTuple):
    """One step as it is shown."""

    number: int
    """1-based."""
    text: str
    state: str
    """`fine`, `fault` or `after`."""


class Row(NamedTuple):
    """Two steps that answer each other, one without an answer, or (both missing) what is left out."""

    full_precision: Cell | None
    quantized: Cell | None
    parts: bool
    """Whether the solutions part here."""
    left_out: int
    """Rows left out; 0 for a row that is shown."""


def aligned_rows(full_precision: Solution, quantized: Solution, first_fault: int | None = None) -> list[Row]:
    """Align two solutions and choose the rows to show: the first ones, and those around fault and parting.

    Args:
        full_precision: Its whole text is one step where it was not split.
        quantized: Likewise.
        first_fault: 0-based step of the quantized one.
    """
    left = full_precision.steps or (full_precision.text,)
    right = quantized.steps or (quantized.text,)
    rows = align(left, right)
    start = parting(rows)
    marked = [
        place for place, row in enumerate(rows) if first_fault is not None and row.second == first_fault
    ]
    marked += [start] if start is not None else []
    shown: list[Row] = []
    left_out = 0
    for place, row in enumerate(rows):
        if place >= MOST_ROWS and all(abs(place - mark) > AROUND for mark in marked):
            left_out += 1
            continue
        if left_out:
            shown.append(Row(None, None, False, left_out))
            left_out = 0
        shown.append(_row(row, left, right, first_fault, parts=place == start))
    return [*shown, Row(None, None, False, left_out)] if left_out else shown


def _row(row: Aligned, left: Sequence[str], right: Sequence[str], fault: int | None, *, parts: bool) -> Row:
    first = None if row.first is None else Cell(row.first + 1, bare_step(left[row.first]), "fine")
    second = None
    if row.second is not None:
        is_before = fault is None or row.second < fault
        state = "fine" if is_before else "fault" if row.second == fault else "after"
        second = Cell(row.second + 1, bare_step(right[row.second]), state)
    return Row(first, second, parts, 0)
