"""What can be said about any solution, right or wrong, without a model.

Judges of the panel see wrong solutions only. For regularities that compare models (hazard, self-recovery) all
solutions of all models must be read alike: by the judges that prove what they say (false arithmetic, loops,
texts that break off), and, for problems that come with an exact program, by the oracle.
"""

from collections.abc import Iterator, Sequence
from math import inf

from ..annotate.grading import Grader
from ..annotate.hazard import Course
from ..annotate.steps import states_answer
from ..annotate.uncommitted import Search, find_uncommitted
from ..datasets.oracle import oracle
from ..datasets.records import ErrorType, Record, Solution, Verdict, VerdictStatus
from .case import Case
from .degenerate import DegenerateJudge
from .symbolic import SymbolicJudge

PROVEN = "proven"
"""Judge name of what false arithmetic or the form of the text proves."""


class Inspection(Record):
    """What one solution shows."""

    solution_id: str
    proven: Verdict
    """The earliest fault that a judge without a model proves; else `unsure`, or `unscored` without steps."""
    truth: Verdict | None
    """What the oracle says; `None` where the problem has no program."""
    search: Search | None
    """Of a wrong solution, whether it reached the right answer on the way."""


def inspect(cases: Sequence[Case], grader: Grader) -> Iterator[Inspection]:
    """Yield one inspection per graded solution, in order."""
    wrong = [(case.problem, case.solution) for case in cases]
    searches = {search.solution_id: search for search in find_uncommitted(wrong, grader)}
    for case, verdict in zip(cases, prove(cases), strict=True):
        truth = oracle(case.problem, case.solution) if case.problem.program is not None else None
        yield Inspection(
            solution_id=case.solution.id,
            proven=verdict,
            truth=truth,
            search=searches.get(case.solution.id),
        )


def prove(cases: Sequence[Case]) -> Iterator[Verdict]:
    """Yield what can be proven of each solution, in order; of two proven faults the earlier one."""
    for false, broken in zip(SymbolicJudge().judge(cases), DegenerateJudge().judge(cases), strict=True):
        found = min((false, broken), key=lambda one: inf if one.first_fault is None else one.first_fault)
        yield found.model_copy(update={"judge": PROVEN})


def course(solution: Solution, verdict: Verdict) -> Course | None:
    """Return how a solution went by a verdict on it; `None` where it can't be said.

    A solution on which nothing was proven counts as without a fault, so that hazards of what is proven are
    lower bounds. One without steps, or whose verdict lies outside of them, can't be said.
    """
    steps = len(solution.steps)
    fault = verdict.first_fault
    if not steps or solution.correct is None or verdict.status is VerdictStatus.UNSCORED:
        return None
    if fault is not None and fault >= steps:
        return None
    closing = steps > 1 and states_answer(solution.steps[-1])
    return Course(steps, fault, steps - closing, solution.correct)


def kind(verdict: Verdict) -> ErrorType | None:
    """Return the kind of a located fault."""
    return verdict.error_type if verdict.first_fault is not None else None
