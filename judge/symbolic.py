"""The judge that only believes arithmetic: the first step with a false equation is faulty.

It proves execution faults and nothing else, so it never calls a solution clean: where every equation
holds its verdict is `unsure`. A false equation proves that the first fault does not lie behind it; that
nothing lies before it is only likely while the steps before could be checked. Where they are mostly
words and unknowns it says `unsure` too.
"""

import re
from collections.abc import Iterator, Sequence
from fractions import Fraction
from typing import NamedTuple

from ..datasets.records import ErrorType, Solution, Subtype, Verdict, VerdictStatus
from .case import Case
from .claims import Claim, find_claims
from .notation import readable

MAX_SOLUTION_CHARACTERS = 400_000
"""Steps behind this many characters are not read."""

MAX_UNCHECKED_STEPS = 3
"""Most earlier steps without a single checked equation under which a false one is called the first fault."""

MAX_UNKNOWNS = 10
"""Most letters for unknowns in the earlier steps under which it is."""

CONFIDENCE = 0.86
"""Share of flagged steps that people labelled the first faulty one (ProcessBench, see docs/results.md)."""


_UNKNOWN = re.compile(r"(?<![A-Za-z\\'’])[B-HJ-Zb-z](?![A-Za-z'’])")


class FalseClaim(NamedTuple):
    """A false equation and the step it stands in."""

    step: int
    claim: Claim


class SymbolicJudge:
    """Finds the first step with a false equation. Needs no model and no reference answer."""

    name = "symbolic"

    def judge(self, cases: Sequence[Case]) -> Iterator[Verdict]:
        """Yield one verdict per case, in order."""
        for case in cases:
            yield self._verdict(case)

    def _verdict(self, case: Case) -> Verdict:
        solution = case.solution
        if not solution.steps:
            return self._without_label(solution, VerdictStatus.UNSCORED, "no steps")
        found = first_false_claim(solution.steps)
        if found is None:
            return self._without_label(solution, VerdictStatus.UNSURE, "no false arithmetic")
        step, claim = found
        if not _is_first(solution.steps[:step]):
            where = f"in step {step + 1}, behind steps that can't be checked"
            reason = f"false arithmetic {where}: {readable(claim.text)}"
            return self._without_label(solution, VerdictStatus.UNSURE, reason)
        return Verdict(
            solution_id=solution.id,
            judge=self.name,
            status=VerdictStatus.FAULTY,
            first_fault=step,
            error_type=ErrorType.EXECUTION,
            subtype=Subtype.COMPUTATION,
            rationale=explain(claim),
            corrected_step=correct(solution.steps[step], claim),
            confidence=CONFIDENCE,
        )

    def _without_label(self, solution: Solution, status: VerdictStatus, reason: str) -> Verdict:
        return Verdict(
            solution_id=solution.id,
            judge=self.name,
            status=status,
            first_fault=None,
            confidence=None,
            reason=reason,
        )


def first_false_claim(steps: Sequence[str]) -> FalseClaim | None:
    """Find the first false equation that its sentence asserts."""
    read = 0
    for index, step in enumerate(steps):
        for claim in find_claims(step):
            if not claim.holds and not claim.hedged:
                return FalseClaim(index, claim)
        read += len(step)
        if read > MAX_SOLUTION_CHARACTERS:
            break
    return None


def _is_first(before: Sequence[str]) -> bool:
    unchecked = sum(not find_claims(step) for step in before)
    unknowns = sum(len(_UNKNOWN.findall(step)) for step in before)
    return unchecked <= MAX_UNCHECKED_STEPS and unknowns <= MAX_UNKNOWNS


def explain(claim: Claim) -> str:
    """Say in one sentence what is false and what would be right."""
    left, right = show(claim.left.number), show(claim.right.number)
    return f"{readable(claim.text)} is false: the left side is {left}, the right {right}."


def correct(step: str, claim: Claim) -> str | None:
    """Return the step with the stated result replaced, where that is one bare number at its end.

    `None` where the claim can't be found literally or its right side is itself an expression.
    """
    if claim.right.unit is None or step.count(claim.text) != 1:
        return None
    stated = claim.text.rpartition("=")[2].strip()
    digits = stated.split()[0] if stated else ""
    value = show(claim.left.number)
    if not digits.replace(",", "").replace(".", "", 1).isdigit() or "/" in value:
        return None
    head, _, tail = claim.text.rpartition("=")
    return step.replace(claim.text, f"{head}={tail.replace(digits, value, 1)}")


def show(number: Fraction) -> str:
    """Write a number as a person would: whole, as a short decimal, else as a fraction."""
    if number.denominator == 1:
        return str(number.numerator)
    for places in range(1, 7):
        if (number * 10**places).denominator == 1:
            return f"{float(number):.{places}f}"
    if number.denominator < 1000:
        return f"{number.numerator}/{number.denominator}"
    return f"{float(number):.6g}"
