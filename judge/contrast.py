"""What kind of fault a step holds, from contrasting it with the right step in its place.

A pure function of text: it knows neither the model nor the program behind a problem. It asks in this
order: the right expression with a false result, then numbers, then operations. So a false equation that
also takes the wrong numbers is what the wrong numbers make it, and not execution.
"""

import re
from collections import Counter
from collections.abc import Iterable, Sequence
from fractions import Fraction
from typing import NamedTuple

from ..datasets.records import ErrorType, Subtype
from .claims import Claim, find_claims
from .notation import plain
from .symbolic import explain, show
from .tokens import Kind, tokenize

_NUMERALS = "zero one two three four five six seven eight nine ten eleven twelve"
_SPELLED = {word: Fraction(number) for number, word in enumerate(_NUMERALS.split())} | {
    "half": Fraction(2),
    "halves": Fraction(2),
    "twice": Fraction(2),
    "double": Fraction(2),
    "doubled": Fraction(2),
    "triple": Fraction(3),
    "thrice": Fraction(3),
    "third": Fraction(3),
    "thirds": Fraction(3),
    "quarter": Fraction(4),
    "quarters": Fraction(4),
    "fourth": Fraction(4),
    "fifth": Fraction(5),
    "dozen": Fraction(12),
}
_HEADING = re.compile(r"^\s*(?:step\s+\d+\s*[:.)]|\d+[.)])\s*", re.IGNORECASE)
_ANSWER = re.compile(r"^\W*(?:the\s+)?(?:final\s+)?(?:answer|a)\b\s*(?:is|:)|^\s*####", re.IGNORECASE)


class Fault(NamedTuple):
    """Kind of a fault and why."""

    error_type: ErrorType
    subtype: Subtype
    rationale: str


def type_fault(question: str, before: Sequence[str], faulty: str, right: str) -> Fault:
    """Say what kind of fault a step holds.

    Args:
        question: The problem's question.
        before: The steps before the faulty one, taken as right.
        faulty: The first faulty step.
        right: The step that should stand in its place.
    """
    claims, right_claims = find_claims(faulty), find_claims(right)
    expected = {_expression(claim) for claim in right_claims}
    for claim in claims:
        if not claim.holds and (not expected or _expression(claim) in expected):
            return Fault(ErrorType.EXECUTION, Subtype.COMPUTATION, explain(claim))
    if _ANSWER.match(faulty):
        return _type_answer(numbers_of(question), before, faulty, right)
    used = _numbers(faulty, claims)
    needed = _numbers(right, right_claims)
    wrong, missing = list((used - needed).elements()), list((needed - used).elements())
    if not wrong and not missing:
        return _type_operation(claims, right_claims, faulty, right)
    given = numbers_of(question)
    results = [claim.right.number for step in before for claim in find_claims(step)]
    return _type_numbers(wrong, missing, given, results)


def corresponding_step(faulty: str, right: Sequence[str]) -> str:
    """Choose the step of a right continuation that a faulty step should have been.

    The first one, unless a later one shares most of the faulty step's words: models may take right
    steps in another order.

    Raises:
        ValueError: If the continuation is empty.
    """
    if not right:
        raise ValueError("a continuation without steps")
    words = _words(faulty)
    scores = [len(words & _words(step)) / max(1, len(words | _words(step))) for step in right]
    best = max(range(len(right)), key=lambda index: scores[index])
    return right[best] if scores[best] > max(0.6, 1.5 * scores[0]) else right[0]


def numbers_of(text: str) -> set[Fraction]:
    """Return all numbers in a text, written in digits or in words."""
    numbers: set[Fraction] = set()
    for token in tokenize(plain(text)):
        if token.kind is Kind.NUMBER:
            numbers.add(Fraction(token.text.replace(",", "")))
        elif token.kind is Kind.WORD:
            numbers |= {_SPELLED[part] for part in token.text.lower().split("-") if part in _SPELLED}
    return numbers


def _numbers(step: str, claims: Sequence[Claim]) -> Counter[Fraction]:
    if claims:
        return Counter(number for claim in claims for number in claim.numbers)
    return Counter(numbers_of(_HEADING.sub("", step)))


def _expression(claim: Claim) -> tuple[tuple[Fraction, ...], tuple[str, ...]]:
    """What an equation's left side computes; sums and products read the same both ways."""
    commutes = set(claim.operators) in ({"+"}, {"*"}, set[str]())
    return tuple(sorted(claim.numbers) if commutes else claim.numbers), claim.operators


def _type_answer(given: set[Fraction], before: Sequence[str], faulty: str, right: str) -> Fault:
    results = [claim.right.number for step in before for claim in find_claims(step)]
    stated = numbers_of(faulty)
    if _ANSWER.match(right):
        if stated & (given | set(results[:-1])):
            rationale = f"It answers another quantity; right is: {right.strip()}"
            return Fault(ErrorType.CONCEPTUAL, Subtype.MISUNDERSTANDING, rationale)
    elif stated & (given | set(results[-1:])):
        rationale = f"It answers before the question is; still to come: {_HEADING.sub('', right)}"
        return Fault(ErrorType.CONCEPTUAL, Subtype.MISUNDERSTANDING, rationale)
    return Fault(ErrorType.REASONING, Subtype.LOGIC, "The answer does not follow from the steps before.")


def _type_operation(claims: Sequence[Claim], right_claims: Sequence[Claim], faulty: str, right: str) -> Fault:
    same_way = [claim.operators for claim in claims] == [claim.operators for claim in right_claims]
    same_order = [claim.numbers for claim in claims] == [claim.numbers for claim in right_claims]
    expected = _HEADING.sub("", right)
    if same_way and same_order:
        return Fault(
            ErrorType.CONCEPTUAL, Subtype.MISUNDERSTANDING, f"It is about another quantity than: {expected}"
        )
    what, subtype = (
        ("in another order", Subtype.PROCEDURAL) if same_way else ("with another operation", Subtype.FORMULA)
    )
    return Fault(ErrorType.METHOD, subtype, f"The right numbers {what}; right is: {expected}")


def _type_numbers(
    wrong: Sequence[Fraction], missing: Sequence[Fraction], given: set[Fraction], results: Sequence[Fraction]
) -> Fault:
    lost = [
        number for number in missing if number in results and (number not in given or number == results[-1])
    ]
    invented = [number for number in wrong if number not in given and number not in results]
    if lost:
        rationale = f"It should go on from the earlier result {_list(lost)}" + (
            f", not {_list(wrong)}." if wrong else "."
        )
        return Fault(ErrorType.REASONING, Subtype.LOGIC, rationale)
    if invented:
        rationale = f"{_list(invented)} is neither in the problem nor an earlier result."
        return Fault(ErrorType.CONCEPTUAL, Subtype.MISUNDERSTANDING, rationale)
    if wrong and all(number in results and number not in given for number in wrong):
        rationale = f"It uses the earlier result {_list(wrong)} where that does not belong."
        return Fault(ErrorType.REASONING, Subtype.LOGIC, rationale)
    rationale = f"It uses {_list(wrong)} of the problem" if wrong else "It leaves numbers out"
    rationale += f" where {_list(missing)} is needed." if missing else " where nothing more is needed."
    return Fault(ErrorType.CONCEPTUAL, Subtype.CONTEXTUAL_OVERSIGHT, rationale)


def _words(step: str) -> set[str]:
    return set(re.findall(r"\w+", _HEADING.sub("", step).lower()))


def _list(numbers: Iterable[Fraction]) -> str:
    return ", ".join(show(number) for number in dict.fromkeys(numbers))
