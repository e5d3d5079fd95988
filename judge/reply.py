"""Reading what a judge model wrote: a reply that holds together, or the reason why it is none.

Strict on purpose: an answer off the menu never becomes a label. Exactly one JSON object is accepted, alone,
in a fenced block, after a `<think>` block or among prose; two that differ, one that is broken beside a whole
one, or a reply that contradicts itself are refused. Lengths are not checked: a long reason is
no wrong verdict.
"""

import json
import re
from typing import Any, NamedTuple, cast

from pydantic import ValidationError

from ..datasets.records import SUBTYPES
from .fence import restored
from .schema import Reply, StepVerdict

MAX_CHARACTERS = 100_000
"""Longest answer that is read, thoughts not counted."""

_THOUGHTS = re.compile(r"</think(?:ing)?>", re.IGNORECASE)
_THINKS = re.compile(r"\s*<think(?:ing)?>", re.IGNORECASE)
_OBJECT = re.compile(r'\{\s*["}]')
_REFUSAL = re.compile(
    r"\W*(?:I(?:'|’)?m sorry|I am sorry|sorry\b|I apologi[sz]e|I (?:can(?:'|’)?t|cannot|won(?:'|’)?t"
    r"|am unable|must decline)|I(?:'|’)m (?:unable|not able))",
    re.IGNORECASE,
)
_EATEN = re.compile(r"[\f\b]|[\t\r](?=[a-zA-Z])")
_LETTERS = {"\f": r"\f", "\b": r"\b", "\t": r"\t", "\r": r"\r"}
_QUOTED_CHARACTERS = 60


class Unusable(NamedTuple):
    """Why an answer is no reply."""

    reason: str
    """In one line of printable characters."""
    mendable: bool = True
    """Whether asking again makes sense; not after a refusal."""


def read_reply(text: str, steps: int, *, shown: str = "") -> Reply | Unusable:
    """Read an answer about a solution of `steps` steps. Never raises, whatever the text.

    Args:
        text: What the model wrote.
        steps: Number of steps of the solution.
        shown: What the model was shown of the solution. JSON that stands there literally is a quotation,
            or what a solution wanted the judge to say, and is refused.
    """
    answer = _without_thoughts(text)
    if isinstance(answer, Unusable):
        return answer
    if not answer.strip():
        return Unusable("empty answer")
    if len(answer) > MAX_CHARACTERS:
        return Unusable(f"answer of {len(answer)} characters")
    found = _only_object(answer)
    if isinstance(found, Unusable):
        return found
    if _is_quoted(found.text, shown):
        return Unusable("the JSON object is one that stands in the solution")
    try:
        reply = Reply.model_validate(found.content)
    except (ValidationError, RecursionError) as error:
        return Unusable(_first_error(error))
    contradiction = _contradiction(reply, steps)
    return Unusable(contradiction) if contradiction else reply


def with_backslashes(text: str) -> str:
    r"""Give LaTeX back the backslashes that JSON took for escapes.

    A model that writes `\frac` in JSON where `\\frac` is due has written a form feed. Only what no sentence
    holds is mended: form feeds and backspaces, tabs and carriage returns before a letter.
    """
    return _EATEN.sub(lambda match: _LETTERS[match[0]], text)


class _Found(NamedTuple):
    text: str
    content: dict[str, Any]


def _without_thoughts(text: str) -> str | Unusable:
    # A reply that starts at once has no thoughts before it, and may quote the tag. Templates that open the
    # block in the prompt leave only its end in the text.
    if text.lstrip().startswith(("{", "```")):
        return text
    end = _THOUGHTS.search(text)
    if end is not None:
        return text[end.end() :]
    return Unusable("nothing but thoughts, cut off") if _THINKS.match(text) else text


def _only_object(text: str) -> _Found | Unusable:
    decoder = json.JSONDecoder(
        parse_constant=_refuse_constant, parse_float=_finite, object_pairs_hook=_without_doubles
    )
    found: list[_Found] = []
    start = _OBJECT.search(text)
    while start is not None:
        try:
            content, end = decoder.raw_decode(text, start.start())
        except RecursionError:
            return Unusable("JSON nested too deep")
        except ValueError as error:
            # Looking on inside a broken object could find one that the model only quotes.
            return Unusable(f"broken JSON: {_line(_message(error, text))}")
        found.append(_Found(text[start.start() : end], cast(dict[str, Any], content)))
        start = _OBJECT.search(text, end)
    if not found:
        if _REFUSAL.match(text):
            return Unusable(f"refused: {_line(text.strip())}", mendable=False)
        return Unusable("no JSON object in the answer")
    if any(one.content != found[0].content for one in found):
        return Unusable(f"{len(found)} JSON objects that disagree")
    return found[0]


def _is_quoted(found: str, shown: str) -> bool:
    squeezed = "".join(found.split())
    return any(squeezed in "".join(text.split()) for text in (shown, restored(shown)))


def _refuse_constant(name: str) -> float:
    raise ValueError(f"{name} is no number")


def _finite(text: str) -> float:
    number = float(text)
    if number in (float("inf"), float("-inf")):
        raise ValueError(f"{text[:20]} is too large")
    return number


def _without_doubles(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    content: dict[str, Any] = {}
    for name, value in pairs:
        if name in content and content[name] != value:
            raise ValueError(f"two different values of {name[:40]!r}")
        content[name] = value
    return content


def _message(error: ValueError, text: str) -> str:
    if not isinstance(error, json.JSONDecodeError):
        return str(error)
    cut_off = "}" not in text[error.pos :]
    return f"{'cut off, ' if cut_off else ''}{error.msg} at character {error.pos}"


def _first_error(error: ValidationError | RecursionError) -> str:
    if isinstance(error, RecursionError):
        return "JSON nested too deep"
    first = error.errors(include_url=False)[0]
    place = ".".join(str(part) for part in first["loc"])
    if first["type"] == "missing":
        return f"{_line(place)}: missing"
    if first["type"] == "extra_forbidden":
        return f"{_line(place)}: no such field"
    value = first["input"]
    said = f", got {_line(repr(value))}" if isinstance(value, str | int | float | None) else ""
    return f"{_line(place)}: {first['msg']}{said}"


def _contradiction(reply: Reply, steps: int) -> str | None:
    """What in a well-formed reply does not fit together; `None` if all does."""
    numbers = [finding.step for finding in reply.steps]
    if numbers != list(range(1, len(numbers) + 1)):
        return "steps: not numbered 1, 2, 3, ..."
    if len(numbers) > steps or (reply.first_fault or 0) > steps:
        return f"names step {max([*numbers, reply.first_fault or 0])} of a solution of {steps}"
    wrong = [finding.step for finding in reply.steps if finding.verdict is StepVerdict.WRONG]
    if reply.first_fault is None:
        return _contradiction_without_fault(reply, wrong, steps)
    if reply.first_fault not in wrong:
        return f"first_fault is step {reply.first_fault}, which is not called wrong"
    if reply.first_fault != wrong[0]:
        return f"first_fault is step {reply.first_fault}, but step {wrong[0]} is called wrong before it"
    if reply.subtype is not None and reply.error_type is None:
        return f"subtype {reply.subtype} without an error_type"
    if reply.error_type is not None and reply.subtype not in (None, *SUBTYPES[reply.error_type]):
        return f"subtype {reply.subtype} does not belong to {reply.error_type}"
    return None


def _contradiction_without_fault(reply: Reply, wrong: list[int], steps: int) -> str | None:
    if wrong:
        return f"step {wrong[0]} is called wrong, but first_fault is null"
    if reply.error_type is not None or reply.subtype is not None:
        return f"{reply.error_type or reply.subtype} without a first_fault"
    if reply.corrected_step is not None and reply.corrected_step.strip():
        return "a corrected_step without a first_fault"
    if len(reply.steps) < steps:
        return f"no fault, but only {len(reply.steps)} of {steps} steps are checked"
    return None


def _line(text: str) -> str:
    """Model text for a message: one short line of characters that can be shown."""
    cut = text[: 4 * _QUOTED_CHARACTERS]
    printable = " ".join("".join(char if char.isprintable() else " " for char in cut).split())
    return printable if len(printable) <= _QUOTED_CHARACTERS else f"{printable[:_QUOTED_CHARACTERS]}..."
