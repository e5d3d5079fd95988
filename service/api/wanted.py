"""What a request wants to find, as it stands in its address."""

from typing import Annotated

from fastapi import Query

from ...datasets.records import ErrorType, VerdictStatus
from ..store.search import LARGEST, Wanted

_NAME = r"^[^\x00-\x1f]*$"


def wanted(
    run: Annotated[str | None, Query(max_length=100, pattern=_NAME)] = None,
    job: Annotated[str | None, Query(max_length=40, pattern=r"^[0-9a-z-]*$")] = None,
    status: VerdictStatus | None = None,
    error_type: ErrorType | None = None,
    first_fault: Annotated[int | None, Query(ge=0, le=LARGEST, description="0-based.")] = None,
    judge: Annotated[
        str | None,
        Query(max_length=200, pattern=_NAME, description="Whose finding the others are about."),
    ] = None,
    disagree: Annotated[bool | None, Query(description="The judges found different things.")] = None,
    needs_review: Annotated[bool | None, Query(description="The judges disagree, or are unsure.")] = None,
) -> Wanted:
    """Read what a request wants to find."""
    return Wanted(run, job, status, error_type, first_fault, judge, disagree, needs_review)
