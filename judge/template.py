"""From a case to the conversation that a judge model is asked with.

The words are in versioned files under `prompts/`; a change of wording that may change verdicts is a new
version. Placeholders are substituted in one pass, so that a question that holds one pulls nothing in.
Whatever a person or a model wrote stands in a fence (`fence`), in the user turn only: the system turn is
the same for all cases, which also lets endpoints cache it.
"""

import re
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Literal, NamedTuple

from ..annotate.engines.chat import Message
from ..datasets.config import Config
from ..datasets.records import ErrorType
from ..datasets.taxonomy import TAXONOMY, Kind
from .case import Case
from .fence import fence
from .schema import Reply, StepFinding, StepVerdict

_PROMPTS = Path(__file__).parent / "prompts"
_PLACEHOLDER = re.compile(r"\{\{(\w+)\}\}")
_QUOTED_CHARACTERS = 6_000


class Style(Config):
    """How a judge model is asked."""

    template: Literal["v1"] = "v1"
    """Version of the prompt."""
    show_reference: bool = False
    """Whether the judge sees the reference answer."""
    show_full_precision: bool = False
    """Whether the judge sees the full-precision model's solution, where there is one."""


def conversation(case: Case, style: Style) -> tuple[Message, ...]:
    """Write the conversation about a case: a system turn and a user turn."""
    return (_system(style.template), Message(role="user", content=_request(case, style)))


def repair(asked: tuple[Message, ...], answer: str, complaint: str, style: Style) -> tuple[Message, ...]:
    """Write the conversation that asks again after an answer that could not be used.

    The answer is shown in a fence of the user turn, not as a turn of its own: what is in it may come from
    the solution. Only its first 6,000 characters are shown.
    """
    again = substituted(
        _read(style.template, "repair"),
        {"answer": fence("answer", answer[:_QUOTED_CHARACTERS]), "complaint": fence("complaint", complaint)},
    )
    *before, last = asked
    return (*before, last.model_copy(update={"content": f"{last.content}\n{again}"}))


def substituted(template: str, values: Mapping[str, str]) -> str:
    """Replace every `{{name}}` of a template in one pass; values are never looked at again.

    Raises:
        ValueError: If the template has other names than the values.
    """
    asked = set(_PLACEHOLDER.findall(template))
    if asked != set(values):
        raise ValueError(f"placeholders {sorted(asked)} do not fit values {sorted(values)}")
    return _PLACEHOLDER.sub(lambda match: values[match[1]], template)


class Worked(NamedTuple):
    """A worked example: a solution and the right reply to it."""

    question: str
    steps: tuple[str, ...]
    reply: Reply


def worked_examples() -> tuple[Worked, ...]:
    """One example per error type, that of its first subtype, and a solution without a fault.

    Without the last one a judge would only ever see faulty solutions.
    """
    return (*(_faulty_example(kind) for kind in TAXONOMY), _clean_example())


def _faulty_example(kind: Kind) -> Worked:
    subtype, definition, example = kind.subkinds[0]
    before = example.before.splitlines()
    fault = len(before) + 1
    reply = Reply(
        steps=(*_right(len(before)), StepFinding(step=fault, reason=definition, verdict=StepVerdict.WRONG)),
        first_fault=fault,
        error_type=kind.error_type,
        subtype=subtype,
        rationale=f"It should be: {example.right}",
        corrected_step=example.right,
        confidence=0.95,
    )
    return Worked(example.question, (*before, example.faulty), reply)


def _clean_example() -> Worked:
    example = max((kind.subkinds[0].example for kind in TAXONOMY), key=lambda one: len(one.before))
    steps = (*example.before.splitlines(), example.right)
    reply = Reply(
        steps=_right(len(steps)),
        first_fault=None,
        error_type=None,
        subtype=None,
        rationale="",
        corrected_step=None,
        confidence=0.95,
    )
    return Worked(example.question, steps, reply)


def _right(count: int) -> tuple[StepFinding, ...]:
    return tuple(
        StepFinding(step=number, reason="It follows.", verdict=StepVerdict.RIGHT)
        for number in range(1, count + 1)
    )


@cache
def _system(version: str) -> Message:
    values = {
        "taxonomy": "\n\n".join(_definition(kind) for kind in TAXONOMY),
        "examples": "\n\n".join(_shown(one) for one in worked_examples()),
        "types": ", ".join(f"`{error_type.value}`" for error_type in ErrorType),
    }
    return Message(role="system", content=substituted(_read(version, "system"), values))


def _request(case: Case, style: Style) -> str:
    problem = [fence("question", case.problem.question)]
    if style.show_reference and case.problem.answer:
        problem.append(fence("reference", case.problem.answer))
    if style.show_full_precision and case.full_precision is not None:
        problem.append(fence("full_precision", case.full_precision.text))
    steps = case.solution.steps
    values = {
        "problem": "\n".join(problem),
        "count": str(len(steps)),
        "steps": "\n".join(fence("step", step, number=number) for number, step in enumerate(steps, 1)),
    }
    return substituted(_read(style.template, "user"), values)


def _definition(kind: Kind) -> str:
    lines = [f"## {kind.error_type.value}", f"{kind.definition} {kind.hint}"]
    lines += [f"- `{subkind.subtype.value}`: {subkind.definition}" for subkind in kind.subkinds]
    return "\n".join(lines)


def _shown(example: Worked) -> str:
    steps = (f"{number}. {step}" for number, step in enumerate(example.steps, 1))
    return "\n".join([f"Question: {example.question}", *steps, f"Answer: {example.reply.model_dump_json()}"])


@cache
def _read(version: str, part: str) -> str:
    return (_PROMPTS / f"{version}.{part}.md").read_text(encoding="utf-8")
