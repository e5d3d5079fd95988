"""Grading: is this answer the reference answer?

Numbers are compared exactly; everything else as text and then, by `math-verify`, as LaTeX. An
answer that can't be compared within the time limit is wrong, with the reason; it never stops a run
and is never evaluated as code.
"""

import re
from types import TracebackType
from typing import NamedTuple, Self

from .latex import LatexComparer
from .numerals import read_number, read_number_in_words, simplify_notation

_WORDS = re.compile(r"[A-Za-z][A-Za-z' -]*")
_MATHS = re.compile(r"[\\^*+/=_{}()\[\]√π×÷·<>≤≥±∞]|\d\s*-|\bsqrt\b")
_MARKED_MATHS = re.compile(r"(?<!\\)\$([^$]+)(?<!\\)\$|\\\((.+?)\\\)|\\\[(.+?)\\\]", re.DOTALL)
_WORD = re.compile(r"(?<![\\A-Za-z])[A-Za-z]{2,}")
# Beyond "x = 2 or x = 3" it is prose, in which math-verify would pick some number.
_MOST_WORDS = 3
_REASONING = re.compile(r"\b(?:because|since|so|thus|hence|therefore|but)\b", re.IGNORECASE)
_BARE_PI = re.compile(r"(?<![\\A-Za-z])pi(?![A-Za-z])|π")
_BARE_ROOT = re.compile(r"(?:(?<![\\A-Za-z])sqrt|√)\s*\(([^()]*)\)")
_LONGEST = 1000
_LOOSE_SPACE = re.compile(r"(?<!\d)\s+|(?<=\d)\s+(?!\d)")
_BASED = re.compile(r"(\d+)_\{?(\d+)\}?")
_CHOICE = re.compile(r"\(?([A-Za-z])\)?")


class Grade(NamedTuple):
    """Outcome of grading one answer."""

    correct: bool
    reason: str
    """What decided, in a few words."""


class Grader:
    """Grades answers against references; use it as a context manager.

    Args:
        seconds: Limit on processor time per LaTeX comparison. The worker for it starts when the first answer
            needs it, so that problems with numeric references never pay for it.
    """

    def __init__(self, seconds: float = 5.0) -> None:
        self._latex = LatexComparer(seconds)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """End the worker. Grading again starts a new one."""
        self._latex.close()

    def grade(self, answer: str | None, reference: str) -> Grade:
        r"""Grade one answer.

        For a numeric reference the answer's number counts, whatever currency, unit or words stand
        around it (`$18`, `18.0 eggs`, `36/2`, `9 * 2 = 18`); a percentage matches its number or its
        value. Words are compared without case, `\text{}` or brackets around a choice.
        """
        if answer is None or not answer.strip():
            return Grade(False, "no answer")
        if answer.strip() == reference.strip():
            return Grade(True, "same text")
        if len(answer) > _LONGEST:
            return Grade(False, f"longer than {_LONGEST} characters")
        wanted = read_number(reference)
        if wanted is not None:
            given = read_number(answer) or read_number_in_words(answer)
            if given is not None:
                equal = wanted.equals(given)
                return Grade(equal, "same number" if equal else "different number")
        if (text := _plain(answer)) == (wanted_text := _plain(reference)):
            return Grade(True, "same text")
        if wanted is not None and not _MATHS.search(answer):
            return Grade(False, "no single number")
        if _WORDS.fullmatch(text) and _WORDS.fullmatch(wanted_text):
            equal = text.casefold() == wanted_text.casefold()
            return Grade(equal, "same words" if equal else "different words")
        if based := _BASED.fullmatch(wanted_text):
            # math-verify does not look at the base.
            given_digits = re.fullmatch(r"(\d+)(?:_\{?(\d+)\}?)?", text)
            equal = (
                given_digits is not None
                and given_digits[1] == based[1]
                and given_digits[2] in (None, based[2])
            )
            return Grade(equal, "same numeral" if equal else "different numeral")
        expression = _expression(answer)
        if len(_WORD.findall(expression)) > _MOST_WORDS or _REASONING.search(expression):
            return Grade(False, "not an expression")
        equal, problem = self._latex.compare(_expression(reference), expression)
        return Grade(equal, problem or ("equal expressions" if equal else "different expressions"))


def _plain(text: str) -> str:
    text = simplify_notation(text).replace("$", "").strip().removesuffix(".").strip()
    if choice := _CHOICE.fullmatch(text):
        return choice[1]
    # White space means something between words and between digits ("1 2" is not 12) only.
    return " ".join(text.split()) if _WORDS.fullmatch(text) else _LOOSE_SPACE.sub("", text)


def _expression(answer: str) -> str:
    """Return the maths of an answer: what stands between its maths marks, or all where none are."""
    parts = [next(filter(None, match.groups())) for match in _MARKED_MATHS.finditer(answer)]
    # A dollar sign left over is a currency and would end the maths that the answer is wrapped in.
    maths = re.sub(r"\\?\$", "", ", ".join(parts) or answer).strip().removesuffix(".").strip()
    maths = _BARE_ROOT.sub(r"\\sqrt{\1}", maths)
    return _BARE_PI.sub(r"\\pi ", maths)
