"""What a vote is worth, and how sure several votes make a panel.

Both take it that judges err independently of each other, which those who learned from the same texts do
not. A panel's own calibration curve (`curve`) makes up for that.
"""

from collections.abc import Sequence
from math import exp, fsum, log

UNKNOWN = 0.5
"""Confidence of a vote whose own means nothing: not calibrated, or not stated."""

_LIMIT = 0.99
"""No vote is surer: calibration on some hundred items can't tell more. Nor less sure than 1 minus it."""


def weigh(confidence: float, places: int) -> float:
    """Return the weight of a vote in a plurality vote: log of (places - 1) p / (1 - p), at least 0.

    The weights under which most votes means most likely, where judges err independently, each on any of
    the other places alike: Nitzan and Paroush, "Optimal decision rules in uncertain dichotomous choice
    situations", Int. Econ. Rev. 23 (1982), for two places.

    Args:
        confidence: Probability p that the vote is right, in [0, 1].
        places: Number of possible first faults, "none" included; at least 2.
    """
    sure = _bounded(confidence)
    return max(0.0, log(sure * (places - 1) / (1 - sure)))


def posterior(votes: Sequence[tuple[int | None, float]], winner: int | None, places: int) -> float:
    """Return the probability that the winner is the first fault, given all votes.

    Bayes' rule with every place as likely before: a vote of confidence p has likelihood p if its place is
    the true one, else (1 - p) / (places - 1).

    Args:
        votes: (first fault, confidence) of every usable vote.
        winner: The place asked about, `None` for clean.
        places: Number of possible first faults, "none" included; at least 2.

    Returns:
        In (0, 1). One vote's posterior is its own confidence.
    """
    named = {place for place, _ in votes} | {winner}
    places = max(places, 2, len(named))
    scores = {place: _score(votes, place, places) for place in named}
    elsewhere = places - len(named)
    nowhere = fsum(log((1 - _bounded(sure)) / (places - 1)) for _, sure in votes)
    best = max(*scores.values(), nowhere)
    total = fsum(exp(score - best) for score in scores.values()) + elsewhere * exp(nowhere - best)
    return exp(scores[winner] - best) / total


def _score(votes: Sequence[tuple[int | None, float]], place: int | None, places: int) -> float:
    return fsum(
        log(_bounded(sure) if said == place else (1 - _bounded(sure)) / (places - 1)) for said, sure in votes
    )


def _bounded(confidence: float) -> float:
    return min(max(confidence, 1 - _LIMIT), _LIMIT)
