"""What flows from stage to stage: problems, solutions, verdicts, reviews and pairs.

Records are frozen and carry stable ids derived from their content, so that a stage can be re-run,
resumed or replaced by a file of the user's own. Reading and writing them is `store`.
"""

import hashlib
import json
from enum import StrEnum
from typing import Any, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator


class Split(StrEnum):
    """What a problem may be used for. Problems of different splits never mix."""

    TRAIN = "train"
    """What the bundled model learned from; neither mined nor measured on."""
    MINING = "mining"
    HELD_OUT = "held_out"


class Finish(StrEnum):
    """Why a generation ended."""

    STOP = "stop"
    LENGTH = "length"
    DEGENERATE = "degenerate"


class VerdictStatus(StrEnum):
    """What a judge found; see DESIGN for the difference between `unsure` and `unscored`."""

    FAULTY = "faulty"
    CLEAN = "clean"
    UNSURE = "unsure"
    UNSCORED = "unscored"


class ErrorType(StrEnum):
    """Kinds of first faults. Definitions and examples are in `taxonomy`."""

    CONCEPTUAL = "conceptual"
    METHOD = "method"
    EXECUTION = "execution"
    REASONING = "reasoning"
    DEGENERATE = "degenerate"


class Subtype(StrEnum):
    """Finer kinds; each belongs to exactly one `ErrorType` (see `SUBTYPES`)."""

    MISUNDERSTANDING = "misunderstanding"
    CONTEXTUAL_OVERSIGHT = "contextual_oversight"
    PROCEDURAL = "procedural"
    FORMULA = "formula"
    COMPUTATION = "computation"
    SYMBOLIC_MANIPULATION = "symbolic_manipulation"
    LOGIC = "logic"
    REPETITION = "repetition"
    TRUNCATION = "truncation"
    OFF_TOPIC = "off_topic"


SUBTYPES: dict[ErrorType, tuple[Subtype, ...]] = {
    ErrorType.CONCEPTUAL: (Subtype.MISUNDERSTANDING, Subtype.CONTEXTUAL_OVERSIGHT),
    ErrorType.METHOD: (Subtype.PROCEDURAL, Subtype.FORMULA),
    ErrorType.EXECUTION: (Subtype.COMPUTATION, Subtype.SYMBOLIC_MANIPULATION),
    ErrorType.REASONING: (Subtype.LOGIC,),
    ErrorType.DEGENERATE: (Subtype.REPETITION, Subtype.TRUNCATION, Subtype.OFF_TOPIC),
}


def content_id(kind: str, *parts: Any) -> str:
    """Return a stable id such as `p-3f2a9c1b77d0e4a5` (64 bits of SHA-256 over canonical JSON)."""
    canonical = json.dumps(parts, ensure_ascii=False, sort_keys=True, separators=(",", ":"))
    return f"{kind}-{hashlib.sha256(canonical.encode()).hexdigest()[:16]}"


class Record(BaseModel):
    """Base of all records: frozen, and unknown fields are refused by name."""

    model_config = ConfigDict(extra="forbid", frozen=True, use_attribute_docstrings=True)


class Interval(Record):
    """An estimate with its confidence interval."""

    value: float
    low: float
    high: float


class Problem(Record):
    """A question with its reference answer."""

    id: str = ""
    """Derived from question and answer when empty."""
    question: str = Field(min_length=1)
    answer: str
    """The reference answer: a number, or LaTeX for MATH-style problems."""
    source: str = "user"
    """Where it comes from, e.g. `abacus` or `gsm8k`."""
    split: Split = Split.HELD_OUT
    level: int | None = None
    """Difficulty; for abacus the number of steps."""
    subject: str | None = None
    licence: str | None = None
    program: str | None = None
    """JSON of the exact program behind an abacus problem: what the oracle reads."""

    @model_validator(mode="before")
    @classmethod
    def _derive_id(cls, data: Any) -> Any:
        return _with_id(data, "p", ("question", "answer"))


class Solution(Record):
    """One model's answer to one problem, as generated and then graded."""

    id: str = ""
    """Derived from problem, model and text when empty."""
    problem_id: str
    model: str
    """Name of the model or variant, e.g. `full_precision` or `rtn-w3g128`."""
    text: str
    """Everything the model wrote, untouched."""
    thinking: str | None = None
    """The inside of a `<think>` block. Not steps of the answer."""
    steps: tuple[str, ...] = ()
    """The answer's steps in order; a closing statement of the final answer is the last step."""
    answer: str | None = None
    """Final answer as extracted; `None` when none was given."""
    correct: bool | None = None
    """Graded against the reference; `None` when not graded yet."""
    finish: Finish = Finish.STOP
    tokens: int | None = None
    """Generated tokens, end token included; `None` when unknown (imported text)."""
    well_formed: bool | None = None
    """Whether it follows the step format it was asked for."""

    @model_validator(mode="before")
    @classmethod
    def _derive_id(cls, data: Any) -> Any:
        return _with_id(data, "s", ("problem_id", "model", "text"))


class Usage(Record):
    """What a verdict cost."""

    requests: int = 0
    prompt_tokens: int = 0
    completion_tokens: int = 0


class Verdict(Record):
    """One judge's finding on one solution."""

    solution_id: str
    judge: str
    status: VerdictStatus
    first_fault: int | None = Field(default=None, ge=0)
    """0-based index into `steps`; set exactly when the status is `faulty`."""
    error_type: ErrorType | None = None
    """`None` when the fault was found but its kind was not."""
    subtype: Subtype | None = None
    rationale: str = ""
    corrected_step: str | None = None
    confidence: float | None = Field(default=None, ge=0, le=1)
    reason: str | None = None
    """Why there is no label; set for `unsure` and `unscored`."""
    usage: Usage = Usage()
    votes: tuple["Verdict", ...] = ()
    """The single verdicts behind a panel's."""
    needs_review: bool = False

    @model_validator(mode="after")
    def _is_consistent(self) -> Self:
        _check_finding(self.status, self.first_fault, self.error_type, self.subtype)
        return self


class Drawn(StrEnum):
    """Why people are asked about a solution."""

    DOUBTFUL = "doubtful"
    """The judges disagree or are unsure."""
    RANDOM = "random"
    """By chance alone: the only ones that tell how good the judges are in general."""
    GOLD = "gold"
    """A planted fault, whose truth is known: tells how good the reviewers are."""
    DISPUTED = "disputed"
    """Other reviewers disagree."""


class Review(Record):
    """A person's verdict. Outranks any judge."""

    solution_id: str
    reviewer: str
    """A pseudonym; people's names never enter a record."""
    status: VerdictStatus
    """`faulty`, `clean` or `unsure`."""
    first_fault: int | None = Field(default=None, ge=0)
    error_type: ErrorType | None = None
    subtype: Subtype | None = None
    rationale: str = ""
    corrected_step: str | None = None
    created_at: str | None = None
    """ISO 8601, UTC."""
    updated_at: str | None = None
    """When it was last changed; ISO 8601, UTC."""
    drawn: Drawn | None = None
    """Why this solution was reviewed; `None` where unknown (reviews from files)."""
    suggestion: Verdict | None = None
    """What the reviewer was shown beforehand, without its votes; `None` when nothing was."""
    adjudicates: bool = False
    """Whether it settles a dispute of other reviewers."""

    @model_validator(mode="after")
    def _is_consistent(self) -> Self:
        _check_finding(self.status, self.first_fault, self.error_type, self.subtype)
        return self


class Continuation(StrEnum):
    """Where the right continuation of a pair comes from."""

    FULL_PRECISION = "full_precision"
    CORRECTION = "correction"


class Pair(Record):
    """A preference at the failure frontier: TRL's columns, plus provenance."""

    id: str = ""
    """Derived from prompt, chosen and rejected when empty."""
    prompt: str
    """Plain text with the chat template applied: the question and the correct steps before the fault."""
    chosen: str
    """The right continuation from exactly that prefix, to the end of the solution."""
    rejected: str
    """The faulty one, to the end of the solution."""
    prefix: str = ""
    """The end of `prompt` that is already solution: the correct steps before the fault. Empty where there
    are none, or where it is not known where the solution starts."""
    problem_id: str
    solution_id: str
    model: str
    """The variant whose fault it is."""
    step: int = Field(ge=0)
    """0-based index of the first faulty step, where the two continuations start."""
    steps: int = Field(ge=1)
    """Number of steps of the faulty solution."""
    error_type: ErrorType | None = None
    subtype: Subtype | None = None
    chosen_from: Continuation = Continuation.FULL_PRECISION
    finish: Finish = Finish.STOP
    """Why the faulty solution ended. Only one that stopped by itself is followed by an end token."""
    level: int | None = None
    """Difficulty of the problem; for abacus the number of steps."""
    template: tuple[str, ...] = ()
    """What the problem is made of: of abacus the moves of its story in order, else its subject."""
    margin_full_precision: float | None = None
    """Log-probability (natural) of `chosen` minus that of `rejected`, behind `prompt`, under full precision;
    `None` when not computed."""
    margin_variant: float | None = None
    """The same under the variant; below 0 it prefers the faulty continuation."""

    @model_validator(mode="before")
    @classmethod
    def _derive_id(cls, data: Any) -> Any:
        return _with_id(data, "x", ("prompt", "chosen", "rejected"))

    @model_validator(mode="after")
    def _prompt_ends_with_prefix(self) -> Self:
        if not self.prompt.endswith(self.prefix):
            raise ValueError("prompt does not end with prefix")
        return self


def _with_id(data: Any, kind: str, fields: tuple[str, ...]) -> Any:
    if isinstance(data, dict) and not data.get("id") and all(f in data for f in fields):  # pyright: ignore[reportUnknownMemberType, reportUnknownVariableType]
        return {**data, "id": content_id(kind, *(data[f] for f in fields))}  # pyright: ignore[reportUnknownVariableType]
    return data  # pyright: ignore[reportUnknownVariableType]


def _check_finding(
    status: VerdictStatus, first_fault: int | None, error_type: ErrorType | None, subtype: Subtype | None
) -> None:
    if (status is VerdictStatus.FAULTY) != (first_fault is not None):
        raise ValueError("first_fault is set exactly when the status is faulty")
    if error_type is not None and status is not VerdictStatus.FAULTY:
        raise ValueError(f"a finding of {status} has no error_type")
    if subtype is not None and (error_type is None or subtype not in SUBTYPES[error_type]):
        raise ValueError(f"subtype {subtype} does not belong to {error_type}")
