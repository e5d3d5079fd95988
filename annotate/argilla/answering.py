"""What reviewers are told of full precision's steps: which quantized step answers each, where they part."""

from collections.abc import Sequence
from typing import NamedTuple

from ..alignment import Aligned, align, parting


class Notes(NamedTuple):
    """Notes on the steps of full precision's solution, in our own words."""

    by_step: dict[int, str]
    """By 0-based step; most have none."""
    parting: int | None
    """0-based step that says where the solutions part; `None` where they nowhere do."""


def notes(full_precision: Sequence[str], quantized: Sequence[str]) -> Notes:
    """Say which quantized step answers a step, where it is not the same number's, and where they part.

    Args:
        full_precision: Its steps as written, at least one.
        quantized: Likewise.
    """
    rows = align(full_precision, quantized)
    said: dict[int, list[str]] = {}
    start = parting(rows)
    marked = None
    if start is not None:
        marked, words = _mark(rows, start)
        said[marked] = [words]
    for row in rows:
        # That none answers it is not said: behind a fault, numbers differ so much that none may be found.
        if row.first is not None and row.second is not None and row.first != row.second:
            said.setdefault(row.first, []).append(f"quantized: step {row.second + 1}")
    return Notes({step: "; ".join(words) for step, words in said.items()}, marked)


def _mark(rows: Sequence[Aligned], start: int) -> tuple[int, str]:
    """Return the step of full precision's to mark, and what to say of it."""
    row = rows[start]
    if row.first is not None:
        return row.first, "they part here"
    assert row.second is not None
    following = next((one.first for one in rows[start:] if one.first is not None), None)
    if following is not None:
        return following, f"they part before it, at quantized step {row.second + 1}"
    last = max(one.first for one in rows if one.first is not None)
    return last, f"they part after it, at quantized step {row.second + 1}"
