"""One solution as a record of Argilla's."""

import json
import re
from hashlib import sha256
from typing import Any, NamedTuple

from ...datasets.records import Drawn, VerdictStatus
from .answering import notes
from .form import (
    CORRECTED_STEP,
    ERROR_TYPE,
    FIRST_FAULT,
    FULL_PRECISION,
    HASH,
    MOST_STEPS,
    NO_FAULT,
    OPINIONS,
    PROBLEM,
    RATIONALE,
    SOLUTION,
    SUBTYPE,
)
from .markdown import latex_to_markdown, to_markdown
from .numbered import steps_to_markdown
from .sampling import Candidate, Sampled

_AGENT = re.compile(r"[^A-Za-z0-9\-_:./ ]")


class Entry(NamedTuple):
    """One record as it is sent."""

    id: str
    content: dict[str, Any]
    """Fields, metadata, and suggestions by the name of their question."""

    @property
    def hash(self) -> str:
        """Of everything in it."""
        return self.content["metadata"][HASH]


def make_entry(candidate: Candidate, sampled: Sampled, run: str, opinions: str | None = None) -> Entry:
    """Make the record of a solution: everything a model wrote is escaped."""
    problem, solution, full_precision, verdict = candidate
    question = f"{to_markdown(problem.question)}\n\n**Reference answer:** {latex_to_markdown(problem.answer)}"
    # Only what is suggested may be seen in what is left out of a solution that goes on and on.
    around = sampled.suggestion.first_fault if sampled.suggestion is not None else None
    fields = {PROBLEM: question, SOLUTION: steps_to_markdown(solution.steps or (solution.text,), around)}
    if full_precision is not None:
        steps = full_precision.steps or (full_precision.text,)
        # Where they part is mostly what judges suggest, so who is shown no suggestion is not told.
        told = notes(steps, solution.steps or (solution.text,)) if sampled.suggestion is not None else None
        fields[FULL_PRECISION] = (
            steps_to_markdown(steps) if told is None else steps_to_markdown(steps, told.parting, told.by_step)
        )
    if opinions is not None:
        fields[OPINIONS] = opinions
    metadata: dict[str, Any] = {
        "model": solution.model,
        "source": problem.source,
        "run": run,
        # Nothing tells a planted fault from others, not even what reviewers don't see.
        "drawn": (Drawn.RANDOM if sampled.drawn is Drawn.GOLD else sampled.drawn).value,
    }
    if sampled.drawn is Drawn.GOLD:
        verdict = sampled.suggestion
    if verdict is not None:
        metadata["judged"] = (verdict.error_type or verdict.status).value
        if verdict.first_fault is not None:
            metadata["judged_step"] = verdict.first_fault + 1
        if verdict.confidence is not None:
            metadata["confidence"] = verdict.confidence
    content = {"fields": fields, "suggestions": _suggestions(sampled)}
    digest = sha256(json.dumps([content, metadata], sort_keys=True).encode()).hexdigest()[:16]
    return Entry(solution.id, {**content, "metadata": {**metadata, HASH: digest}})


def _suggestions(sampled: Sampled) -> dict[str, dict[str, Any]]:
    verdict = sampled.suggestion
    if verdict is None:
        return {}
    by = {"agent": _AGENT.sub("-", verdict.judge)[:200] or "judge", "type": "model"}
    sure = {**by, "score": verdict.confidence} if verdict.confidence is not None else by
    if verdict.status is VerdictStatus.CLEAN:
        return {FIRST_FAULT: {**sure, "value": NO_FAULT}}
    if verdict.first_fault is None or verdict.first_fault >= MOST_STEPS:
        return {}
    found = {FIRST_FAULT: {**sure, "value": str(verdict.first_fault + 1)}}
    if verdict.error_type is not None:
        found[ERROR_TYPE] = {**sure, "value": verdict.error_type.value}
    if verdict.subtype is not None:
        found[SUBTYPE] = {**by, "value": verdict.subtype.value}
    if verdict.corrected_step:
        found[CORRECTED_STEP] = {**by, "value": to_markdown(verdict.corrected_step)}
    if verdict.rationale:
        found[RATIONALE] = {**by, "value": to_markdown(verdict.rationale)}
    return found
