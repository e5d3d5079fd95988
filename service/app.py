"""The web application: its routes, and what every request passes."""

from fastapi import Depends, FastAPI

from .api import administration as administering
from .api import jobs as posting
from .api import judge as judging
from .api import refusals
from .api import runs as looking
from .api import tasks as tasking
from .api import verdicts as finding
from .api import webhook as hooks
from .api.guards import Headers, Heads, Pace
from .api.parameters import refuse_unknown
from .api.refusals import Refusal
from .api.state import State
from .page import overview, pages
from .page import sign_in as door
from .page import solutions as browsing

TITLE = "firstfault"
_ABOUT = """Finds the first faulty step of chains of thought.

Post one solution to `/v1/judge`, or many as a job to `/v1/jobs`, and read the verdicts as they come.
Refusals are problem documents (RFC 9457) whose `hint` says what to do."""


def make_app(state: State) -> FastAPI:
    """Make the application of a service."""
    app = FastAPI(
        title=TITLE,
        version="1",
        description=_ABOUT,
        docs_url=None,
        redoc_url=None,
        redirect_slashes=False,
        dependencies=[Depends(refuse_unknown)],
    )
    app.state.service = state
    for part in (
        judging,
        posting,
        finding,
        looking,
        tasking,
        hooks,
        administering,
        overview,
        pages,
        door,
        browsing,
    ):
        app.include_router(part.router)
    refusals.install(app, pages.refused)
    app.add_middleware(Heads)
    app.add_middleware(Pace, per_minute=state.config.limits.requests_per_minute)
    app.add_middleware(Headers)
    _describe(app)
    return app


def _describe(app: FastAPI) -> None:
    """Tell the OpenAPI document what it can't see: keys, and refusals."""
    document = app.openapi()
    parts = document.setdefault("components", {})
    schema = Refusal.model_json_schema(ref_template="#/components/schemas/{model}")
    parts.setdefault("schemas", {})["Refusal"] = schema
    parts["securitySchemes"] = {"key": {"type": "http", "scheme": "bearer"}}
    document["security"] = [{"key": []}, {}]
