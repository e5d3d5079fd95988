"""The judge of solutions that stop being mathematics: loops, texts cut off, texts that wander off.

Looks at form alone and needs no model. Like the symbolic judge it never calls a solution clean.
"""

import re
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from ..annotate.repetition import ends_in_a_loop
from ..datasets.records import ErrorType, Finish, Problem, Solution, Subtype, Verdict, VerdictStatus
from .case import Case

_HEADING = re.compile(r"^\W*(?:step\s+\d+|\d+)\W*", re.IGNORECASE)
_SHORT_LOOP = re.compile(r"(\S.{2,60}?)\1{4,}", re.DOTALL)
_TAIL = 2_000
_WORD = re.compile(r"[^\W\d_]{4,}")
_MIN_WORDS = 8
_FAMILIAR_SHARE = 0.1


class Degeneration(NamedTuple):
    """Where a solution stops being one, and how."""

    step: int
    subtype: Subtype
    rationale: str

    def verdict(self, solution: Solution, judge: str) -> Verdict:
        """Return it as a judge's verdict on the solution."""
        return Verdict(
            solution_id=solution.id,
            judge=judge,
            status=VerdictStatus.FAULTY,
            first_fault=self.step,
            error_type=ErrorType.DEGENERATE,
            subtype=self.subtype,
            rationale=self.rationale,
            confidence=0.9,
        )


class DegenerateJudge:
    """Finds the first step that repeats, breaks off or leaves the topic."""

    name = "degenerate"

    def judge(self, cases: Sequence[Case]) -> Iterator[Verdict]:
        """Yield one verdict per case, in order."""
        for case in cases:
            found = find_degeneration(case.problem, case.solution)
            if found is None:
                yield Verdict(
                    solution_id=case.solution.id,
                    judge=self.name,
                    status=VerdictStatus.UNSURE,
                    first_fault=None,
                    confidence=None,
                    reason="neither a loop nor cut off nor off topic",
                )
                continue
            yield found.verdict(case.solution, self.name)


def find_degeneration(problem: Problem, solution: Solution) -> Degeneration | None:
    """Find where a solution stops being one; the earliest of a loop, a break-off, another topic."""
    steps = solution.steps
    if not steps:
        return None
    found = [_repetition(steps, solution.finish), _off_topic(problem, steps)]
    if solution.finish is Finish.LENGTH:
        found.append(
            Degeneration(len(steps) - 1, Subtype.TRUNCATION, "It was cut off at the longest length.")
        )
    elif solution.finish is Finish.DEGENERATE:
        found.append(Degeneration(len(steps) - 1, Subtype.REPETITION, "Generation ended in a loop."))
    return min((one for one in found if one), key=lambda one: one.step, default=None)


def _repetition(steps: Sequence[str], finish: Finish) -> Degeneration | None:
    contents = [" ".join(_HEADING.sub("", step).lower().split()) for step in steps]
    for index, content in enumerate(contents):
        if _SHORT_LOOP.search(content[-_TAIL:]) and re.search(r"\w", content) and _is_loop(content):
            return Degeneration(index, Subtype.REPETITION, "It says the same words over and over.")
        earlier = contents[:index].count(content) if len(content.split()) >= 4 else 0
        # Saying a thing once more is style; saying it in a row, or for the third time, is a loop.
        if earlier and (earlier > 1 or contents[index - 1] == content or finish is Finish.DEGENERATE):
            first = contents.index(content)
            again = contents.index(content, first + 1)
            return Degeneration(again, Subtype.REPETITION, f"It repeats step {first + 1}.")
    return None


def _is_loop(content: str) -> bool:
    found = _SHORT_LOOP.search(content[-_TAIL:])
    return ends_in_a_loop(content) or (found is not None and len(set(re.findall(r"\w", found[1]))) > 2)


def _off_topic(problem: Problem, steps: Sequence[str]) -> Degeneration | None:
    """Find the start of an ending that shares next to no words or numbers with all before it."""
    start = None
    for index in range(len(steps) - 1, 0, -1):
        words = [word.lower() for word in _WORD.findall(steps[index])]
        known = {word.lower() for text in (problem.question, *steps[:index]) for word in _WORD.findall(text)}
        familiar = sum(word in known for word in words)
        if (
            len(words) < _MIN_WORDS
            or familiar > _FAMILIAR_SHARE * len(words)
            or re.search(r"\d|\\", steps[index])
        ):
            break
        start = index
    if start is None:
        return None
    return Degeneration(start, Subtype.OFF_TOPIC, "It shares no words with the problem or the steps before.")
