"""The steps of a written solution.

Splits what a model wrote into thinking and steps, and finds the way back: the exact text before a
step, from which a model can continue. Nothing is dropped: outside of thinking, every character that
is not white space belongs to a step. Whether a step is right is not decided here.
"""

import re
from bisect import bisect_right
from collections.abc import Sequence
from itertools import pairwise
from typing import Literal, NamedTuple

AnswerForm = Literal["line", "boxed"]
"""How a prompt asks for the final answer: in a line `Answer: 42`, or within `\\boxed{42}`."""

_TAG = re.compile(r"<(/?)think(?:ing)?>", re.IGNORECASE)
STEP_MARK = re.compile(r"^[ \t>]*(?:#+[ \t]*)?\**Step[ \t]+\d+\b", re.IGNORECASE | re.MULTILINE)
"""Start of a line that begins a step."""

_WELL_FORMED_MARK = re.compile(r"^Step (\d+):[ \t]*\S", re.MULTILINE)
_ANSWER_LINE = re.compile(
    r"^[ \t>]*(?:#{4}[ \t]*\S|(?:#+[ \t]*)?\**(?:A|(?:the[ \t]+)?(?:final[ \t]+)?[Aa]nswer)\**[ \t]*[:：]"
    r"|(?:#+[ \t]*)?\**(?:Final[ \t]+|The[ \t]+|The[ \t]+[Ff]inal[ \t]+)[Aa]nswer\**[ \t]*(?:[:：]|is\b))",
    re.MULTILINE,
)
_BOXED_ANSWER = re.compile(r"\\boxed[ \t]*\{")
_PLAIN_ANSWER_LINE = re.compile(r"^Answer:[ \t]*\S", re.MULTILINE)
_LIST_ITEM = re.compile(r"^[ \t]*\**(\d{1,2})[.)][ \t]+\S", re.MULTILINE)
_BLANK_LINES = re.compile(r"\n[ \t]*(?:\n[ \t]*)+")
_NEW_LINE = re.compile(r"\n")
_HEADING = re.compile(r"#{1,6}[ \t]+\S.*|\*\*[^*\n]{1,80}\*\*:?|.*[:：]\**")
_ORNAMENT = re.compile(r"[\W_]+")
# Where a blank line or a line break is layout inside one statement, not the end of a step.
_BLOCK_EDGE = re.compile(r"\\[\[\]]|\$\$|```|\\(?:begin|end)\{([a-z]+\*?)\}", re.IGNORECASE)
_CLOSING = {"\\[": "\\]", "$$": "$$", "```": "```"}
_BLOCK_START = re.compile(r"\\\[|\$\$|```|\\begin\{|\\boxed|\$?\\boxed|\\\(")
# An own label, which may stand in a heading or be (part of) what is set bold.
_LABEL = re.compile(
    r"[ \t>]*(?:#+[ \t]*)?(?P<bold>\*\*)?Step[ \t]+(?P<number>\d+)[ \t]*(?P<closed>\*\*)?"
    r"[ \t]*(?:[:.)]|[-\u2013\u2014](?=\s)|(?=\n|\Z))[ \t]*(?P<closed_after>\*\*)?\s*",
    re.IGNORECASE,
)

Span = tuple[int, int]


class SplitText(NamedTuple):
    """A solution's text, taken apart."""

    thinking: str | None
    """The inside of `<think>` blocks, outer white space stripped; `None` when there are none."""
    steps: tuple[str, ...]
    """Raw text of each step, its mark included, outer white space stripped."""


def split_steps(text: str) -> SplitText:
    r"""Split a solution into thinking and steps.

    Lines that start with `Step n` begin a step, and so do closing answer lines (`Answer: 42`,
    `A: 42`, `#### 42`); text before the first mark belongs to the first step, so that `Step 3` is
    index 2. Text without marks is split at blank lines and numbered lists, or, where there are
    none, at every line. Display maths, code and environments are never split, and a heading or a
    paragraph that ends in a colon stays with what it announces.

    A closing `</think>` makes everything since the previous tag thinking, so that an opening tag
    put there by the chat template isn't missed; an unclosed `<think>` runs to the end.
    """
    hidden = _thinking_spans(text)
    thinking = "\n\n".join(text[start:end].strip() for start, end in hidden)
    steps = [
        text[start:end].strip()
        for visible in visible_spans(text)
        for start, end in _step_spans(text, visible)
    ]
    return SplitText(thinking or None, tuple(step for step in steps if step))


def visible_spans(text: str) -> list[Span]:
    """Return the parts of a text that are the answer, not thinking, as (start, end), in order."""
    spans: list[Span] = []
    position, inside = 0, False
    for tag in _TAG.finditer(text):
        if not tag[1] and not inside:
            spans.append((position, tag.start()))
        inside = not tag[1]
        position = tag.end()
    if not inside:
        spans.append((position, len(text)))
    return [(start, end) for start, end in spans if text[start:end].strip()]


def bare_step(step: str, number: int | None = None) -> str:
    """Drop a leading `Step 3:` (also in a heading or in bold), which is shown beside the text.

    Args:
        step: The step as written.
        number: Drop it only if it says this number, from 1.
    """
    label = _LABEL.match(step)
    if label is None or (number is not None and int(label["number"]) != number):
        return step
    rest = step[label.end() :]
    is_open = label["bold"] and not (label["closed"] or label["closed_after"])
    return f"**{rest}" if is_open and rest else rest


def prefix_before(text: str, steps: Sequence[str], index: int) -> str:
    """Return the exact text up to where a step starts, thinking and separators included.

    Args:
        text: The solution as generated.
        steps: Its steps in order, as `split_steps` gives them.
        index: 0-based index of the step; `len(steps)` gives the whole text.

    Raises:
        IndexError: If there is no such step.
        ValueError: If a step does not stand in the text after the ones before it.
    """
    if not 0 <= index <= len(steps):
        raise IndexError(f"step {index} of {len(steps)}")
    if index == len(steps):
        return text
    visible = visible_spans(text)
    start = end = 0
    for number, step in enumerate(steps[: index + 1]):
        start = _find_visible(text, step, end, visible)
        if start < 0:
            raise ValueError(f"step {number} does not stand in the text after the steps before it")
        end = start + len(step)
    return text[:start]


def states_answer(step: str) -> bool:
    """Tell whether a step is a closing line that only states the answer: `Answer: 42`, `#### 42`."""
    return "\n" not in step.strip() and _ANSWER_LINE.match(step) is not None


def is_well_formed(text: str, answer: AnswerForm = "line") -> bool:
    r"""Tell whether a solution follows the step format: `Step 1: ...`, `Step 2: ...`, and the answer.

    Steps are numbered from 1 without a gap, nothing stands before the first, and the text ends with its
    answer: with its only line `Answer: x`, or with a line that holds its only closed `\boxed{x}`. A thinking
    block is not looked at.

    Args:
        text: The solution as generated.
        answer: Form in which the answer was asked for.
    """
    visible = "".join(text[start:end] for start, end in visible_spans(text)).strip()
    marks = list(_WELL_FORMED_MARK.finditer(visible))
    numbered = [int(mark[1]) for mark in marks] == list(range(1, len(marks) + 1))
    if not marks or marks[0].start() != 0 or not numbered:
        return False
    answers = list((_PLAIN_ANSWER_LINE if answer == "line" else _BOXED_ANSWER).finditer(visible))
    return len(answers) == 1 and _is_last(answers[0], marks[-1], visible, answer)


def _is_last(answer: re.Match[str], mark: re.Match[str], text: str, form: AnswerForm) -> bool:
    # A box may stand in the last step's own line; a line of its own comes after it.
    behind = text[answer.start() :]
    after = answer.start() > mark.start()
    return after and "\n" not in behind and (form == "line" or "}" in behind)


def _thinking_spans(text: str) -> list[Span]:
    visible = visible_spans(text)
    edges = [0, *(edge for span in visible for edge in span), len(text)]
    gaps = [(edges[i], edges[i + 1]) for i in range(0, len(edges), 2)]
    spans: list[Span] = []
    for start, end in gaps:
        tags = list(_TAG.finditer(text, start, end))
        borders = [start, *(edge for tag in tags for edge in tag.span()), end]
        spans += [(borders[i], borders[i + 1]) for i in range(0, len(borders), 2)]
    return [(start, end) for start, end in spans if text[start:end].strip()]


def _find_visible(text: str, step: str, position: int, visible: list[Span]) -> int:
    for start, end in visible:
        found = text.find(step, max(start, position), end)
        if found >= 0:
            return found
    return -1


def _step_spans(text: str, visible: Span) -> list[Span]:
    start, end = visible
    marks = [mark.start() for mark in STEP_MARK.finditer(text, start, end)]
    if marks:
        # Text before the first mark joins the first step.
        answers = [line.start() for line in _ANSWER_LINE.finditer(text, marks[0], end)]
        return _cut(visible, sorted({*marks[1:], *answers} - {marks[0]}))
    blocks = _blocks(text, visible)
    paragraphs = _cut_at(text, visible, _BLANK_LINES, blocks)
    if len([span for span in paragraphs if not _ANSWER_LINE.match(text, span[0])]) == 1:
        paragraphs = [
            line
            for span in paragraphs
            for line in (_list_items(text, span) or _cut_at(text, span, _NEW_LINE, blocks))
        ]
    else:
        paragraphs = [part for span in paragraphs for part in (_list_items(text, span) or [span])]
    return [
        part
        for span in _join_announcements(text, paragraphs)
        for part in _cut_closing_answer(text, span, blocks)
    ]


def _blocks(text: str, span: Span) -> list[Span]:
    # One pass with a single open block: a pattern that looks for the closing mark of every opening
    # one takes quadratic time on a model that writes nothing but opening marks.
    blocks: list[Span] = []
    opened: tuple[int, str] | None = None
    for edge in _BLOCK_EDGE.finditer(text, *span):
        if opened is None:
            if edge[0] != "\\]" and not edge[0].startswith("\\end"):
                opened = (edge.start(), _CLOSING.get(edge[0], f"\\end{{{edge[1]}}}"))
        elif edge[0] == opened[1]:
            blocks.append((opened[0], edge.end()))
            opened = None
    return blocks


def _is_inside(place: int, blocks: Sequence[Span]) -> bool:
    block = bisect_right(blocks, place, key=lambda span: span[0]) - 1
    return block >= 0 and blocks[block][0] < place < blocks[block][1]


def _cut(span: Span, places: Sequence[int]) -> list[Span]:
    return list(pairwise([span[0], *places, span[1]]))


def _cut_at(text: str, span: Span, separator: re.Pattern[str], blocks: Sequence[Span]) -> list[Span]:
    places = [
        match.end() for match in separator.finditer(text, *span) if not _is_inside(match.start(), blocks)
    ]
    return [part for part in _cut(span, places) if text[part[0] : part[1]].strip()]


def _list_items(text: str, span: Span) -> list[Span]:
    """Cut a paragraph at the items 1., 2., ... of a list; empty when it holds no such list."""
    items = list(_LIST_ITEM.finditer(text, *span))
    numbers = [int(item[1]) for item in items]
    if len(items) < 2 or numbers != list(range(numbers[0], numbers[0] + len(items))):
        return []
    parts = _cut(span, [item.start() for item in items])
    return [part for part in parts if text[part[0] : part[1]].strip()]


def _join_announcements(text: str, spans: Sequence[Span]) -> list[Span]:
    joined: list[Span] = []
    waiting: int | None = None
    for start, end in spans:
        content = text[start:end].strip()
        if joined and waiting is None and _ORNAMENT.fullmatch(content) and not _BLOCK_START.match(content):
            joined[-1] = (joined[-1][0], end)
            continue
        begin = start if waiting is None else waiting
        if _HEADING.fullmatch(content) and end != spans[-1][1]:
            waiting = begin
        else:
            joined.append((begin, end))
            waiting = None
    return joined


def _cut_closing_answer(text: str, span: Span, blocks: Sequence[Span]) -> list[Span]:
    places = [
        line.start()
        for line in _ANSWER_LINE.finditer(text, *span)
        if line.start() > span[0] and not _is_inside(line.start(), blocks)
    ]
    return _cut(span, places)
