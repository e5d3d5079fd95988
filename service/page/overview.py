"""The first view: runs and jobs, a page of each, as they go on."""

from typing import Any
from urllib.parse import urlencode

from fastapi import APIRouter, Request, Response
from sqlalchemy import select

from ..api.runs import view
from ..api.state import state_of
from ..api.views import JobView
from ..store.tables import Job
from ..store.workers import living
from ..work.states import JobState
from .addresses import number
from .pages import Viewing
from .rendering import page

router = APIRouter(include_in_schema=False)
_AT_ONCE = 30
_LAST = 10_000


@router.get("/")
def overview(request: Request, _: Viewing) -> Response:
    """Show runs and jobs."""
    return page(request, "overview.html.jinja", place="overview", **_live(request))


@router.get("/live")
def live(request: Request, _: Viewing) -> Response:
    """Show what of the overview moves."""
    return page(request, "live.html.jinja", **_live(request))


def _live(request: Request) -> dict[str, Any]:
    state = state_of(request)
    at = {name: number(request, name, _LAST) or 1 for name in ("runs", "jobs")}
    names = state.runs.names()
    first = (at["runs"] - 1) * _AT_ONCE
    shown = [(name, state.runs.find(name)) for name in names[first : first + _AT_ONCE]]
    views = [view(name, folder) for name, folder in shown if folder is not None]
    with state.database.session() as session:
        jobs = session.scalars(
            select(Job)
            .where(Job.run.is_(None), Job.state != JobState.UPLOADING.value)
            .order_by(Job.created_at.desc(), Job.id.desc())
            .offset((at["jobs"] - 1) * _AT_ONCE)
            .limit(_AT_ONCE + 1)
        ).all()
        workers = len(living(state.database, session))
    return {
        "runs": [one for one in views if one is not None],
        "jobs": [JobView.of(one) for one in jobs[:_AT_ONCE]],
        "here": _pages_query(at),
        "run_moves": _moves(at, "runs", len(names) > first + _AT_ONCE),
        "job_moves": _moves(at, "jobs", len(jobs) > _AT_ONCE),
        "workers": workers,
        "folder": state.runs.folder,
        "address": str(request.base_url).rstrip("/"),
        "needs_keys": state.needs_keys,
    }


def _moves(at: dict[str, int], name: str, has_older: bool) -> dict[str, str]:
    """Addresses of the newer and the older page of a list; empty where there is none."""
    here = at[name]
    return {
        "newer": "/" + _pages_query({**at, name: here - 1}) if here > 1 else "",
        "older": "/" + _pages_query({**at, name: here + 1}) if has_older else "",
    }


def _pages_query(at: dict[str, int]) -> str:
    given = {name: number for name, number in at.items() if number > 1}
    return f"?{urlencode(given)}" if given else ""
