"""Routes of verdicts: a page of them, one whole, all of a job as a stream."""

import json
from collections.abc import AsyncGenerator, Sequence
from typing import Annotated, Any, cast

import anyio
from fastapi import APIRouter, Depends, Query, Request, Response
from fastapi.responses import StreamingResponse
from sqlalchemy import select
from starlette.concurrency import run_in_threadpool

from ...judge.case import Case
from ..store.database import Database
from ..store.search import LARGEST, Wanted
from ..store.tables import Item, Job
from ..work.states import ENDED, JobState
from ..work.uploads import parse, read_row
from .bodies import NDJSON
from .jobs import Limit, Reading, find
from .refusals import documented, not_found
from .state import state_of
from .views import CaseView, JobView, Page, VerdictView
from .wanted import wanted

router = APIRouter(prefix="/v1", tags=["verdicts"])
_AT_ONCE = 500
_PAUSE = 0.3
_PATIENCE = 15.0
"""Seconds after which something is sent although nothing has changed: proxies close silent lines."""


@router.get("/verdicts", response_model=Page[VerdictView], responses=documented(404, 422))
def listed(
    request: Request,
    _: Reading,
    sought: Annotated[Wanted, Depends(wanted)],
    after: Annotated[int, Query(ge=0, le=LARGEST)] = 0,
    limit: Limit = 50,
) -> Response:
    """List verdicts, of one run, one job or all, in the order in which solutions came."""
    state = state_of(request)
    if sought.run is not None and state.runs.find(sought.run) is None:
        raise not_found("run", sought.run)
    with state.database.session() as session:
        if sought.job is not None and session.get(Job, sought.job) is None:
            raise not_found("job", sought.job)
        query = sought.within().with_only_columns(*_SHOWN).where(Item.id > after)
        found = session.execute(query.order_by(Item.id).limit(limit + 1)).all()
    shown = [_line(row) for row in found[:limit]]
    page = {"items": shown, "next": str(shown[-1]["item"]) if len(found) > limit else None}
    # Written as it is: making records of it takes as long as all the rest.
    return Response(_json(page), media_type="application/json")


@router.get("/verdicts/{item}", responses=documented(404, 422))
def show(request: Request, _: Reading, item: int) -> CaseView:
    """Show a verdict with the problem, the steps, every vote, and what a run knows of it besides."""
    found = load(request, item)
    case = case_of(found)
    whole = {
        **_line(found),
        "problem": case.problem.model_dump(mode="json"),
        "steps": list(case.solution.steps),
        "verdict": _stored(found),
        **json.loads(found.context or "{}"),
    }
    return CaseView.model_validate(whole)


def load(request: Request, item: int) -> Item:
    """Return a solution that has a verdict.

    Raises:
        RefusedError: If there is none of that number.
    """
    with state_of(request).database.session() as session:
        found = session.get(Item, item) if 0 <= item <= LARGEST else None
    if found is None or found.status is None:
        raise not_found("verdict", str(item))
    return found


def case_of(item: Item) -> Case:
    """Return what was judged."""
    case = read_row(parse(item.row.encode()), item.number).case
    assert case is not None
    return case


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
    after: Annotated[int, Query(ge=-1, le=2**31 - 1, description="Number of the last one had.")] = -1,
) -> StreamingResponse:
    """Stream a job's verdicts as JSON lines, in the order of its solutions."""
    job = await run_in_threadpool(find, request, job_id)
    database = state_of(request).database

    async def lines() -> AsyncGenerator[bytes]:
        last = after
        while True:
            # Whether it has ended is asked first: what is found afterwards is all there is.
            has_ended = not follow or await run_in_threadpool(_has_ended, database, job.id)
            items = await run_in_threadpool(_after, database, job.id, last)
            ready = [item for item in items if item.status is not None]
            if not has_ended:
                # In order, also while it is judged out of order.
                ready = ready[: next((at for at, one in enumerate(items) if one.status is None), None)]
            if ready:
                yield b"".join(_json(_line(item)) + b"\n" for item in ready)
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


def _line(item: Any) -> dict[str, Any]:
    """What `VerdictView` shows of an item that has a verdict."""
    return {
        "id": item.name,
        "item": item.id,
        "job": item.job_id,
        "number": item.number,
        "status": item.status,
        "first_fault": item.first_fault,
        "error_type": item.error_type,
        "confidence": item.confidence,
        "needs_review": bool(item.needs_review),
        "judge": item.judge or "",
        "disagree": bool(item.disagree),
        "rationale": item.rationale or "",
        "usd": item.usd,
    }


_SHOWN = (
    Item.name,
    Item.id,
    Item.job_id,
    Item.number,
    Item.status,
    Item.first_fault,
    Item.error_type,
    Item.confidence,
    Item.needs_review,
    Item.judge,
    Item.disagree,
    Item.rationale,
    Item.usd,
)


def _json(value: object) -> bytes:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode()


def _stored(item: Item) -> dict[str, Any]:
    return cast(dict[str, Any], json.loads(item.verdict or "{}"))


def _has_ended(database: Database, job_id: str) -> bool:
    with database.session() as session:
        job = session.get(Job, job_id)
        return job is None or JobState(job.state) in ENDED


def _after(database: Database, job_id: str, last: int) -> Sequence[Any]:
    with database.session() as session:
        return session.execute(
            select(*_SHOWN)
            .where(Item.job_id == job_id, Item.number > last)
            .order_by(Item.number)
            .limit(_AT_ONCE)
        ).all()
