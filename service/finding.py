"""Routes of verdicts: a page of them, one whole, all of a job as a stream."""

import json
from collections.abc import AsyncGenerator, Sequence
from typing import Annotated, Any, cast

import anyio
from fastapi import APIRouter, Query, Request, Response
from fastapi.responses import StreamingResponse
from sqlalchemy import select
from sqlalchemy.orm import defer
from starlette.concurrency import run_in_threadpool

from ..datasets.records import ErrorType, VerdictStatus
from .bodies import NDJSON
from .database import Database
from .job_state import ENDED, JobState
from .posting import Limit, Reading, find
from .refusals import documented, not_found
from .state import state_of
from .tables import Item, Job
from .uploads import parse, read_row
from .views import CaseView, JobView, Page, VerdictView

router = APIRouter(prefix="/v1", tags=["verdicts"])
_LARGEST = 2**31 - 1
_AT_ONCE = 500
_PAUSE = 0.3
_PATIENCE = 15.0
"""Seconds after which something is sent although nothing has changed: proxies close silent lines."""


@router.get("/verdicts", response_model=Page[VerdictView], responses=documented(404, 422))
def listed(
    request: Request,
    _: Reading,
    job: Annotated[str | None, Query(max_length=40, pattern=r"^[0-9a-z-]+$")] = None,
    status: VerdictStatus | None = None,
    error_type: ErrorType | None = None,
    first_fault: Annotated[int | None, Query(ge=0, le=_LARGEST, description="0-based.")] = None,
    needs_review: Annotated[bool | None, Query(description="The judges disagree, or are unsure.")] = None,
    after: Annotated[int, Query(ge=0, le=_LARGEST)] = 0,
    limit: Limit = 50,
) -> Response:
    """List verdicts, of one job or of all, in the order in which solutions came."""
    query = select(Item).options(defer(Item.row)).where(Item.id > after, Item.status.is_not(None))
    wanted = {
        Item.job_id: job,
        Item.status: status and status.value,
        Item.error_type: error_type and error_type.value,
        Item.first_fault: first_fault,
        Item.needs_review: needs_review,
    }
    for column, value in wanted.items():
        if value is not None:
            query = query.where(column == value)
    with state_of(request).database.session() as session:
        if job is not None and session.get(Job, job) is None:
            raise not_found("job", job)
        found = session.scalars(query.order_by(Item.id).limit(limit + 1)).all()
    shown = [view(item) for item in found[:limit]]
    page = Page(items=shown, next=str(shown[-1].item) if len(found) > limit else None)
    # As it is: FastAPI would check it once more, which takes as long as all the rest.
    return Response(page.model_dump_json(), media_type="application/json")


@router.get("/verdicts/{item}", responses=documented(404, 422))
def show(request: Request, _: Reading, item: int) -> CaseView:
    """Show a verdict with the problem, the steps and every vote."""
    with state_of(request).database.session() as session:
        found = session.get(Item, item) if 0 <= item <= _LARGEST else None
    if found is None or found.status is None:
        raise not_found("verdict", str(item))
    case = read_row(parse(found.row.encode()), found.number).case
    assert case is not None
    whole = {
        **view(found).model_dump(mode="json"),
        "problem": case.problem.model_dump(mode="json"),
        "steps": list(case.solution.steps),
        "verdict": _stored(found),
    }
    return CaseView.model_validate(whole)


@router.get(
    "/jobs/{job_id}/verdicts",
    response_class=StreamingResponse,
    responses={
        **documented(404, 422),
        200: {"content": {NDJSON: {"schema": {"type": "string"}}}, "description": "A verdict per line."},
    },
)
async def stream(
    request: Request,
    _: Reading,
    job_id: str,
    follow: Annotated[bool, Query(description="Go on until the job has ended.")] = False,
) -> StreamingResponse:
    """Stream a job's verdicts as JSON lines, in the order of its solutions."""
    job = await run_in_threadpool(find, request, job_id)
    database = state_of(request).database

    async def lines() -> AsyncGenerator[bytes]:
        last = -1
        while True:
            # Whether it has ended is asked first: what is found afterwards is all there is.
            has_ended = not follow or await run_in_threadpool(_has_ended, database, job.id)
            items = await run_in_threadpool(_after, database, job.id, last)
            ready = [item for item in items if item.status is not None]
            if not has_ended:
                # In order, also while it is judged out of order.
                ready = ready[: next((at for at, one in enumerate(items) if one.status is None), None)]
            if ready:
                yield "".join(view(item).model_dump_json() + "\n" for item in ready).encode()
            if items and has_ended:
                last = items[-1].number
            elif ready:
                last = ready[-1].number
            elif has_ended:
                return
            else:
                await anyio.sleep(_PAUSE)

    return StreamingResponse(lines(), media_type=NDJSON)


@router.get(
    "/jobs/{job_id}/events",
    response_class=StreamingResponse,
    responses={
        **documented(404, 422),
        200: {
            "content": {"text/event-stream": {"schema": {"type": "string"}}},
            "description": "An event `job` with the job as data whenever it has moved on; then `end`.",
        },
    },
)
async def events(request: Request, _: Reading, job_id: str) -> StreamingResponse:
    """Follow a job's progress as server-sent events."""
    job = await run_in_threadpool(find, request, job_id)
    jobs = state_of(request).jobs

    async def progress() -> AsyncGenerator[str]:
        before, silent, now = "", 0.0, job
        while True:
            shown = JobView.of(now).model_dump_json()
            if shown != before:
                yield f"event: job\ndata: {shown}\n\n"
                before, silent = shown, 0.0
            elif silent > _PATIENCE:
                yield ": still here\n\n"
                silent = 0.0
            if JobState(now.state) in ENDED:
                yield f"event: end\ndata: {now.state}\n\n"
                return
            await anyio.sleep(_PAUSE)
            silent += _PAUSE
            fresh = await run_in_threadpool(jobs.find, job.id)
            if fresh is None:
                yield "event: end\ndata: deleted\n\n"
                return
            now = fresh

    return StreamingResponse(
        progress(),
        media_type="text/event-stream",
        headers={"cache-control": "no-store", "x-accel-buffering": "no"},
    )


def view(item: Item) -> VerdictView:
    """Show an item that has a verdict."""
    verdict = _stored(item)
    assert item.status is not None
    return VerdictView(
        id=item.name,
        item=item.id,
        job=item.job_id,
        number=item.number,
        status=VerdictStatus(item.status),
        first_fault=item.first_fault,
        error_type=ErrorType(item.error_type) if item.error_type else None,
        confidence=item.confidence,
        needs_review=bool(item.needs_review),
        rationale=verdict["rationale"] or verdict["reason"] or "",
        usd=item.usd,
    )


def _stored(item: Item) -> dict[str, Any]:
    return cast(dict[str, Any], json.loads(item.verdict or "{}"))


def _has_ended(database: Database, job_id: str) -> bool:
    with database.session() as session:
        job = session.get(Job, job_id)
        return job is None or JobState(job.state) in ENDED


def _after(database: Database, job_id: str, last: int) -> Sequence[Item]:
    with database.session() as session:
        return session.scalars(
            select(Item)
            .options(defer(Item.row))
            .where(Item.job_id == job_id, Item.number > last)
            .order_by(Item.number)
            .limit(_AT_ONCE)
        ).all()
