"""Routes of jobs: posted, listed, cancelled, resumed, deleted."""

import hashlib
from contextlib import closing
from http import HTTPStatus
from typing import Annotated

from anyio import to_thread
from fastapi import APIRouter, Depends, Header, Query, Request, Response
from sqlalchemy import select
from sqlalchemy.exc import IntegrityError
from starlette.concurrency import run_in_threadpool

from ..store.scope import Scope
from ..store.tables import Job, Rejected
from ..work.jobs import Jobs, Wanted
from ..work.states import JobState
from ..work.uploads import RefusedUploadError, read_upload
from .access import Caller, scoped
from .bodies import UPLOAD
from .refusals import RefusedError, documented, not_found
from .spool import spooled
from .state import state_of
from .views import JobView, Page, RejectedView

router = APIRouter(prefix="/v1/jobs", tags=["jobs"])
Judging = Annotated[Caller, Depends(scoped(Scope.JUDGE))]
Reading = Annotated[Caller, Depends(scoped(Scope.READ))]
Limit = Annotated[int, Query(ge=1, le=1000, description="How many at most.")]
_LISTED = [state for state in JobState if state is not JobState.UPLOADING]


@router.post(
    "",
    status_code=202,
    responses=documented(402, 409, 413, 415, 422),
    openapi_extra={"requestBody": UPLOAD},
)
async def post(
    request: Request,
    response: Response,
    caller: Judging,
    panel: Annotated[str | None, Query(description="Who judges.", max_length=100)] = None,
    name: Annotated[str, Query(description="For people.", max_length=200, pattern=r"^[^\x00-\x1f]*$")] = "",
    budget_usd: Annotated[float | None, Query(gt=0, le=1e9, description="What it may cost.")] = None,
    idempotency_key: Annotated[
        str | None, Header(max_length=200, description="Sent again, the same request is the same job.")
    ] = None,
) -> JobView:
    """Judge many solutions. The job is stored, and goes on through crashes, once this is answered.

    Lines that are no solutions are told at `/v1/jobs/{id}/rejected`; the others are judged.
    """
    state = state_of(request)
    chosen = panel or state.config.panel
    async with spooled(request, state.config.limits.upload_bytes) as upload:
        said = repr((upload.digest, chosen, name, budget_usd))
        wanted = Wanted(
            caller.key_id,
            name,
            chosen,
            budget_usd,
            idempotency_key,
            hashlib.sha256(said.encode("utf-8", "replace")).hexdigest(),
        )
        if idempotency_key is not None:
            before = await run_in_threadpool(_before, state.jobs, wanted)
            if before is not None:
                response.headers["idempotency-replayed"] = "true"
                return JobView.of(before)
        limits = state.config.limits
        try:
            # Of an upload that is refused on the way, the rest is not unpacked.
            with closing(read_upload(upload.path, limits.row_bytes, limits.upload_bytes)) as rows:
                # Uploads take long, and wait for each other: reads must not wait for them.
                job = await to_thread.run_sync(state.jobs.create, wanted, rows, limiter=state.uploading)
        except RefusedUploadError as error:
            raise RefusedError(
                HTTPStatus.UNPROCESSABLE_ENTITY, str(error), hint=error.hint, errors=error.errors
            ) from None
        except IntegrityError:
            # The same request, sent twice at the same time: the other one was first.
            before = await run_in_threadpool(_before, state.jobs, wanted)
            if before is None:
                raise
            job = before
            response.headers["idempotency-replayed"] = "true"
    response.headers["location"] = f"/v1/jobs/{job.id}"
    return JobView.of(job)


@router.get("", responses=documented(404, 422))
def listed(
    request: Request,
    _: Reading,
    state: Annotated[JobState | None, Query(description="Only those in this state.")] = None,
    after: Annotated[str | None, Query(max_length=40, pattern=r"^[0-9a-z-]+$")] = None,
    limit: Limit = 50,
) -> Page[JobView]:
    """List jobs, newest first."""
    with state_of(request).database.session() as session:
        states = _LISTED if state is None else [state]
        shown = [one.value for one in states if one in _LISTED]
        query = select(Job).where(Job.state.in_(shown), Job.run.is_(None))
        if after is not None:
            last = session.get(Job, after)
            if last is None:
                raise not_found("job", after)
            query = query.where(
                (Job.created_at < last.created_at)
                | ((Job.created_at == last.created_at) & (Job.id < last.id))
            )
        found = session.scalars(query.order_by(Job.created_at.desc(), Job.id.desc()).limit(limit + 1)).all()
    more = len(found) > limit
    return Page(items=[JobView.of(job) for job in found[:limit]], next=found[limit - 1].id if more else None)


@router.get("/{job_id}", responses=documented(404, 422))
def show(request: Request, _: Reading, job_id: str) -> JobView:
    """Show a job."""
    return JobView.of(find(request, job_id))


@router.post("/{job_id}/cancel", responses=documented(404, 422))
def cancel(request: Request, caller: Judging, job_id: str) -> JobView:
    """Judge no more of a job; its verdicts are kept. What is being asked is finished."""
    return JobView.of(state_of(request).jobs.cancel(find(request, job_id), caller.key_id))


@router.post("/{job_id}/resume", responses=documented(404, 422))
def resume(
    request: Request,
    caller: Judging,
    job_id: str,
    budget_usd: Annotated[float | None, Query(gt=0, le=1e9, description="What it may cost in all.")] = None,
) -> JobView:
    """Go on with a job that was stopped or cancelled."""
    return JobView.of(state_of(request).jobs.resume(find(request, job_id), caller.key_id, budget_usd))


@router.delete("/{job_id}", status_code=204, responses=documented(404, 422))
def delete(request: Request, caller: Judging, job_id: str) -> None:
    """Forget a job that has ended, its solutions and its verdicts."""
    state_of(request).jobs.delete(find(request, job_id), caller.key_id)


@router.get("/{job_id}/rejected", responses=documented(404, 422))
def rejected(
    request: Request,
    _: Reading,
    job_id: str,
    after: Annotated[int, Query(ge=0, le=2**31 - 1)] = 0,
    limit: Limit = 100,
) -> Page[RejectedView]:
    """List the lines of an upload that are no solutions."""
    job = find(request, job_id)
    with state_of(request).database.session() as session:
        found = session.scalars(
            select(Rejected)
            .where(Rejected.job_id == job.id, Rejected.line > after)
            .order_by(Rejected.line)
            .limit(limit + 1)
        ).all()
    shown = [RejectedView(line=one.line, reason=one.reason) for one in found[:limit]]
    return Page(items=shown, next=str(shown[-1].line) if len(found) > limit else None)


def find(request: Request, job_id: str) -> Job:
    """Return a job.

    Raises:
        RefusedError: If there is none of that id.
    """
    # PostgreSQL knows no NUL, in questions either.
    job = None if "\0" in job_id else state_of(request).jobs.find(job_id)
    if job is None:
        raise not_found("job", job_id)
    return job


def _before(jobs: Jobs, wanted: Wanted) -> Job | None:
    """The job that the same request has made before.

    Raises:
        RefusedError: If another request had the same idempotency key.
    """
    answered = jobs.answered(wanted.key_id, wanted.token or "")
    if answered is None:
        return None
    if answered.fingerprint != wanted.fingerprint:
        raise RefusedError(
            HTTPStatus.CONFLICT,
            "another request had this Idempotency-Key",
            hint="Use a new one for a new request",
        )
    return jobs.find(answered.job_id)
