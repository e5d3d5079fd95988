"""Which step of one solution answers which step of the other, and where the two part.

The alignment keeps the order of both solutions and pairs the steps so that the pairs are as alike as can be
(global alignment: Needleman and Wunsch, J. Mol. Biol. 48 (1970), without a price for gaps). Steps are alike
in the numbers they work with and in their words. Nothing is said about which of them is right.
"""

import re
from collections import Counter
from collections.abc import Sequence
from typing import Any, NamedTuple

from .numerals import NUMERAL, read_number
from .steps import bare_step

MOST_STEPS = 300
"""Steps of either solution behind this many stay without a partner."""
MOST_CHARACTERS = 4_000
"""Of a step, what it is compared by."""
LEAST = 0.3
"""Likeness from which on two steps may be partners."""
SAME_WORDS = 0.5
"""Likeness of words from which on two steps with the same numbers say the same."""
_WORD = re.compile(r"[^\W\d_]+|\\[a-zA-Z]+")


class Aligned(NamedTuple):
    """A row of the alignment: two partners, or one step without one."""

    first: int | None
    """0-based step of the first solution; `None` where it has no such step."""
    second: int | None
    likeness: float
    """Of partners, in [0, 1]; 0 for a step without one."""
    same: bool
    """Whether partners work with the same numbers, in much the same words."""


class Content(NamedTuple):
    """What a step is compared by."""

    numbers: Counter[object]
    words: Counter[str]


def align(first: Sequence[str], second: Sequence[str]) -> tuple[Aligned, ...]:
    """Align the steps of two solutions.

    Args:
        first: Steps as written; their labels (`Step 3:`) do not count.
        second: Likewise.

    Returns:
        Rows in order. Every step of either solution is in exactly one of them. Of alignments of the same
        total likeness, the one that pairs earlier steps.
    """
    ones, others = ([content(step) for step in steps[:MOST_STEPS]] for steps in (first, second))
    gains = [[likeness(one, other) - LEAST for other in others] for one in ones]
    best = _best(gains)
    rows: list[Aligned] = []
    i = j = 0
    while i < len(ones) or j < len(others):
        if i < len(ones) and j < len(others):
            gain = gains[i][j]
            if gain >= 0 and best[i][j] == gain + best[i + 1][j + 1]:
                rows.append(Aligned(i, j, gain + LEAST, _say_the_same(ones[i], others[j])))
                i, j = i + 1, j + 1
                continue
        # Full precision's lone steps stand before the variant's at the same place.
        if i < len(ones) and best[i][j] == best[i + 1][j]:
            rows.append(Aligned(i, None, 0.0, False))
            i += 1
        else:
            rows.append(Aligned(None, j, 0.0, False))
            j += 1
    rows += [Aligned(place, None, 0.0, False) for place in range(len(ones), len(first))]
    rows += [Aligned(None, place, 0.0, False) for place in range(len(others), len(second))]
    return tuple(rows)


def parting(rows: Sequence[Aligned]) -> int | None:
    """Return the index of the first row whose steps do not say the same; `None` where all do."""
    return next((place for place, row in enumerate(rows) if not row.same), None)


def parting_step(rows: Sequence[Aligned]) -> int | None:
    """Return the second solution's first step that does not say what the first one's does.

    Where it leaves a step out, that is the step it goes on with. `None` where it nowhere parts, or has ended.
    """
    start = parting(rows)
    return (
        None if start is None else next((row.second for row in rows[start:] if row.second is not None), None)
    )


def content(step: str) -> Content:
    """Take out the numbers of a step, by value, and its words."""
    bare = bare_step(step[:MOST_CHARACTERS])
    numbers = (read_number(match[0].strip()) or match[0].strip() for match in NUMERAL.finditer(bare))
    return Content(Counter(numbers), Counter(word.lower() for word in _WORD.findall(bare)))


def likeness(one: Content, other: Content) -> float:
    """Return how alike two steps are, from 0 to 1: numbers and words count alike.

    Each is the share of what both hold in what either holds (Jaccard). What neither has does not count.
    """
    parts = [_overlap(a, b) for a, b in ((one.numbers, other.numbers), (one.words, other.words)) if a or b]
    return sum(parts) / len(parts) if parts else 1.0


def _say_the_same(one: Content, other: Content) -> bool:
    if one.numbers != other.numbers:
        return False
    return not (one.words or other.words) or _overlap(one.words, other.words) >= SAME_WORDS


def _overlap(one: Counter[Any], other: Counter[Any]) -> float:
    return (one & other).total() / (one | other).total()


def _best(gains: Sequence[Sequence[float]]) -> list[list[float]]:
    """Largest total gain of the steps from (i, j) on."""
    height, width = len(gains), len(gains[0]) if gains else 0
    best = [[0.0] * (width + 1) for _ in range(height + 1)]
    for i in reversed(range(height)):
        for j in reversed(range(width)):
            best[i][j] = max(best[i + 1][j], best[i][j + 1], gains[i][j] + best[i + 1][j + 1])
    return best
