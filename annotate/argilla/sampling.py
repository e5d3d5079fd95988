"""Which solutions people are asked about, and what they are shown with them.

Everything is drawn by a hash of the solution's id. So a larger sample contains the smaller one, and the
same command draws the same.
"""

from collections.abc import Iterable, Sequence
from hashlib import sha256
from typing import NamedTuple

from ...datasets.records import Drawn, Problem, Record, Solution, Usage, Verdict, VerdictStatus
from ..reviews import DECIDED
from .asking import Asking, Blind, What

_UNKNOWN_CONFIDENCE = 0.5


class Candidate(NamedTuple):
    """A solution that people may be asked about."""

    problem: Problem
    solution: Solution
    full_precision: Solution | None
    """A right solution to compare with."""
    verdict: Verdict | None
    """What the judges say; of a planted fault, the truth."""


class Sampled(Record):
    """A solution that people are asked about. Reviewers see none of this but the suggestion."""

    solution_id: str
    steps: int
    """Number of its steps: answers beyond are refused."""
    drawn: Drawn
    suggestion: Verdict | None = None
    """What they are shown beforehand, without its votes; `None` when nothing is."""
    truth: Verdict | None = None
    """Where it is known (gold)."""
    is_randomised: bool = False
    """Whether chance alone decided if a suggestion is shown: the only ones that tell what suggestions do."""

    @property
    def is_misleading(self) -> bool:
        """Whether the suggestion is wrong on purpose."""
        return (
            self.truth is not None
            and self.suggestion is not None
            and self.suggestion.first_fault != self.truth.first_fault
        )


def draw(candidates: Sequence[Candidate], asking: Asking) -> list[Sampled]:
    """Choose solutions that people are asked about, the most doubtful first.

    Argilla gives them to each reviewer in an order of their own, so who stops early has seen some of each.
    The random ones are drawn first and from all, so that they are a sample of all. Where all are asked
    for, every one counts as random.

    Args:
        candidates: All that may be chosen, each solution once.
        asking: How to choose; `disputed` chooses none.
    """
    what, size, seed = asking.what, asking.size, asking.seed
    by_chance = sorted(candidates, key=lambda one: chance(one.solution.id, seed))
    shares = {What.ALL: len(candidates), What.RANDOM: size, What.DOUBTFUL: round(size * asking.random_share)}
    randomly = shares.get(what, 0)
    random, rest = by_chance[:randomly], by_chance[randomly:]
    rest = sorted(rest, key=lambda one: (-doubt(one.verdict), one.solution.id))
    doubtful = rest[: max(0, size - len(random))] if what is What.DOUBTFUL else []
    return [
        *(_sampled(one, Drawn.DOUBTFUL, asking) for one in doubtful),
        *(_sampled(one, Drawn.RANDOM, asking) for one in random),
    ]


def draw_gold(planted: Sequence[Candidate], judged: Iterable[Verdict], asking: Asking) -> list[Sampled]:
    """Make gold items of planted faults: their truth is known, and reviewers can't tell them from others.

    By chance, half of their suggestions are right and half name another step, so that who only accepts
    suggestions is found out.

    Args:
        planted: Each with the truth as its verdict.
        judged: Verdicts on real solutions: what a suggestion looks like.
        asking: Where nothing has suggestions, they have none either.
    """
    looks = [one for one in judged if one.status is VerdictStatus.FAULTY]
    found: list[Sampled] = []
    for one in planted:
        truth = one.verdict
        assert truth is not None
        number = chance(one.solution.id, asking.seed)
        look = looks[number // 2 % len(looks)] if looks else truth
        suggestion = truth.model_copy(update={"judge": look.judge, "confidence": look.confidence})
        if number % 2 and len(one.solution.steps) > 1:
            others = [step for step in range(len(one.solution.steps)) if step != truth.first_fault]
            suggestion = suggestion.model_copy(update={"first_fault": others[number // 2 % len(others)]})
        found.append(
            Sampled(
                solution_id=one.solution.id,
                steps=len(one.solution.steps),
                drawn=Drawn.GOLD,
                suggestion=None if asking.blind is Blind.ALL else suggestion,
                truth=truth,
            )
        )
    return found


def doubt(verdict: Verdict | None) -> float:
    """How much a judge's verdict needs a person, in [0, 1].

    1 without a label. Else 1 minus the confidence times the share of the usable votes that say the same;
    what the panel itself marks for people stands above all that it doesn't mark.
    """
    if verdict is None or verdict.status not in DECIDED:
        return 1.0
    usable = [vote for vote in verdict.votes if vote.status in DECIDED]
    same = [
        vote
        for vote in usable
        if (vote.first_fault, vote.error_type) == (verdict.first_fault, verdict.error_type)
    ]
    share = len(same) / len(usable) if usable else 1.0
    confidence = _UNKNOWN_CONFIDENCE if verdict.confidence is None else verdict.confidence
    doubted = 1 - confidence * share
    return (1 + doubted) / 2 if verdict.needs_review else doubted / 2


def merge(before: Iterable[Sampled], now: Iterable[Sampled]) -> list[Sampled]:
    """Add a sample to an earlier one.

    What is shown stays as it was. A doubtful one that chance draws too becomes a random one, since the random
    ones would be the easier ones without it; but it was shown for its doubt, so it stays not randomised.
    """
    found = {one.solution_id: one for one in before}
    for one in now:
        earlier = found.get(one.solution_id)
        if earlier is None:
            found[one.solution_id] = one
        elif one.drawn is Drawn.RANDOM:
            found[one.solution_id] = earlier.model_copy(update={"drawn": Drawn.RANDOM})
    return list(found.values())


def chance(solution_id: str, seed: int) -> int:
    """A number that looks random and is the same every time, of 64 bits."""
    return int.from_bytes(sha256(f"{seed}:{solution_id}".encode()).digest()[:8])


def _sampled(candidate: Candidate, drawn: Drawn, asking: Asking) -> Sampled:
    verdict, blind = candidate.verdict, asking.blind
    # The lowest bit: who is drawn hangs on the highest ones.
    is_blind = blind is Blind.ALL or (
        blind is Blind.HALF and drawn is Drawn.RANDOM and chance(candidate.solution.id, asking.seed) % 2 == 1
    )
    shown = verdict if verdict is not None and verdict.status in DECIDED and not is_blind else None
    return Sampled(
        solution_id=candidate.solution.id,
        steps=len(candidate.solution.steps),
        drawn=drawn,
        suggestion=None if shown is None else shown.model_copy(update={"votes": (), "usage": Usage()}),
        is_randomised=drawn is Drawn.RANDOM and blind is Blind.HALF,
    )
