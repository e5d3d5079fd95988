"""Voting: several verdicts on one solution, one decision.

Every vote is kept; `unsure` and `unscored` ones carry no weight. Ties follow the *earliest fault* rule.
Under the rules with a veto a false equation is a proof: the first fault can't lie behind it, and votes
that say so are overruled. Whatever the judges disagreed about is marked for people, and the order of
votes never decides.
"""

from collections.abc import Iterable, Sequence
from enum import StrEnum
from math import fsum, inf
from typing import NamedTuple

from ..datasets.records import ErrorType, Usage, Verdict, VerdictStatus

PROVING = frozenset({"symbolic"})
"""Judges whose `faulty` is a proof."""

USABLE = (VerdictStatus.FAULTY, VerdictStatus.CLEAN)
"""What counts as a vote."""

Ballot = tuple[int | None, ErrorType | None]
"""First fault, `None` for clean, and error type."""

_DIGITS = 9
"""Weights that agree to so many digits after the point are the same."""


class Rule(StrEnum):
    """How votes are counted; `benchmarks/voting_rules.py` compares them."""

    WEIGHTED = "weighted"
    """As `nested`, each vote weighing what its calibrated confidence is worth."""
    NESTED = "nested"
    """Most votes for the first fault; then, among those, most for the type. With the veto."""
    VETO = "veto"
    """Most votes for first fault and type together. With the veto."""
    MAJORITY = "majority"
    """The same without the veto: a proof is a vote like any other."""
    UNANIMITY = "unanimity"
    """What all say; nothing where one says otherwise."""

    @property
    def has_veto(self) -> bool:
        """Whether a proof overrules votes for a later fault, or for none."""
        return self in (Rule.WEIGHTED, Rule.NESTED, Rule.VETO)

    @property
    def is_nested(self) -> bool:
        """Whether the first fault is decided before the type."""
        return self in (Rule.WEIGHTED, Rule.NESTED)


class Decision(NamedTuple):
    """Outcome of one vote."""

    verdict: Verdict
    share: float
    """Votes for the winner over all usable ones, overruled ones included, in [0, 1]."""


class Count(NamedTuple):
    """The votes that stand, counted."""

    ballots: dict[Ballot, float]
    """Weight of each first fault with its type."""
    places: dict[int | None, float]
    """Weight of each first fault."""
    winner: Ballot


def decide(
    votes: Sequence[Verdict],
    *,
    rule: Rule = Rule.NESTED,
    weights: Sequence[float] | None = None,
    quorum: float = 0.5,
    judge: str = "panel",
) -> Decision:
    """Combine the votes of a panel on one solution.

    Among equals on one step, a type found by contrast with a right step stands above the proof's. The
    order of votes never decides.

    Args:
        votes: One verdict per judge, all on the same solution.
        rule: How they are counted.
        weights: Of the votes, at least 0; all the same when left out. Only `weighted` heeds them.
        quorum: Share that the winner must exceed, in [0, 1).
        judge: Name under which the decision stands.

    Returns:
        The decision. With no usable vote its verdict is `unsure`, or `unscored` when no vote is even
        unsure; where unanimity is asked for and missing it is `unsure`. It needs review when judges
        disagree or the quorum is not exceeded.

    Raises:
        ValueError: If there are no votes, or they are on different solutions.
    """
    if len({vote.solution_id for vote in votes}) != 1:
        raise ValueError("votes of one panel must be on one solution")
    usable = [vote for vote in votes if vote.status in USABLE]
    count = count_votes(votes, rule, weights)
    if count is None:
        reasons = dict.fromkeys(f"{vote.judge}: {vote.reason}" for vote in votes if vote.reason)
        unsure = any(vote.status is VerdictStatus.UNSURE for vote in votes)
        status = VerdictStatus.UNSURE if unsure else VerdictStatus.UNSCORED
        return Decision(_undecided(votes, judge, status, "; ".join(reasons) or "no usable vote"), share=0.0)
    disagree = len({ballot(vote) for vote in usable}) > 1
    winners = [vote for vote in usable if ballot(vote) == count.winner]
    share = len(winners) / len(usable)
    if disagree and rule is Rule.UNANIMITY:
        return Decision(_undecided(votes, judge, VerdictStatus.UNSURE, "the judges disagree"), share)
    speaker = min(winners, key=lambda vote: (not _is_proof(vote), -(vote.confidence or 0), vote.judge))
    verdict = speaker.model_copy(
        update={
            "judge": judge,
            "confidence": _confidence(winners, share),
            "corrected_step": next((vote.corrected_step for vote in winners if vote.corrected_step), None),
            "usage": _total(votes),
            "votes": tuple(votes),
            "needs_review": share <= quorum or disagree,
        }
    )
    return Decision(verdict, share)


def count_votes(votes: Sequence[Verdict], rule: Rule, weights: Sequence[float] | None = None) -> Count | None:
    """Count the usable votes that stand, and find which ballot leads; `None` where no vote is usable."""
    if weights is None or rule is not Rule.WEIGHTED:
        weights = [1.0] * len(votes)
    weighed = [pair for pair in zip(votes, weights, strict=True) if pair[0].status in USABLE]
    bound = min((_place(vote) for vote, _ in weighed if _is_proof(vote)), default=inf)
    standing = [(vote, weight) for vote, weight in weighed if not rule.has_veto or _place(vote) <= bound]
    if not standing:
        return None
    proven = {ballot(vote) for vote, _ in standing if _is_proof(vote)}
    ballots = {
        one: _sum(weight for vote, weight in standing if ballot(vote) == one)
        for one in {ballot(vote) for vote, _ in standing}
    }
    places = {
        one: _sum(weight for vote, weight in standing if vote.first_fault == one)
        for one in {vote.first_fault for vote, _ in standing}
    }

    def rank(one: Ballot) -> tuple[float, float, float, bool, bool, str]:
        # Earliest fault: a fault before another one is what restoring needs to know. On one step a type
        # found by contrast with a right step stands above the proof's, since an equation may be false and
        # be the wrong one besides; then the type's name decides, so that the order of judges never does.
        first_fault, error_type = one
        return (
            -(places[first_fault] if rule.is_nested else ballots[one]),
            inf if first_fault is None else first_fault,
            -ballots[one],
            error_type is None,
            one in proven,
            error_type or "",
        )

    return Count(ballots, places, min(ballots, key=rank))


def ballot(vote: Verdict) -> Ballot:
    """What a vote says."""
    return (vote.first_fault, vote.error_type)


def _sum(weights: Iterable[float]) -> float:
    # The same for every order of votes.
    return round(fsum(weights), _DIGITS)


def _place(vote: Verdict) -> float:
    return inf if vote.first_fault is None else vote.first_fault


def _is_proof(vote: Verdict) -> bool:
    return vote.status is VerdictStatus.FAULTY and vote.judge in PROVING


def _confidence(winners: Sequence[Verdict], share: float) -> float | None:
    known = [vote.confidence for vote in winners if vote.confidence is not None]
    return round(max(known) * share, 3) if known else None


def _undecided(votes: Sequence[Verdict], judge: str, status: VerdictStatus, reason: str) -> Verdict:
    return Verdict(
        solution_id=votes[0].solution_id,
        judge=judge,
        status=status,
        reason=reason,
        usage=_total(votes),
        votes=tuple(votes),
        needs_review=True,
    )


def _total(votes: Sequence[Verdict]) -> Usage:
    return Usage(
        requests=sum(vote.usage.requests for vote in votes),
        prompt_tokens=sum(vote.usage.prompt_tokens for vote in votes),
        completion_tokens=sum(vote.usage.completion_tokens for vote in votes),
    )
