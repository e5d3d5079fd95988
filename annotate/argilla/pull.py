"""Reading people's answers from Argilla as reviews.

Submitted answers become reviews; drafts and discarded ones are counted. An answer that can't be true, such
as a step that the solution doesn't have, is refused with its reason, and the others are read.
"""

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from ...datasets.records import SUBTYPES, Drawn, ErrorType, Review, Subtype, VerdictStatus
from .connection import Connection
from .dataset import list_records
from .form import CORRECTED_STEP, ERROR_TYPE, FIRST_FAULT, NO_FAULT, RATIONALE, SUBTYPE, UNSURE
from .markdown import from_markdown
from .people import Pseudonyms, usernames
from .sampling import Sampled

SUBMITTED, DRAFT, DISCARDED = "submitted", "draft", "discarded"


class Answer(NamedTuple):
    """What one person answered about one solution."""

    solution_id: str
    username: str
    status: str
    """`submitted`, `draft` or `discarded`."""
    values: dict[str, str]
    """By the name of the question; empty ones are left out."""
    created_at: str
    updated_at: str


class Refused(NamedTuple):
    """An answer that is no review, and why."""

    solution_id: str
    reviewer: str
    reason: str


class Pulled(NamedTuple):
    """What people have answered so far."""

    reviews: tuple[Review, ...]
    refused: tuple[Refused, ...]
    states: dict[str, Counter[str]]
    """Per reviewer, how many answers are submitted, drafts, discarded."""
    solutions: frozenset[str]
    """All that are there to be reviewed."""
    answered: frozenset[tuple[str, str]]
    """(solution, reviewer) of every answer, whatever its state."""


def read_answers(
    connection: Connection, dataset_id: str, progress: Callable[[int], None]
) -> Iterator[tuple[str, list[Answer]]]:
    """Yield every record's id with the answers to it.

    Safe while people work: each answer is read whole, as it is at that moment.

    Raises:
        EndpointError: If the server can't be used.
    """
    names = usernames(connection)
    with connection.explained():
        for record in list_records(connection, dataset_id, "responses"):
            answers = [
                Answer(
                    solution_id=record["external_id"] or "",
                    # Who has left the server keeps an id.
                    username=names.get(one["user_id"]) or one["user_id"],
                    status=one["status"],
                    values=_values(one.get("values")),
                    created_at=one["inserted_at"],
                    updated_at=one["updated_at"],
                )
                for one in record.get("responses") or ()
            ]
            progress(1)
            yield record["external_id"] or "", answers


def make_reviews(
    answered: Iterator[tuple[str, list[Answer]]],
    sampled: Mapping[str, Sampled],
    pseudonyms: Pseudonyms,
    *,
    disputants: Mapping[str, Sequence[str]] | None = None,
) -> Pulled:
    """Turn answers into reviews.

    Args:
        answered: Records with their answers.
        sampled: What was asked, by the id of the solution. Answers to anything else are refused.
        pseudonyms: What stands for the people.
        disputants: Where these answers adjudicate disputes, the pseudonyms of those who differ, by the id
            of the solution: nobody decides a dispute of their own.
    """
    reviews: list[Review] = []
    refused: list[Refused] = []
    states: dict[str, Counter[str]] = {}
    solutions: set[str] = set()
    by: set[tuple[str, str]] = set()
    for solution_id, answers in answered:
        solutions.add(solution_id)
        for answer in answers:
            reviewer = pseudonyms.of(answer.username)
            by.add((solution_id, reviewer))
            states.setdefault(reviewer, Counter())[answer.status] += 1
            if answer.status != SUBMITTED:
                continue
            asked = sampled.get(solution_id)
            reason = _why_not(answer, asked)
            if disputants is not None and reviewer in disputants.get(solution_id, ()):
                reason = "is one of those who differ"
            if reason is not None or asked is None:
                refused.append(Refused(solution_id, reviewer, reason or "was not asked about"))
                continue
            reviews.append(_review(answer, asked, reviewer, adjudicates=disputants is not None))
    return Pulled(tuple(reviews), tuple(refused), states, frozenset(solutions), frozenset(by))


def _why_not(answer: Answer, asked: Sampled | None) -> str | None:
    """Say why an answer is no review; `None` where it is one."""
    if asked is None:
        return "is about a solution that this run did not ask about"
    said = answer.values.get(FIRST_FAULT)
    if said in (NO_FAULT, UNSURE):
        # What was suggested is picked already, and stays so when only the step is changed.
        suggested = asked.suggestion.error_type if asked.suggestion is not None else None
        if said == NO_FAULT and answer.values.get(ERROR_TYPE) not in (None, suggested):
            return "says that no step is faulty, and names a kind of error"
        return None
    if said is None or not (said.isascii() and said.isdigit()):
        return "names no step"
    if not 1 <= int(said) <= max(1, asked.steps):
        return f"names step {said} of {asked.steps}"
    return None


def _review(answer: Answer, asked: Sampled, reviewer: str, *, adjudicates: bool) -> Review:
    said = answer.values[FIRST_FAULT]
    status = {NO_FAULT: VerdictStatus.CLEAN, UNSURE: VerdictStatus.UNSURE}.get(said, VerdictStatus.FAULTY)
    is_faulty = status is VerdictStatus.FAULTY
    error_type, subtype = _kind(answer.values) if is_faulty else (None, None)
    return Review(
        solution_id=answer.solution_id,
        reviewer=reviewer,
        status=status,
        first_fault=int(said) - 1 if is_faulty else None,
        error_type=error_type,
        subtype=subtype,
        rationale=from_markdown(answer.values.get(RATIONALE, "")),
        corrected_step=from_markdown(answer.values.get(CORRECTED_STEP, "")) or None,
        created_at=_utc(answer.created_at),
        updated_at=_utc(answer.updated_at),
        drawn=Drawn.DISPUTED if adjudicates else asked.drawn,
        suggestion=None if adjudicates else asked.suggestion,
        adjudicates=adjudicates,
    )


def _kind(values: Mapping[str, str]) -> tuple[ErrorType | None, Subtype | None]:
    """Read type and subtype: a subtype alone names its type, and one of another type gives way to it."""
    error_type = next((one for one in ErrorType if one == values.get(ERROR_TYPE)), None)
    subtype = next((one for one in Subtype if one == values.get(SUBTYPE)), None)
    if subtype is not None:
        of = next(kind for kind, subtypes in SUBTYPES.items() if subtype in subtypes)
        if error_type is None:
            return of, subtype
        if of is not error_type:
            return error_type, None
    return error_type, subtype


def _utc(moment: str) -> str:
    # Argilla's are in UTC and don't say so.
    return f"{moment}Z" if moment[-1:].isdigit() and "+" not in moment else moment


def _values(values: Any) -> dict[str, str]:
    # A discarded answer may have none at all.
    found: dict[str, Any] = values or {}
    return {
        name: one["value"]
        for name, one in found.items()
        if isinstance(one.get("value"), str) and one["value"]
    }
