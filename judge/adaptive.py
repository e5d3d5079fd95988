"""When a panel may stop asking: no judge that is left can change the outcome.

The outcome is what the solution is labelled with: status, first fault and error type. Who speaks for it,
and whether somebody would have disagreed, can still depend on votes that were never asked for.
"""

from collections.abc import Sequence
from math import fsum
from typing import TypeVar

from ..datasets.records import Verdict
from .voting import PROVING, USABLE, Rule, ballot, count_votes

T = TypeVar("T")

_SLACK = 1e-6
"""A lead must be larger by this much, so that rounding never decides."""


def is_settled(
    votes: Sequence[Verdict],
    waiting: Sequence[str],
    rule: Rule,
    *,
    weights: Sequence[float] | None = None,
    most: Sequence[float] | None = None,
) -> bool:
    """Whether the label is the same whatever the judges that are left will say.

    Args:
        votes: What has been said, at least one.
        waiting: Names of the judges that are left.
        rule: How votes are counted.
        weights: Of the votes; all the same when left out.
        most: The largest weight that a vote of each judge that is left can have; 1 when left out.
    """
    if not waiting:
        return True
    if rule is Rule.UNANIMITY:
        return len({ballot(vote) for vote in votes if vote.status in USABLE}) > 1
    if rule.has_veto and any(name in PROVING for name in waiting):
        return False
    count = count_votes(votes, rule, weights)
    if count is None:
        return False
    if most is None or rule is not Rule.WEIGHTED:
        most = [1.0] * len(waiting)
    left = fsum(most) + _SLACK
    winner = count.winner
    if not rule.is_nested:
        return _lead(count.ballots, winner) > left
    types = {one: weight for one, weight in count.ballots.items() if one[0] == winner[0]}
    # "Clean" has no types to disagree about.
    typed = winner[0] is None or _lead(types, winner) > left
    return typed and _lead(count.places, winner[0]) > left


def _lead(weights: dict[T, float], winner: T) -> float:
    # Against nothing, too: what nobody has said yet may get all that is left.
    return weights[winner] - max((weight for one, weight in weights.items() if one != winner), default=0.0)
