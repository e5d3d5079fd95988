"""Several judges, one verdict.

A panel asks its judges in turn about the cases that are still open, keeps every vote and decides by a
rule (`voting`). With calibrated judges its own confidence is a probability, and it may stop asking about
a case once that is high enough, or once nothing that is left can change the label.
"""

from collections.abc import Callable, Generator, Iterator, Mapping, Sequence, Set

from ..datasets.records import Verdict
from .adaptive import is_settled
from .case import Case, Judge
from .confidence import UNKNOWN, posterior, weigh
from .config import Adaptive
from .curve import Curve, calibrated
from .voting import PROVING, USABLE, Rule, decide


class PanelJudge:
    """Asks judges in turn and combines their votes.

    Args:
        judges: The panel, cheapest first.
        rule: How votes are counted.
        quorum: Share of the usable votes that the winner must exceed, in [0, 1); else people decide.
        adaptive: When to stop asking about a case; all judges are asked when left out.
        curves: Of the judges whose verdicts carry calibrated confidence, by name. Others weigh like one
            that is right half of the time.
        own: Curves of the panel's own confidence, by number of votes.
        on_skipped: Told how many votes are not asked for.
    """

    name = "panel"

    def __init__(
        self,
        judges: Sequence[Judge],
        *,
        rule: Rule = Rule.WEIGHTED,
        quorum: float = 0.5,
        adaptive: Adaptive | None = None,
        curves: Mapping[str, Curve] | None = None,
        own: Mapping[int, Curve] | None = None,
        on_skipped: Callable[[int], object] | None = None,
    ) -> None:
        if not judges:
            raise ValueError("a panel needs at least one judge")
        self._judges = judges
        self._rule = rule
        self._quorum = quorum
        self._adaptive = adaptive
        self._curves = curves or {}
        self._own = own or {}
        self._on_skipped = on_skipped

    def judge(self, cases: Sequence[Case]) -> Iterator[Verdict]:
        """Yield one verdict per case, in order."""
        known: dict[int, Verdict] = {}
        for place, verdict in self.judged(cases):
            known[place] = verdict
        for place in range(len(cases)):
            yield known[place]

    def judged(self, cases: Sequence[Case]) -> Generator[tuple[int, Verdict]]:
        """Yield the place of a case and its verdict, as soon as its last judge has spoken: in any order.

        Cases are told apart by their place, not their id: the same solution may be asked about twice.
        """
        votes: list[list[Verdict]] = [[] for _ in cases]
        open_cases = list(range(len(cases)))
        for turn, judge in enumerate(self._judges):
            waiting: dict[str, list[int]] = {}
            for index in open_cases:
                waiting.setdefault(cases[index].solution.id, []).append(index)
            if not open_cases:
                break
            left = self._judges[turn + 1 :]
            still: list[int] = []
            for verdict in judge.judge([cases[index] for index in open_cases]):
                index = waiting[verdict.solution_id].pop(0)
                votes[index].append(verdict)
                if left and not self._may_stop(votes[index], cases[index], left):
                    still.append(index)
                else:
                    yield index, self.decide(votes[index], places(cases[index]))
            if self._on_skipped is not None and left:
                self._on_skipped((len(open_cases) - len(still)) * len(left))
            open_cases = sorted(still)

    def decide(self, votes: Sequence[Verdict], places: int) -> Verdict:
        """Combine the votes on one solution, at least one.

        Where judges are calibrated, the confidence is the probability that the first fault is right.

        Args:
            votes: One per judge that was asked.
            places: Number of possible first faults, "none" included.
        """
        known = set(self._curves)
        verdict = combine(votes, places, self._rule, known, quorum=self._quorum, judge=self.name)
        own = self._own.get(len(votes))
        if own is None or not known or verdict.status not in USABLE:
            return verdict
        return calibrated(verdict, own)

    def _may_stop(self, votes: Sequence[Verdict], case: Case, left: Sequence[Judge]) -> bool:
        if self._adaptive is None:
            return False
        count = places(case)
        waiting = [judge.name for judge in left]
        weights = most = None
        if self._curves:
            weights = _weights(votes, count, set(self._curves))
            highest = [self._curves[name].highest if name in self._curves else 0.0 for name in waiting]
            # A vote without a confidence of its own weighs as UNKNOWN does, also a calibrated judge's.
            most = [weigh(max(sure, UNKNOWN), count) for sure in highest]
        if is_settled(votes, waiting, self._rule, weights=weights, most=most):
            return True
        threshold = self._adaptive.confidence
        if threshold is None or not self._curves or self._rule is Rule.UNANIMITY:
            return False
        if self._rule.has_veto and any(name in PROVING for name in waiting):
            return False
        sure = self.decide(votes, count).confidence
        return sure is not None and sure >= threshold


def combine(
    votes: Sequence[Verdict],
    places: int,
    rule: Rule,
    known: Set[str],
    *,
    quorum: float = 0.5,
    judge: str = PanelJudge.name,
) -> Verdict:
    """Decide, with the panel's probability as confidence where judges are calibrated.

    Args:
        votes: On one solution, at least one.
        places: Number of possible first faults, "none" included.
        rule: How votes are counted.
        known: Judges whose confidence is calibrated.
        quorum: Share of the usable votes that the winner must exceed.
        judge: Name under which the decision stands.
    """
    weights = _weights(votes, places, known) if known else None
    verdict = decide(votes, rule=rule, weights=weights, quorum=quorum, judge=judge).verdict
    if not known or verdict.status not in USABLE:
        return verdict
    usable = [vote for vote in votes if vote.status in USABLE]
    said = [(vote.first_fault, _sure(vote, known)) for vote in usable]
    sure = posterior(said, verdict.first_fault, places)
    return verdict.model_copy(update={"confidence": round(sure, 4)})


def _weights(votes: Sequence[Verdict], places: int, known: Set[str]) -> list[float]:
    return [weigh(_sure(vote, known), places) for vote in votes]


def _sure(vote: Verdict, known: Set[str]) -> float:
    if vote.judge not in known or vote.confidence is None:
        return UNKNOWN
    return vote.confidence


def places(case: Case) -> int:
    """Number of possible first faults of a case, "none" included; at least 2."""
    return max(2, len(case.solution.steps) + 1)
