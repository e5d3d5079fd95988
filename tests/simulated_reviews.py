"""Reviewers that are simulated, with known rates of error and of following suggestions.

What they are asked about, and with which suggestions, is drawn as it is for people.
"""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from random import Random
from typing import NamedTuple

from firstfault.annotate.argilla.asking import Asking, Blind, What
from firstfault.annotate.argilla.sampling import Candidate, Sampled, draw, draw_gold
from firstfault.annotate.reviews import settle
from firstfault.datasets.records import (
    Drawn,
    ErrorType,
    Problem,
    Review,
    Solution,
    Verdict,
    VerdictStatus,
)

KINDS = tuple(ErrorType)
WEIGHTS = (20, 25, 40, 10, 5)
STEPS = 6


class Person(NamedTuple):
    """How a simulated reviewer works."""

    name: str
    accuracy: float = 0.9
    """Share of first faults that they name where nothing is shown, or they don't look at it."""
    typing: float = 0.9
    """Share of types, where they name the step."""
    follows: float = 0.0
    """Share of shown suggestions that they accept without looking."""
    share: float = 1.0
    """Of what they are asked about."""
    seconds: float = 60
    """Per review, on average."""


class Reviewed(NamedTuple):
    """What a review with known truth left behind."""

    reviews: list[Review]
    sampled: list[Sampled]
    verdicts: list[Verdict]
    truths: dict[str, Verdict]
    """By solution, planted ones included."""


def review_by(
    people: Sequence[Person],
    *,
    solutions: int = 400,
    size: int = 400,
    what: What = What.RANDOM,
    gold: int = 0,
    judge: float = 0.75,
    abstains: float = 0.0,
    blind: Blind = Blind.HALF,
    adjudicator: str | None = None,
    seed: int = 0,
) -> Reviewed:
    """Have simulated people review what a simulated judge said.

    Args:
        people: The reviewers.
        solutions: Of the variant.
        size: How many of them to ask about.
        what: Which.
        gold: Planted faults beside them.
        judge: Share of first faults that the judge names; its confidence tells the truth about it.
        abstains: Share of solutions that the judge is unsure about.
        blind: Which are shown without suggestion.
        adjudicator: Who settles disputes, rightly.
        seed: Same seed, same reviews.
    """
    rng = Random(seed)
    real = [_candidate(f"real {seed} {number}", rng) for number in range(solutions)]
    planted = [_candidate(f"gold {seed} {number}", rng) for number in range(gold)]
    truths = {one.solution.id: _truth(one) for one in [*real, *planted]}
    judged = [_judged(_truth(one), rng, judge, abstains) for one in real]
    asked = [one._replace(verdict=verdict) for one, verdict in zip(real, judged, strict=True)]
    asking = Asking(what=what, size=size, blind=blind, seed=seed)
    sampled = [
        *draw(asked, asking),
        *draw_gold(planted, judged, asking),
    ]
    rng.shuffle(sampled)
    reviews: list[Review] = []
    for person in people:
        reviews += _work(person, sampled, truths, Random(f"{seed}{person.name}"))
    if adjudicator is not None:
        planted_ids = {one.solution.id for one in planted}
        open_ = [key for key, one in settle(reviews).items() if one.disputed and key not in planted_ids]
        moment = datetime(2026, 3, 2, 9, tzinfo=UTC)
        for number, key in enumerate(sorted(open_)):
            more = {
                "adjudicates": True,
                "drawn": Drawn.DISPUTED,
                "updated_at": (moment + timedelta(minutes=number)).isoformat(),
            }
            reviews.append(_review(truths[key], adjudicator, None).model_copy(update=more))
    return Reviewed(reviews, sampled, judged, truths)


def _work(
    person: Person, sampled: Sequence[Sampled], truths: dict[str, Verdict], rng: Random
) -> list[Review]:
    moment = datetime(2026, 3, 1, 9, tzinfo=UTC)
    found: list[Review] = []
    for one in sampled:
        if rng.random() >= person.share:
            continue
        moment += timedelta(seconds=min(rng.expovariate(1 / person.seconds), 9 * 60))
        truth = truths[one.solution_id]
        shown = one.suggestion
        if shown is not None and rng.random() < person.follows:
            said = shown
        else:
            said = _erring(truth, rng, person.accuracy, person.typing)
        review = _review(said, person.name, shown)
        found.append(review.model_copy(update={"drawn": one.drawn, "updated_at": moment.isoformat()}))
    return found


def _review(said: Verdict, name: str, shown: Verdict | None) -> Review:
    return Review(
        solution_id=said.solution_id,
        reviewer=name,
        status=said.status,
        first_fault=said.first_fault,
        error_type=said.error_type,
        suggestion=shown,
    )


def _candidate(name: str, rng: Random) -> Candidate:
    problem = Problem(question=name, answer="1")
    solution = Solution(problem_id=problem.id, model="m", text=name, steps=("a",) * STEPS)
    truth = Verdict(
        solution_id=solution.id,
        judge="oracle",
        status=VerdictStatus.FAULTY,
        first_fault=rng.randrange(STEPS),
        error_type=rng.choices(KINDS, WEIGHTS)[0],
    )
    return Candidate(problem, solution, None, truth)


def _truth(candidate: Candidate) -> Verdict:
    assert candidate.verdict is not None
    return candidate.verdict


def _judged(truth: Verdict, rng: Random, accuracy: float, abstains: float) -> Verdict:
    if rng.random() < abstains:
        return Verdict(
            solution_id=truth.solution_id, judge="panel", status=VerdictStatus.UNSURE, reason="split"
        )
    # Some it finds easier than others, by as much as it says.
    sure = min(1.0, max(0.0, accuracy + rng.choice([-0.2, 0.0, 0.2])))
    said = _erring(truth, rng, sure, 0.85)
    return said.model_copy(update={"judge": "panel", "confidence": round(sure, 3)})


def _erring(truth: Verdict, rng: Random, accuracy: float, typing: float) -> Verdict:
    step, kind = truth.first_fault, truth.error_type
    if rng.random() >= accuracy:
        step = rng.choice([one for one in range(STEPS) if one != truth.first_fault])
        kind = rng.choices(KINDS, WEIGHTS)[0]
    elif rng.random() >= typing:
        kind = rng.choice([one for one in KINDS if one is not kind])
    return truth.model_copy(update={"first_fault": step, "error_type": kind})
