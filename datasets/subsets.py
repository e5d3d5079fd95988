"""The subsets of a released Silver Bullet set and their rows, each with a train and a test part.

`preference`, `sft` and `stepwise` have the columns that TRL trains on, `verdicts` has all that is known
about every regression. The texts are plain: the chat template is applied already.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

from .gates import Judged
from .records import ErrorType, Finish, Pair, Record, Subtype, Verdict, VerdictStatus
from .silver_bullet import is_test


class Demonstration(Record):
    """A right solution to learn: TRL's `prompt` and `completion`."""

    prompt: str
    """The question alone, chat template applied."""
    completion: str
    """The whole right solution: the variant's right steps, then the right continuation."""
    pair_id: str
    """Of the preference that it comes from."""
    problem_id: str


class StepwiseRow(Record):
    """One solution, up to its first fault: TRL's columns of stepwise supervision."""

    prompt: str
    """The question."""
    completions: tuple[str, ...]
    """The steps, untouched."""
    labels: tuple[bool, ...]
    """One per step; only the last can be false."""


class JudgedRow(Record):
    """A regression with all that was said about it. No reviewer is named, not even by a pseudonym."""

    problem_id: str
    question: str
    answer: str
    """The reference answer."""
    source: str
    licence: str | None
    level: int | None
    subject: str | None
    solution_id: str
    model: str
    """The variant."""
    text: str
    """Everything it wrote."""
    steps: tuple[str, ...]
    given: str | None
    """The answer that it gave."""
    finish: Finish
    status: VerdictStatus
    first_fault: int | None
    """0-based index into `steps`."""
    error_type: ErrorType | None
    subtype: Subtype | None
    judge: str
    """`people` where people settled it."""
    rationale: str
    corrected_step: str | None
    confidence: float | None
    reason: str | None
    """Why there is no label."""
    needs_review: bool
    votes: tuple[Verdict, ...]
    """The single verdicts behind it, as JSON text."""
    pair_id: str | None
    """Of the preference that was made of it and chosen."""


KINDS: Mapping[str, type[Record]] = {
    "preference": Pair,
    "sft": Demonstration,
    "stepwise": StepwiseRow,
    "verdicts": JudgedRow,
}
"""The subsets, the default one first."""
PARTS = ("train", "test")


class Part(NamedTuple):
    """One part of one subset."""

    subset: str
    part: str
    rows: tuple[Record, ...]

    @property
    def path(self) -> str:
        """Where it lies in the repository."""
        return f"data/{self.subset}/{self.part}.parquet"


def demonstration(pair: Pair) -> Demonstration:
    """Turn a preference into a right solution to learn."""
    return Demonstration(
        prompt=pair.prompt.removesuffix(pair.prefix),
        completion=pair.prefix + pair.chosen,
        pair_id=pair.id,
        problem_id=pair.problem_id,
    )


def stepwise_row(question: str, steps: Sequence[str], verdict: Verdict) -> StepwiseRow | None:
    """Label the steps of a solution up to its first fault; `None` where the verdict labels nothing."""
    if verdict.status not in (VerdictStatus.FAULTY, VerdictStatus.CLEAN):
        return None
    fault = verdict.first_fault
    if not steps or (fault or 0) >= len(steps):
        return None
    shown = tuple(steps if fault is None else steps[: fault + 1])
    return StepwiseRow(
        prompt=question, completions=shown, labels=tuple(index != fault for index in range(len(shown)))
    )


def make_parts(
    train: Sequence[Pair], test: Sequence[Pair], judged: Iterable[Judged], test_share: float
) -> list[Part]:
    """Make every part of every subset, rows in a fixed order.

    Args:
        train: The chosen pairs.
        test: Those set aside.
        judged: All regressions with what is said about them.
        test_share: Share of the problems that was set aside.
    """
    chosen = {pair.solution_id: pair.id for pair in (*train, *test)}
    ordered = sorted(judged, key=lambda one: (one.problem.id, one.solution.id))
    # Where all pairs fell into the test part they were used to train on: they say where they belong.
    is_train = {pair.problem_id for pair in train}
    by_part = {
        part: [
            one
            for one in ordered
            if (is_test(one.problem.id, test_share) and one.problem.id not in is_train) == (part == "test")
        ]
        for part in PARTS
    }
    parts: list[Part] = []
    for part, pairs in (("train", train), ("test", test)):
        items = by_part[part]
        rows = (stepwise_row(one.problem.question, one.solution.steps, one.verdict) for one in items)
        parts += [
            Part("preference", part, tuple(pairs)),
            Part("sft", part, tuple(demonstration(pair) for pair in pairs)),
            Part("stepwise", part, tuple(row for row in rows if row is not None)),
            Part("verdicts", part, tuple(_judged_row(one, chosen.get(one.solution.id)) for one in items)),
        ]
    return sorted(parts, key=lambda one: list(KINDS).index(one.subset))


def _judged_row(one: Judged, pair_id: str | None) -> JudgedRow:
    problem, solution, verdict = one
    return JudgedRow(
        problem_id=problem.id,
        question=problem.question,
        answer=problem.answer,
        source=problem.source,
        licence=problem.licence,
        level=problem.level,
        subject=problem.subject,
        solution_id=solution.id,
        model=solution.model,
        text=solution.text,
        steps=solution.steps,
        given=solution.answer,
        finish=solution.finish,
        status=verdict.status,
        first_fault=verdict.first_fault,
        error_type=verdict.error_type,
        subtype=verdict.subtype,
        judge=verdict.judge,
        rationale=verdict.rationale,
        corrected_step=verdict.corrected_step,
        confidence=verdict.confidence,
        reason=verdict.reason,
        needs_review=verdict.needs_review,
        votes=verdict.votes,
        pair_id=pair_id,
    )
