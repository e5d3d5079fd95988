"""The page for people: a job as it goes on, a run with its pictures, and what is started on it."""

from datetime import UTC, datetime
from http import HTTPStatus
from typing import Annotated, Any
from urllib.parse import quote

from fastapi import APIRouter, Depends, Request, Response
from fastapi.responses import RedirectResponse
from sqlalchemy import select
from starlette.concurrency import run_in_threadpool

from ...loop import page as report_page
from ...loop import wording
from ...loop.folder import RunFolder
from ..api.access import Caller, may, scoped
from ..api.jobs import Judging, resume
from ..api.jobs import find as find_job
from ..api.refusals import RefusedError, refusal
from ..api.runs import find as find_run
from ..api.runs import shown as shown_run
from ..api.runs import stage_views
from ..api.state import state_of
from ..api.tasks import create
from ..api.tasks import find as find_task
from ..api.views import JobView, RunView, TaskView
from ..store.counts import Counts
from ..store.scope import Scope
from ..store.search import Wanted
from ..store.tables import Job, Task
from ..work import runs
from ..work.actions import ACTION
from ..work.states import OPEN, JobState
from . import told
from .forms import RESUMPTION, read_form
from .rendering import KINDS, asset, page
from .sign_in import inside

router = APIRouter(include_in_schema=False)
_FOR_GOOD = "public, max-age=31536000, immutable"
_MOST_TASKS = 10
_ACTIONS = (
    ("resume", "Go on", "Go on with the run to its end", Scope.JUDGE, ""),
    ("curate", "Make pairs", "Make the pairs, anew where reviews have come in since", Scope.JUDGE, ""),
    ("restore", "Restore", "Restore the variant with the pairs, and measure it", Scope.JUDGE, ""),
    ("pull", "Pull reviews", "Bring people's answers from Argilla into the run", Scope.JUDGE, ""),
    (
        "push",
        "Ask people",
        "Send doubtful solutions to Argilla",
        Scope.ADMIN,
        "Send up to 100 doubtful solutions to Argilla?",
    ),
    (
        "publish",
        "Publish",
        "Publish the set to the Hub, privately",
        Scope.ADMIN,
        "Publish the set to the Hub, privately?",
    ),
)
"""What can be started: its name, what its button says, what that means, who may, what is asked before."""
_MOVING = (JobState.QUEUED, JobState.RUNNING)


async def viewing(request: Request) -> Caller:
    """Find out who looks; who has no key yet is led to where one is given."""
    try:
        return await scoped(Scope.READ)(request)
    except RefusedError as error:
        if error.status is not HTTPStatus.UNAUTHORIZED:
            raise
        # A part of a page can't lead elsewhere by itself, and is nothing to come back to.
        is_part = "hx-request" in request.headers
        back = inside(_shown_address(request) if is_part else _address(request))
        address = f"/login?next={quote(back, safe='')}"
        raise RefusedError(
            HTTPStatus.UNAUTHORIZED if is_part else HTTPStatus.SEE_OTHER,
            "an API key is needed",
            headers={"hx-redirect" if is_part else "location": address},
        ) from None


Viewing = Annotated[Caller, Depends(viewing)]


def _address(request: Request) -> str:
    # As it was sent: a run may be called `50%` or `what?`.
    query = request.scope["query_string"].decode("latin-1")
    return f"{quote(request.scope['path'])}{f'?{query}' if query else ''}"


def _shown_address(request: Request) -> str:
    """The address of the page that a part of it is asked for."""
    shown = request.headers.get("hx-current-url", "")
    # Cut by hand: what a caller says may be no address at all.
    return "/" + shown.partition("://")[2].partition("/")[2].partition("#")[0]


@router.get("/jobs/{job_id}")
def job(request: Request, caller: Viewing, job_id: str) -> Response:
    """Show a job."""
    return page(request, "job.html.jinja", **_job(request, caller, job_id))


@router.get("/jobs/{job_id}/live")
def job_live(request: Request, caller: Viewing, job_id: str) -> Response:
    """Show what of a job moves."""
    return page(request, "job_live.html.jinja", **_job(request, caller, job_id))


@router.post("/jobs/{job_id}/cancel")
def cancel_job(request: Request, caller: Judging, job_id: str) -> Response:
    """Stop a job."""
    state_of(request).jobs.cancel(find_job(request, job_id), caller.key_id)
    return RedirectResponse(f"/jobs/{quote(job_id)}", 303)


@router.post("/jobs/{job_id}/resume")
async def resume_job(request: Request, caller: Judging, job_id: str) -> Response:
    """Go on with a job that was stopped, with a larger budget where one is given."""
    budget_usd = (await read_form(request, RESUMPTION)).budget_usd
    await run_in_threadpool(resume, request, caller, job_id, budget_usd)
    return RedirectResponse(f"/jobs/{quote(job_id)}", 303)


@router.get("/runs/{run}")
def run(request: Request, caller: Viewing, run: str) -> Response:
    """Show a run with its pictures."""
    shown = _run(request, run)
    with state_of(request).database.session() as session:
        parts = session.scalars(select(Job).where(Job.run == run).order_by(Job.name)).all()
    heading = wording.title(shown["report"]) if shown["report"] else run
    return page(
        request, "run.html.jinja", heading=heading, parts=parts, **shown, **_tasks(request, caller, run)
    )


@router.get("/runs/{run}/live")
def run_live(request: Request, _: Viewing, run: str) -> Response:
    """Show how far a run is."""
    folder = find_run(request, run)
    return page(request, "run_live.html.jinja", run=shown_run(request, run), stages=stage_views(folder))


@router.get("/runs/{run}/pictures")
def pictures(request: Request, _: Viewing, run: str, seen: str = "") -> Response:
    """Show a run's pictures; nothing if they are those that were seen."""
    if seen and seen == _seen(find_run(request, run), shown_run(request, run)):
        return Response(status_code=204)
    return page(request, "run_report.html.jinja", **_run(request, run))


@router.get("/runs/{run}/tasks")
def run_tasks(request: Request, caller: Viewing, run: str) -> Response:
    """Show what was started on a run."""
    return page(request, "run_tasks.html.jinja", run=shown_run(request, run), **_tasks(request, caller, run))


@router.post("/runs/{run}/tasks")
async def start_task(request: Request, caller: Judging, run: str) -> Response:
    """Start a command on a run."""
    action = await read_form(request, ACTION)
    await run_in_threadpool(create, request, caller, run, action)
    return RedirectResponse(f"/runs/{quote(run)}#tasks", 303)


@router.post("/tasks/{task_id}/cancel")
def cancel_task(request: Request, caller: Judging, task_id: str) -> Response:
    """Stop a command on a run."""
    task = find_task(request, task_id)
    state_of(request).tasks.cancel(task, caller.key_id)
    return RedirectResponse(f"/runs/{quote(task.run)}#tasks", 303)


@router.get("/static/{name}")
def static(name: str) -> Response:
    """Send a file of the page."""
    content = asset(name)
    if content is None:
        raise RefusedError(HTTPStatus.NOT_FOUND, f"there is no file {name!r}")
    kind = next(kind for end, kind in KINDS.items() if name.endswith(end))
    return Response(content, media_type=kind, headers={"cache-control": _FOR_GOOD})


def refused(request: Request, error: RefusedError) -> Response:
    """Say no on a page."""
    is_outside = error.status is HTTPStatus.UNAUTHORIZED
    shown = page(
        request, "refusal.html.jinja", error.status.value, refusal=refusal(error), is_outside=is_outside
    )
    shown.headers.update(error.headers)
    return shown


def _job(request: Request, caller: Caller, job_id: str) -> dict[str, Any]:
    found = find_job(request, job_id)
    with state_of(request).database.session() as session:
        types = Counts.of(session, Wanted(job=found.id)).error_type
    shown = JobView.of(found)
    return {
        "job": shown,
        "types": types,
        "is_moving": shown.state in _MOVING,
        "may_go_on": shown.state in (JobState.STOPPED, JobState.CANCELLED),
        "may_judge": may(caller, Scope.JUDGE),
        "rate": _rate(shown),
    }


def _rate(job: JobView) -> str:
    """How fast it is judged, and how long it will take, in words; empty while nobody knows."""
    if job.started_at is None or not job.done:
        return ""
    seconds = ((job.ended_at or datetime.now(UTC)) - job.started_at).total_seconds()
    if seconds <= 0:
        return ""
    rate = job.done / seconds
    said = f"{rate:,.0f} a second" if rate >= 1 else f"{60 * rate:,.1f} a minute"
    if job.state is not JobState.RUNNING:
        return f"{said}, {wording.duration(seconds)} in all"
    return f"{said}, about {wording.duration((job.items - job.done) / rate)} left"


def _run(request: Request, name: str) -> dict[str, Any]:
    folder = find_run(request, name)
    found = runs.report(folder)
    pictures: dict[str, Any] = report_page.context(found) if found is not None else {"report": None}
    run = shown_run(request, name)
    return {**pictures, "run": run, "stages": stage_views(folder), "seen": _seen(folder, run)}


def _seen(folder: RunFolder, run: RunView) -> str:
    """What a run's pictures depend on."""
    path = folder.path / runs.JSON_NAME
    return f"{path.stat().st_mtime_ns if path.is_file() else 0}-{run.state.value}"


def _tasks(request: Request, caller: Caller, name: str) -> dict[str, Any]:
    with state_of(request).database.session() as session:
        found = session.scalars(
            select(Task).where(Task.run == name).order_by(Task.created_at.desc()).limit(_MOST_TASKS)
        ).all()
    return {
        "tasks": [_task(TaskView.of(one)) for one in found],
        "may_start": may(caller, Scope.JUDGE),
        "actions": [one for one in _ACTIONS if may(caller, one[3])],
    }


def _task(shown: TaskView) -> dict[str, Any]:
    return {
        **shown.model_dump(),
        "is_open": shown.state in OPEN,
        "asked": told.asked(shown),
        "came": told.came(shown),
    }
