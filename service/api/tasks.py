"""Routes of tasks: commands on runs, started, followed, stopped."""

from http import HTTPStatus
from typing import Annotated

from fastapi import APIRouter, Body, Query, Request, Response
from fastapi.responses import PlainTextResponse
from sqlalchemy import select

from ..store.tables import Task
from ..work.actions import Action
from ..work.states import TaskState
from .access import Caller, refuse_less
from .jobs import Judging, Limit, Reading
from .refusals import documented, not_found
from .runs import find as find_run
from .state import state_of
from .views import Page, TaskView

router = APIRouter(prefix="/v1", tags=["tasks"])
_TASK = Annotated[
    Action,
    Body(
        openapi_examples={
            "curate": {"value": {"action": "curate"}},
            "publish": {"value": {"action": "publish", "repo": "me/silver-bullet", "dry_run": True}},
        }
    ),
]


@router.post("/runs/{run}/tasks", status_code=HTTPStatus.ACCEPTED, responses=documented(400, 404, 422))
def start(request: Request, response: Response, caller: Judging, run: str, action: _TASK) -> TaskView:
    """Start a command on a run: `resume`, `curate`, `restore`, `publish`, `push` or `pull`.

    It is stored, and goes on through crashes, once this is answered. Asked for again while it waits or runs,
    it is the same task. `publish` and `push` need the scope admin.
    """
    made = create(request, caller, run, action)
    response.headers["location"] = f"/v1/tasks/{made.id}"
    return TaskView.of(made)


@router.get("/tasks", responses=documented(404, 422))
def listed(
    request: Request,
    _: Reading,
    run: Annotated[str | None, Query(max_length=100, pattern=r"^[^\x00-\x1f]*$")] = None,
    state: TaskState | None = None,
    after: Annotated[str | None, Query(max_length=40, pattern=r"^[0-9a-z-]+$")] = None,
    limit: Limit = 50,
) -> Page[TaskView]:
    """List tasks, newest first."""
    with state_of(request).database.session() as session:
        query = select(Task)
        if run is not None:
            query = query.where(Task.run == run)
        if state is not None:
            query = query.where(Task.state == state.value)
        if after is not None:
            last = session.get(Task, after)
            if last is None:
                raise not_found("task", after)
            query = query.where(
                (Task.created_at < last.created_at)
                | ((Task.created_at == last.created_at) & (Task.id < last.id))
            )
        found = session.scalars(query.order_by(Task.created_at.desc(), Task.id.desc()).limit(limit + 1)).all()
    more = len(found) > limit
    return Page(items=[TaskView.of(one) for one in found[:limit]], next=found[limit - 1].id if more else None)


@router.get("/tasks/{task_id}", responses=documented(404, 422))
def show(request: Request, _: Reading, task_id: str) -> TaskView:
    """Show a task."""
    return TaskView.of(find(request, task_id))


@router.get("/tasks/{task_id}/log", response_class=PlainTextResponse, responses=documented(404, 422))
def log(request: Request, _: Reading, task_id: str) -> Response:
    """Show the end of what a task's command has written."""
    return PlainTextResponse(state_of(request).tasks.log(find(request, task_id)))


@router.post("/tasks/{task_id}/cancel", responses=documented(404, 422))
def cancel(request: Request, caller: Judging, task_id: str) -> TaskView:
    """Stop a task's command; what it has finished is kept."""
    return TaskView.of(state_of(request).tasks.cancel(find(request, task_id), caller.key_id))


def create(request: Request, caller: Caller, run: str, action: Action) -> Task:
    """Put a command in line.

    Raises:
        RefusedError: If there is no such run, or the caller's key is not good for it.
    """
    find_run(request, run)
    refuse_less(caller, action.scope)
    return state_of(request).tasks.create(run, action, caller.key_id)


def find(request: Request, task_id: str) -> Task:
    """Return a task.

    Raises:
        RefusedError: If there is none of that id.
    """
    task = None if "\0" in task_id else state_of(request).tasks.find(task_id)
    if task is None:
        raise not_found("task", task_id)
    return task
