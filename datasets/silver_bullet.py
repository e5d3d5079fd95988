"""Selecting a Silver Bullet set: few pairs that cover what goes wrong.

Candidates are grouped by error type and by where in the solution the fault lies; the selection takes
them from the groups in turn, so that rare kinds of faults are not drowned by common ones. Duplicates
and pairs whose two sides do not differ go first.
"""

from collections.abc import Iterable, Sequence
from itertools import zip_longest
from random import Random

from .records import Pair

SIZE = 332
"""The size of the paper's set (arXiv 2505.11574)."""
_THIRDS = 3


def select(candidates: Iterable[Pair], size: int = SIZE, *, seed: int = 0) -> list[Pair]:
    """Choose at most `size` pairs, balanced over error types and step positions.

    Args:
        candidates: Pairs in any order; the result does not depend on it.
        size: Most pairs to choose.
        seed: Of the order inside a group.

    Returns:
        The chosen pairs; the first n of them are themselves balanced.
    """
    by_type: dict[str, dict[int, list[Pair]]] = {}
    for pair in sorted(distinct(candidates), key=lambda pair: pair.id):
        by_type.setdefault(pair.error_type or "", {}).setdefault(position(pair), []).append(pair)
    rng = Random(seed)
    for positions in by_type.values():
        for pairs in positions.values():
            rng.shuffle(pairs)
    turns = [
        _in_turn([positions[at] for at in sorted(positions)]) for _, positions in sorted(by_type.items())
    ]
    return _in_turn(turns)[:size]


def distinct(pairs: Iterable[Pair]) -> list[Pair]:
    """Drop repeated pairs and pairs whose sides are the same, white space aside."""
    seen = set[tuple[str, ...]]()
    kept: list[Pair] = []
    for pair in pairs:
        key = tuple(" ".join(text.split()) for text in (pair.prompt, pair.chosen, pair.rejected))
        if key[1] != key[2] and key not in seen:
            seen.add(key)
            kept.append(pair)
    return kept


def position(pair: Pair) -> int:
    """Third of the solution in which the fault lies: 0, 1 or 2."""
    return min(_THIRDS - 1, _THIRDS * pair.step // pair.steps)


def _in_turn(groups: Sequence[Sequence[Pair]]) -> list[Pair]:
    return [pair for round_ in zip_longest(*groups) for pair in round_ if pair is not None]
