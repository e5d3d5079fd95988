"""Right answers that a wrong solution reached on the way and did not give.

Found without a judge: a wrong solution is *uncommitted* where the reference answer stands in it, thinking
included, as a stated answer or as the result of an equation (arXiv 2606.00206 counts them among the failures
of quantized reasoning models). A number can also come up by chance, so the same is asked of the references
of other problems.
"""

import re
from collections import Counter
from collections.abc import Sequence
from enum import StrEnum
from typing import NamedTuple

from ..datasets.records import Finish, Interval, Problem, Record, Solution
from .answers import stated_answers
from .grading import Grader
from .numerals import NUMERAL, Number, read_number, read_number_in_words, simplify_notation
from .statistics import wilson_interval

_MOST_CHARACTERS = 400_000
_MOST_STATED = 40
"""Most different stated answers of one solution that are graded."""
_FOREIGN = 10
"""References of other problems that each solution is asked for."""
_RESULT = re.compile(r"[=≈]\s*(?P<result>[^=≈\n]{1,80})")
_CLAUSE = re.compile(
    r"[;!?]|,(?!\d{3})|\.(?!\d)|\\\)|\\\]|\$|\\\\|\b(?:so|which|and|or|then|but|because|since)\b"
)


class How(StrEnum):
    """How a right answer was reached."""

    STATED = "stated"
    """As an answer: boxed, in an answer line, or in a sentence `the answer is`."""
    COMPUTED = "computed"
    """As the result of an equation."""


class Reached(Record):
    """Where a solution comes to the reference answer first; stated ones go before computed ones."""

    how: How
    at: float
    """Share of the text that stands before it, in [0, 1)."""


class Search(Record):
    """What the search for one wrong solution's reference answer found."""

    solution_id: str
    finish: Finish
    telling: bool
    """False where the question itself holds the reference, so that meeting it means nothing."""
    reached: Reached | None
    foreign: float
    """Share of other problems' references that it reaches just as well: what chance does."""


class Uncommitted(Record):
    """How many of a model's wrong solutions are uncommitted."""

    wrong: int
    """Wrong solutions that were searched and whose question does not hold the reference."""
    left_out: int
    """Wrong solutions whose question does."""
    stated: int
    computed: int
    """Not counted among the stated."""
    share: Interval | None
    """(stated + computed) / wrong, with its Wilson interval."""
    chance: float | None
    """Share expected if the references were those of other problems."""
    by_finish: dict[Finish, int]
    """The uncommitted ones by why they ended."""


class _Results(NamedTuple):
    """What a text holds that may be an answer, each with where it first stands."""

    stated: list[tuple[int, str]]
    numbers: dict[Number, int]
    texts: dict[str, int]


def find_uncommitted(solutions: Sequence[tuple[Problem, Solution]], grader: Grader) -> list[Search]:
    """Search the wrong ones of a model's solutions for the reference answer.

    Args:
        solutions: With their problems; right and ungraded ones are passed over.
        grader: Grades what is stated. Results of equations are compared as exact numbers or as plain text.
    """
    wrong = [(problem, solution) for problem, solution in solutions if solution.correct is False]
    found: list[Search] = []
    for place, (problem, solution) in enumerate(wrong):
        results = _results(solution.text)
        length = max(1, len(solution.text))
        reached = _reach(results, problem.answer, length, grader)
        others = [
            wrong[(place + step) % len(wrong)][0] for step in range(1, min(_FOREIGN, len(wrong) - 1) + 1)
        ]
        foreign = [other for other in others if not grader.grade(other.answer, problem.answer).correct]
        met = sum(_reach(results, other.answer, length, grader) is not None for other in foreign)
        found.append(
            Search(
                solution_id=solution.id,
                finish=solution.finish,
                telling=not _holds(problem.question, problem.answer),
                reached=reached,
                foreign=met / len(foreign) if foreign else 0.0,
            )
        )
    return found


def count_uncommitted(searches: Sequence[Search]) -> Uncommitted:
    """Sum up the searches of one model's wrong solutions."""
    telling = [one for one in searches if one.telling]
    reached = [(one, one.reached) for one in telling if one.reached is not None]
    stated = sum(found.how is How.STATED for _, found in reached)
    return Uncommitted(
        wrong=len(telling),
        left_out=len(searches) - len(telling),
        stated=stated,
        computed=len(reached) - stated,
        share=wilson_interval(len(reached), len(telling)) if telling else None,
        chance=sum(one.foreign for one in telling) / len(telling) if telling else None,
        by_finish=dict(Counter(one.finish for one, _ in reached)),
    )


def _results(text: str) -> _Results:
    text = text[:_MOST_CHARACTERS]
    stated: dict[str, int] = {}
    for place, answer in stated_answers(text):
        if len(answer) <= 200 and len(stated) < _MOST_STATED:
            stated.setdefault(answer, place)
    results: dict[str, int] = {}
    for match in _RESULT.finditer(text):
        results.setdefault(_CLAUSE.split(match["result"], maxsplit=1)[0].strip(" *`"), match.start())
    numbers: dict[Number, int] = {}
    texts: dict[str, int] = {}
    for result, place in results.items():
        number = read_number(result) or read_number_in_words(result)
        if number is not None:
            numbers.setdefault(number, place)
        elif result:
            texts.setdefault(_plain(result), place)
    return _Results([(place, answer) for answer, place in stated.items()], numbers, texts)


def _reach(results: _Results, reference: str, length: int, grader: Grader) -> Reached | None:
    for place, answer in results.stated:
        if grader.grade(answer, reference).correct:
            return Reached(how=How.STATED, at=place / length)
    wanted = read_number(reference)
    if wanted is not None:
        places = [place for number, place in results.numbers.items() if wanted.equals(number)]
    else:
        places = [results.texts[plain]] if (plain := _plain(reference)) in results.texts else []
    return Reached(how=How.COMPUTED, at=min(places) / length) if places else None


def _holds(question: str, reference: str) -> bool:
    wanted = read_number(reference)
    if wanted is None:
        return bool(plain := _plain(reference)) and plain in _plain(question)
    numbers = (read_number(match[0].strip()) for match in NUMERAL.finditer(simplify_notation(question)))
    return any(number is not None and wanted.equals(number) for number in numbers)


def _plain(text: str) -> str:
    return re.sub(r"\s+|\$", "", simplify_notation(text)).removesuffix(".")
