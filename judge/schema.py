"""What a judge model may answer: the reply as a type, and the JSON schema that holds a model to it."""

from enum import StrEnum
from functools import cache
from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from ..datasets.records import ErrorType, Subtype

REASON_CHARACTERS = 400
RATIONALE_CHARACTERS = 1_200
STEP_CHARACTERS = 2_000


class StepVerdict(StrEnum):
    """What a judge thinks of one step."""

    RIGHT = "right"
    WRONG = "wrong"
    UNCLEAR = "unclear"


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, use_attribute_docstrings=True)


class StepFinding(_Part):
    """One step and what is thought of it. The reason comes first, so that the verdict can follow from it."""

    step: int = Field(ge=1)
    """1-based, as shown."""
    reason: str
    verdict: StepVerdict = Field(strict=False)


class Reply(_Part):
    """A judge model's answer about one solution, in the order in which it is written."""

    steps: tuple[StepFinding, ...] = Field(strict=False)
    first_fault: int | None = Field(ge=1)
    """1-based, as shown."""
    error_type: ErrorType | None = Field(strict=False)
    subtype: Subtype | None = Field(strict=False)
    rationale: str
    corrected_step: str | None
    confidence: float = Field(ge=0, le=1, allow_inf_nan=False)


@cache
def reply_schema(steps: int) -> dict[str, Any]:
    """Build the JSON schema of a reply about a solution.

    It keeps to what OpenAI's strict mode and guided decoding take: every field is required, further
    ones are refused, and "may be missing" is `null`; an endpoint that takes no lengths gets none
    (`annotate/engines/strict.py`). What a schema can't say (the first fault is the first step called wrong,
    the subtype is one of the type) is left to `read_reply`. The same number of steps gives the same object,
    which nobody changes.

    Args:
        steps: Number of steps of the solution, at least 1.

    Raises:
        ValueError: If there are no steps.
    """
    if steps < 1:
        raise ValueError(f"a reply needs at least one step, got {steps}")
    number = {"type": "integer", "minimum": 1, "maximum": steps}
    finding = _object(
        step=number,
        reason=_text(REASON_CHARACTERS),
        verdict={"type": "string", "enum": [one.value for one in StepVerdict]},
    )
    return _object(
        steps={"type": "array", "items": finding, "minItems": 1, "maxItems": steps},
        first_fault={**number, "type": ["integer", "null"]},
        error_type={"type": ["string", "null"], "enum": [*(one.value for one in ErrorType), None]},
        subtype={"type": ["string", "null"], "enum": [*(one.value for one in Subtype), None]},
        rationale=_text(RATIONALE_CHARACTERS),
        corrected_step={**_text(STEP_CHARACTERS), "type": ["string", "null"]},
        confidence={"type": "number", "minimum": 0, "maximum": 1},
    )


def _object(**properties: Any) -> dict[str, Any]:
    return {
        "type": "object",
        "properties": properties,
        "required": list(properties),
        "additionalProperties": False,
    }


def _text(longest: int) -> dict[str, Any]:
    return {"type": "string", "maxLength": longest}
