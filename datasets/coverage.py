"""Choosing few pairs that cover much: greedy coverage.

The value of a set S of pairs is F(S) = sum over aspects a of w_a x sum over the values v of a of
sqrt(sum of u(p) over the pairs p in S that have v): a concave function of what is covered of each value
(Lin and Bilmes, A Class of Submodular Functions for Document Summarization, ACL 2011). A tenth pair of a
kind adds less than the first, so that rare kinds are not drowned and common ones still get more. F is
monotone and submodular; taking the pair that adds most, again and again, reaches at least 1 - 1/e = 63%
of the best value of any set of that size (Nemhauser, Wolsey and Fisher, Mathematical Programming 14,
1978), and what a pair adds only shrinks, so that few need another look (Minoux 1978).

u(p) says how much is to be learnt from a pair: most where the variant prefers the faulty continuation by
little. Pairs without margins all count the same.
"""

import heapq
from collections.abc import Mapping, Sequence
from math import sqrt
from random import Random
from statistics import median

from .records import Pair

Value = tuple[str, object]

WEIGHTS: Mapping[str, float] = {
    "type": 1.0,
    "subtype": 0.5,
    "position": 1.0,
    "type and position": 1.0,
    "level": 1.0,
    "template": 1.0,
}
"""What is to be covered, and how much it counts. The template's weight is shared by its parts."""
THIRDS = 3
_RIGHT_ALREADY = 0.5
"""What a pair counts whose right continuation the variant prefers as it is."""


def cover(candidates: Sequence[Pair], size: int, *, seed: int = 0) -> list[Pair]:
    """Choose at most `size` pairs by greedy coverage.

    Args:
        candidates: Different pairs in any order; the result does not depend on it.
        size: Most pairs to choose.
        seed: Decides between pairs that add the same.

    Returns:
        The chosen pairs, each adding most to those before it: the first n of them are the choice of n.
    """
    pairs = sorted(candidates, key=lambda pair: pair.id)
    Random(seed).shuffle(pairs)
    worth = _worth(pairs)
    # Pairs share most of their values: kept once, they take little memory.
    once: dict[tuple[Value, float], tuple[Value, float]] = {}
    values = [tuple(once.setdefault(one, one) for one in _values(pair)) for pair in pairs]
    covered: dict[Value, float] = {}

    def gain(place: int) -> float:
        return sum(
            weight * (sqrt(covered.get(value, 0.0) + worth[place]) - sqrt(covered.get(value, 0.0)))
            for value, weight in values[place]
        )

    # (what it adds at most, negated; its place; how many were chosen when that was computed)
    heap = [(-gain(place), place, 0) for place in range(len(pairs))]
    heapq.heapify(heap)
    chosen: list[Pair] = []
    while heap and len(chosen) < size:
        _, place, known_at = heapq.heappop(heap)
        if known_at < len(chosen):
            heapq.heappush(heap, (-gain(place), place, len(chosen)))
            continue
        chosen.append(pairs[place])
        for value, _ in values[place]:
            covered[value] = covered.get(value, 0.0) + worth[place]
    return chosen


def position(pair: Pair) -> int:
    """Third of the solution in which the fault lies: 0, 1 or 2."""
    return min(THIRDS - 1, THIRDS * pair.step // pair.steps)


def _values(pair: Pair) -> list[tuple[Value, float]]:
    at = position(pair)
    single: list[Value] = [
        ("type", pair.error_type),
        ("subtype", pair.subtype),
        ("position", at),
        ("type and position", (pair.error_type, at)),
        ("level", pair.level),
    ]
    parts = sorted(set(pair.template))
    weighted = [(value, WEIGHTS[value[0]]) for value in single]
    return weighted + [(("template", part), WEIGHTS["template"] / len(parts)) for part in parts]


def _worth(pairs: Sequence[Pair]) -> list[float]:
    known = [abs(pair.margin_variant) for pair in pairs if pair.margin_variant is not None]
    # The scale of margins depends on the model and on lengths: measured by what is common here.
    scale = (median(known) if known else 0.0) or 1.0
    return [_worth_of(pair.margin_variant, scale) for pair in pairs]


def _worth_of(margin: float | None, scale: float) -> float:
    if margin is None:
        return 1.0
    close = 1 / (1 + abs(margin) / scale)
    return close if margin < 0 else _RIGHT_ALREADY * close
