"""Several judges, one verdict.

A panel keeps every vote. Votes are counted on (first fault, error type) together, after the *proof
rule*: the symbolic judge proves a false equation, so the first fault can't lie behind it, and votes
that say so are overruled. Ties follow the *earliest fault* rule. Whatever the judges disagreed about
is marked for people.
"""

from collections import Counter
from collections.abc import Iterator, Sequence
from math import inf
from typing import NamedTuple

from ..datasets.records import ErrorType, Usage, Verdict, VerdictStatus
from .case import Case, Judge

PROVING = frozenset({"symbolic"})
"""Judges whose `faulty` is a proof."""

_Ballot = tuple[int | None, ErrorType | None]
_USABLE = (VerdictStatus.FAULTY, VerdictStatus.CLEAN)


class Decision(NamedTuple):
    """Outcome of one vote."""

    verdict: Verdict
    share: float
    """Votes for the winner over all usable ones, overruled ones included, in [0, 1]."""


class PanelJudge:
    """Asks judges in turn and combines their votes.

    Args:
        judges: The panel, cheapest first.
        quorum: Share of the usable votes that the winner must exceed, in [0, 1); else people decide.
    """

    name = "panel"

    def __init__(self, judges: Sequence[Judge], *, quorum: float = 0.5) -> None:
        if not judges:
            raise ValueError("a panel needs at least one judge")
        self._judges = judges
        self._quorum = quorum

    def judge(self, cases: Sequence[Case]) -> Iterator[Verdict]:
        """Yield one verdict per case, in order.

        Cases are told apart by their place, not their id: the same solution may be asked about twice.
        """
        votes: list[list[Verdict]] = [[] for _ in cases]
        for judge in self._judges:
            waiting: dict[str, list[int]] = {}
            for index, case in enumerate(cases):
                waiting.setdefault(case.solution.id, []).append(index)
            for verdict in judge.judge(cases):
                votes[waiting[verdict.solution_id].pop(0)].append(verdict)
        for ballots in votes:
            yield decide(ballots, quorum=self._quorum, judge=self.name).verdict


def decide(votes: Sequence[Verdict], *, quorum: float = 0.5, judge: str = "panel") -> Decision:
    """Combine the votes of a panel on one solution.

    `unsure` and `unscored` votes are kept in the record but carry no weight. On one step, a
    type found by contrast with a right step stands above the proof's. The order of votes never decides.

    Args:
        votes: One verdict per judge, all on the same solution.
        quorum: Share that the winner must exceed, in [0, 1).
        judge: Name under which the decision stands.

    Returns:
        The decision. With no usable vote its verdict is `unsure`, or `unscored` when no vote is even
        unsure. It needs review when judges disagree or the quorum is not exceeded.

    Raises:
        ValueError: If there are no votes, or they are on different solutions.
    """
    if len({vote.solution_id for vote in votes}) != 1:
        raise ValueError("votes of one panel must be on one solution")
    usable = [vote for vote in votes if vote.status in _USABLE]
    if not usable:
        return Decision(_undecided(votes, judge), share=0.0)
    bound = min((_place(vote) for vote in usable if _is_proof(vote)), default=inf)
    standing = [vote for vote in usable if _place(vote) <= bound]
    tally = Counter(_ballot(vote) for vote in standing)
    proven = {_ballot(vote) for vote in standing if _is_proof(vote)}
    winner = min(tally, key=lambda ballot: _rank(ballot, tally, proven))
    winners = [vote for vote in standing if _ballot(vote) == winner]
    share = len(winners) / len(usable)
    speaker = min(winners, key=lambda vote: (not _is_proof(vote), -(vote.confidence or 0), vote.judge))
    verdict = speaker.model_copy(
        update={
            "judge": judge,
            "confidence": _confidence(winners, share),
            "corrected_step": next((vote.corrected_step for vote in winners if vote.corrected_step), None),
            "usage": _total(votes),
            "votes": tuple(votes),
            "needs_review": share <= quorum or len({_ballot(vote) for vote in usable}) > 1,
        }
    )
    return Decision(verdict, share)


def _rank(
    ballot: _Ballot, tally: Counter[_Ballot], proven: set[_Ballot]
) -> tuple[int, float, bool, bool, str]:
    # Earliest fault: a fault before another one is what restoring needs to know. On one step a type
    # found by contrast with a right step stands above the proof's, since an equation may be false and
    # be the wrong one besides; then the type's name decides, so that the order of judges never does.
    first_fault, error_type = ballot
    return (
        -tally[ballot],
        inf if first_fault is None else first_fault,
        error_type is None,
        ballot in proven,
        error_type or "",
    )


def _ballot(vote: Verdict) -> _Ballot:
    return (vote.first_fault, vote.error_type)


def _place(vote: Verdict) -> float:
    return inf if vote.first_fault is None else vote.first_fault


def _is_proof(vote: Verdict) -> bool:
    return vote.status is VerdictStatus.FAULTY and vote.judge in PROVING


def _confidence(winners: Sequence[Verdict], share: float) -> float | None:
    known = [vote.confidence for vote in winners if vote.confidence is not None]
    return round(max(known) * share, 3) if known else None


def _undecided(votes: Sequence[Verdict], judge: str) -> Verdict:
    unsure = any(vote.status is VerdictStatus.UNSURE for vote in votes)
    reasons = dict.fromkeys(f"{vote.judge}: {vote.reason}" for vote in votes if vote.reason)
    return Verdict(
        solution_id=votes[0].solution_id,
        judge=judge,
        status=VerdictStatus.UNSURE if unsure else VerdictStatus.UNSCORED,
        first_fault=None,
        confidence=None,
        reason="; ".join(reasons) or "no usable vote",
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
