"""The taxonomy of first faults, as data.

One source for judge prompts, JSON schemas, Argilla labels and guidelines, cards and reports. Types and
subtypes are those of arXiv 2505.11574 (conceptual, method, execution), the first version's *reasoning*,
and *degenerate* for solutions that stop being mathematics. The two coarser axes are those of
arXiv 2501.03035.
"""

from enum import StrEnum
from typing import NamedTuple

from .records import SUBTYPES, ErrorType, Subtype


class Axis(StrEnum):
    """What quantization hurt, in two words."""

    NUMERICAL_COMPUTATION = "numerical computation"
    REASONING_PLANNING = "reasoning planning"


class Example(NamedTuple):
    """A fault in a few lines."""

    question: str
    before: str
    """The right steps before the fault; empty when it is the first."""
    faulty: str
    right: str


class Subkind(NamedTuple):
    """Definition of a subtype."""

    subtype: Subtype
    definition: str
    example: Example


class Kind(NamedTuple):
    """Definition of an error type."""

    error_type: ErrorType
    definition: str
    hint: str
    """The question that decides for this type; asked in the order of `TAXONOMY`."""
    axis: Axis | None
    """`None` for degenerate solutions, which say nothing about either."""
    subkinds: tuple[Subkind, ...]


_APPLES = (
    "Mia has 4 boxes with 12 apples each and 7 pears. She sells a quarter of the apples."
    " How many apples are left?"
)
_FIRST = "Step 1: Mia has 4 * 12 = 48 apples."
_SECOND = "Step 2: Mia sells 1/4 of 48 = 12 apples."
_THIRD = "Step 3: Mia has 48 - 12 = 36 apples left."

TAXONOMY: tuple[Kind, ...] = (
    Kind(
        ErrorType.DEGENERATE,
        "The text stops being a solution.",
        "Does the step repeat what was said, break off, or leave the topic? Then it is degenerate.",
        None,
        (
            Subkind(
                Subtype.REPETITION,
                "A step or phrase comes again and again without adding anything.",
                Example(_APPLES, f"{_FIRST}\n{_SECOND}", "Step 3: Mia sells 1/4 of 48 = 12 apples.", _THIRD),
            ),
            Subkind(
                Subtype.TRUNCATION,
                "The text ends before an answer is given.",
                Example(_APPLES, f"{_FIRST}\n{_SECOND}", "Step 3: Mia has 48 -", _THIRD),
            ),
            Subkind(
                Subtype.OFF_TOPIC,
                "The text goes on about something else, or is no language at all.",
                Example(_APPLES, _FIRST, "Step 2: The weather in autumn is often pleasant.", _SECOND),
            ),
        ),
    ),
    Kind(
        ErrorType.EXECUTION,
        "The right thing is computed, wrongly.",
        "Is the expression right but its value or its rewriting wrong? Then it is execution.",
        Axis.NUMERICAL_COMPUTATION,
        (
            Subkind(
                Subtype.COMPUTATION,
                "An arithmetic result is wrong.",
                Example(_APPLES, "", "Step 1: Mia has 4 * 12 = 46 apples.", _FIRST),
            ),
            Subkind(
                Subtype.SYMBOLIC_MANIPULATION,
                "An expression with unknowns is expanded, simplified or solved wrongly.",
                Example("Solve 3(x - 2) = 12.", "", "So 3x - 2 = 12.", "So 3x - 6 = 12."),
            ),
        ),
    ),
    Kind(
        ErrorType.REASONING,
        "The step does not follow from the steps before it.",
        "Does it contradict an earlier step, use another value than an earlier step found, or answer with"
        " something that was not derived? Then it is reasoning.",
        Axis.REASONING_PLANNING,
        (
            Subkind(
                Subtype.LOGIC,
                "A conclusion, or a number in place of an earlier result, that the steps before do not give.",
                Example(
                    _APPLES,
                    f"{_FIRST}\n{_SECOND}",
                    "Step 3: Mia has 44 - 12 = 32 apples left.",
                    _THIRD,
                ),
            ),
        ),
    ),
    Kind(
        ErrorType.CONCEPTUAL,
        "The problem is not understood: other numbers, another quantity, another question.",
        "Are the numbers not those that the problem gives for it, or is the quantity another than the one"
        " needed? Then it is conceptual.",
        Axis.REASONING_PLANNING,
        (
            Subkind(
                Subtype.MISUNDERSTANDING,
                "The step computes another quantity than the problem asks for, or with invented numbers.",
                Example(_APPLES, "", "Step 1: Mia has 4 * 15 = 60 apples.", _FIRST),
            ),
            Subkind(
                Subtype.CONTEXTUAL_OVERSIGHT,
                "A condition or number of the problem is overlooked, or one that does not matter is used.",
                Example(_APPLES, "", "Step 1: Mia has 4 * 7 = 28 apples.", _FIRST),
            ),
        ),
    ),
    Kind(
        ErrorType.METHOD,
        "The problem is understood and the numbers are right, but the way is wrong.",
        "Are the numbers right but the operation, its order or the formula wrong? Then it is method.",
        Axis.REASONING_PLANNING,
        (
            Subkind(
                Subtype.PROCEDURAL,
                "The right operations in a wrong order.",
                Example(
                    _APPLES, f"{_FIRST}\n{_SECOND}", "Step 3: Mia has 12 - 48 = -36 apples left.", _THIRD
                ),
            ),
            Subkind(
                Subtype.FORMULA,
                "A wrong operation, formula or theorem, or one that does not hold here.",
                Example(
                    "What is the area of a circle of radius 3?",
                    "",
                    "The area is 2 * pi * 3 = 6 pi.",
                    "The area is pi * 3^2 = 9 pi.",
                ),
            ),
        ),
    ),
)
"""All error types, in the order in which their hints are asked."""


def kind_of(error_type: ErrorType) -> Kind:
    """Return the definition of an error type."""
    return next(kind for kind in TAXONOMY if kind.error_type is error_type)


def axis_of(error_type: ErrorType | None) -> Axis | None:
    """Return the coarser axis of an error type; `None` for unknown and degenerate ones."""
    return kind_of(error_type).axis if error_type else None


def type_of(subtype: Subtype) -> ErrorType:
    """Return the error type that a subtype belongs to."""
    return next(error_type for error_type, subtypes in SUBTYPES.items() if subtype in subtypes)


def guidelines() -> str:
    """Write the taxonomy as Markdown: what a reviewer or a judge is told."""
    lines: list[str] = []
    for kind in TAXONOMY:
        lines += [f"### {kind.error_type.value}", "", kind.definition, kind.hint, ""]
        for subkind in kind.subkinds:
            example = subkind.example
            lines += [
                f"- **{subkind.subtype.value}**: {subkind.definition}",
                f"  Example: `{example.faulty}` instead of `{example.right}`",
            ]
        lines.append("")
    return "\n".join(lines).rstrip() + "\n"
