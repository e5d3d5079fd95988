"""Judging the items of a file: one row per item, always all of its fields."""

from collections.abc import Sequence
from typing import Any, NamedTuple

from ..datasets.records import ErrorType, Record, Usage, VerdictStatus
from .item import ItemCase
from .llm import is_unanswered, is_unasked, why_unasked
from .members import Member, price
from .panel import PanelJudge
from .processbench import spent_row, verdict_row

_SPENT = {*Usage.model_fields, "usd"}


class Judged(Record):
    """One item and what was found of it."""

    id: str
    """The item's own, or its place in the file."""
    status: VerdictStatus
    first_fault: int | None = None
    """Index of the first faulty step, from 0."""
    error_type: ErrorType | None = None
    confidence: float | None = None
    rationale: str = ""
    """Of an item without a label the reason."""
    requests: int | None = None
    """Asked of language models; `None` where none judges."""
    prompt_tokens: int | None = None
    completion_tokens: int | None = None
    usd: float | None = None
    """What they cost in US dollars; `None` where no price is known."""

    def row(self) -> dict[str, Any]:
        """Return its fields as JSON; those of language models only where some judge."""
        return self.model_dump(mode="json", exclude=_SPENT if self.requests is None else None)


class Judging(NamedTuple):
    """What judging items has given."""

    rows: list[Judged]
    """One per item, in order."""
    unasked: int
    """How many solutions were not judged, because something ended the asking."""
    why: str
    """What did."""
    failed: int
    """How many lack a vote, because an endpoint did not answer."""


def judge_items(items: Sequence[ItemCase], panel: PanelJudge, asked: Sequence[Member]) -> Judging:
    """Judge items; one without a case is `unscored` with its reason.

    Args:
        items: What is judged.
        panel: Made of the members. One judge speaks for itself.
        asked: The members.
    """
    # By place: the id of a solution may stand twice, also with other steps.
    places = [place for place, item in enumerate(items) if item.case is not None]
    found = dict(zip(places, panel.judge([one.case for one in items if one.case is not None]), strict=True))
    prices = {place: price(verdict, asked) for place, verdict in found.items()}
    verdicts = {place: one.votes[0] if len(asked) == 1 else one for place, one in found.items()}
    costs = any(member.chat is not None for member in asked)
    rows: list[Judged] = []
    for place, item in enumerate(items):
        row = verdict_row(item, verdicts.get(place))
        if costs:
            row |= spent_row(verdicts.get(place), prices.get(place))
        rows.append(Judged.model_validate(row))
    unasked = [verdict for verdict in verdicts.values() if is_unasked(verdict)]
    failed = sum(is_unanswered(verdict) for verdict in found.values())
    return Judging(rows, len(unasked), why_unasked(unasked), failed)
