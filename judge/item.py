"""One item of a file of solutions to be judged."""

from typing import NamedTuple

from ..datasets.records import ErrorType, Problem, Solution, Verdict, VerdictStatus
from .case import Case


class ItemCase(NamedTuple):
    """One item of a file: a case, or the reason why there is none."""

    id: str
    """The item's own `id`; its 0-based place in the file where it has none."""
    case: Case | None
    reason: str | None = None
    """Why it can't be judged."""
    label: int | None = None
    """As in ProcessBench: 0-based first faulty step, -1 for none; `None` where not given."""
    error_type: ErrorType | None = None
    """Of the labelled fault, where given."""


def as_case(question: str, steps: tuple[str, ...], *, source: str, answer: str = "", model: str = "") -> Case:
    """Make the case of an item that carries its own problem."""
    problem = Problem(question=question, answer=answer, source=source)
    text = "\n\n".join(steps)
    return Case(problem, Solution(problem_id=problem.id, model=model or "unknown", text=text, steps=steps))


def truth(item: ItemCase) -> Verdict | None:
    """Return what people labelled, as a verdict; `None` where the item has no label."""
    if item.case is None or item.label is None:
        return None
    return Verdict(
        solution_id=item.case.solution.id,
        judge="people",
        status=VerdictStatus.CLEAN if item.label < 0 else VerdictStatus.FAULTY,
        first_fault=None if item.label < 0 else item.label,
        error_type=None if item.label < 0 else item.error_type,
        confidence=None,
    )
