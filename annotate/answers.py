"""Final answers: what a solution commits itself to.

Finds the answer in the text; whether it is right is `grading`.
"""

import re
from collections import deque
from typing import NamedTuple

from .numerals import NUMERAL
from .steps import visible_spans

_BRACE = re.compile(r"\\(?:boxed|fbox)\s*\{|\\[{}\\]|[{}]")
_STATEMENT = re.compile(
    r"^[ \t>]*(?:#{4}[ \t]*|(?:#+[ \t]*)?\**(?:A|(?:the[ \t]+|your[ \t]+)?(?:final[ \t]+)?answer)\**[ \t]*"
    r"[:：])\**\s*(?P<answer>\S[^\n]*)",
    re.MULTILINE | re.IGNORECASE,
)
_SENTENCE = re.compile(
    r"\banswer\b[^\n.:]{0,60}?\b(?:is|equals|are)\b[ \t]*:?\s*"
    r"(?P<answer>\S(?:[^\n.]|\.(?=\S)){0,119})(?=[.\n]|$)",
    re.IGNORECASE,
)
# A sentence about "the answer" in the middle of a solution is a plan or a doubt, not a statement.
_CLOSING_LENGTH = 400
_LONGEST_CLEANED = 1000
_BETWEEN_BOXES = re.compile(r"[\s$\\()]*(?:,|and|or|, and|,\\quad)[\s$\\()]*")
_WRAPPERS = (("$$", "$$"), ("$", "$"), ("\\[", "\\]"), ("\\(", "\\)"), ("**", "**"), ("`", "`"), ('"', '"'))


class _Box(NamedTuple):
    start: int
    end: int
    content: str


def extract_answer(text: str, *, last_number: bool = False) -> str | None:
    r"""Return the final answer that a solution states, or `None` when it states none.

    The last of these counts: a line `Answer: x`, `A: x` or `#### x`, and `\boxed{x}`; without any,
    the sentence `the answer is x` near the end. Thinking is not looked at: an answer reached there and not
    given is not given.

    Args:
        text: The solution as generated.
        last_number: Take the last number of the text where nothing is stated. Only for problems
            whose reference is a number, and only where the model stopped by itself.
    """
    visible = "\n".join(text[start:end] for start, end in visible_spans(text))
    boxes = _boxes(visible)
    statement = _last(_STATEMENT, visible)
    if boxes and (statement is None or boxes[-1].end > statement.start()):
        return _clean(_joined(visible, boxes))
    statement = statement or _last(_SENTENCE, visible[-_CLOSING_LENGTH:])
    if statement is not None:
        return _clean(statement["answer"])
    if last_number:
        number = _last(NUMERAL, visible)
        return number[0].strip() if number else None
    return None


def stated_answers(text: str) -> list[tuple[int, str]]:
    r"""Return every answer that a text states on its way, thinking included, as (position, answer) in order.

    Answer lines, `\boxed{x}` and sentences `the answer is x`, wherever they stand.
    """
    found = [(box.start, box.content) for box in _boxes(text)]
    found += [(match.start(), match["answer"]) for match in _STATEMENT.finditer(text)]
    found += [(match.start(), match["answer"]) for match in _SENTENCE.finditer(text)]
    cleaned = ((place, _clean(answer)) for place, answer in sorted(found))
    return [(place, answer) for place, answer in cleaned if answer is not None]


def _last(pattern: re.Pattern[str], text: str) -> re.Match[str] | None:
    return next(iter(deque(pattern.finditer(text), maxlen=1)), None)


def _boxes(text: str) -> list[_Box]:
    """Return closed boxes without a box inside, by position, in one pass over all braces."""
    boxes: list[_Box] = []
    # Content start for a box, -1 for any other brace.
    stack: list[tuple[int, int]] = []
    for brace in _BRACE.finditer(text):
        token = brace[0]
        if token.startswith(("\\boxed", "\\fbox")):
            stack.append((brace.start(), brace.end()))
        elif token == "{":
            stack.append((brace.start(), -1))
        elif token == "}" and stack:
            start, inside = stack.pop()
            if inside >= 0 and (not boxes or boxes[-1].start < start):
                boxes.append(_Box(start, brace.end(), text[inside : brace.start()]))
    return [box for box in boxes if box.content.strip()]


def _joined(text: str, boxes: list[_Box]) -> str:
    # "x = \boxed{1} or \boxed{-2}" is one answer of two values.
    first = len(boxes) - 1
    while first and _BETWEEN_BOXES.fullmatch(text, boxes[first - 1].end, boxes[first].start):
        first -= 1
    return ", ".join(box.content.strip() for box in boxes[first:])


def _clean(answer: str) -> str | None:
    answer = answer.strip()
    while len(answer) <= _LONGEST_CLEANED:
        shorter = answer.strip().removesuffix(".").strip()
        for opening, closing in _WRAPPERS:
            inside = shorter[len(opening) : -len(closing)]
            if (
                shorter.startswith(opening)
                and shorter.endswith(closing)
                and len(shorter) > len(opening) + len(closing)
                and opening not in inside
                and closing not in inside
            ):
                shorter = inside
        shorter = shorter.strip().removesuffix("**").strip()
        if shorter == answer:
            break
        answer = shorter
    return answer or None
