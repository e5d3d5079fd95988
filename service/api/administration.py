"""Routes for those who run the service: keys, the audit log; and how it is."""

from typing import Annotated

from fastapi import APIRouter, Depends, Query, Request, Response
from fastapi.responses import JSONResponse, PlainTextResponse
from pydantic import BaseModel, Field
from sqlalchemy import select

from ...datasets.errors import FirstFaultError
from ..store import keys
from ..store.audit import note
from ..store.scope import Scope
from ..store.tables import Change
from .access import Caller, scoped
from .jobs import Limit, Reading
from .metrics import rendered
from .refusals import documented
from .state import state_of
from .views import ChangeView, KeyView, NewKeyView, Page

router = APIRouter(tags=["service"])
Administering = Annotated[Caller, Depends(scoped(Scope.ADMIN))]


class NewKey(BaseModel, extra="forbid", use_attribute_docstrings=True):
    """A key that is to be made."""

    name: str = Field(min_length=1, max_length=keys.LONGEST_NAME, pattern=r"^[^\x00-\x1f]*$")
    """For people."""
    scope: Scope = Scope.JUDGE
    budget_usd: float | None = Field(default=None, gt=0, le=1e9)
    """What all that is judged for it together may cost."""


class KeyBudget(BaseModel, extra="forbid", use_attribute_docstrings=True):
    """What a key may spend."""

    budget_usd: float | None = Field(gt=0, le=1e9)
    """What all that is judged for it together may cost, from its making on; `null` for no limit."""


@router.get("/health")
async def health() -> dict[str, str]:
    """Say that the service runs."""
    # In no thread: all of them may be waiting for a database that does not answer.
    return {"status": "running"}


@router.get("/ready", responses={503: {"description": "The database does not answer."}})
def ready(request: Request) -> JSONResponse:
    """Say whether it can work: whether its database answers."""
    try:
        state_of(request).database.check()
    except FirstFaultError:
        return JSONResponse({"status": "its database does not answer"}, 503)
    return JSONResponse({"status": "ready"})


@router.get("/metrics", response_class=PlainTextResponse, responses=documented())
def metrics(request: Request, _: Reading) -> Response:
    """Show the counts that Prometheus reads."""
    state = state_of(request)
    return Response(
        rendered(state.database, state.line), media_type="text/plain; version=0.0.4; charset=utf-8"
    )


@router.get("/v1/keys", responses=documented())
def listed(request: Request, _: Administering) -> list[KeyView]:
    """List API keys, without their secrets."""
    with state_of(request).database.session() as session:
        return [KeyView.of(key) for key in keys.listed(session)]


@router.post("/v1/keys", status_code=201, responses=documented(400, 422))
def make(request: Request, caller: Administering, wanted: NewKey) -> NewKeyView:
    """Make an API key. Its secret is shown this once."""
    with state_of(request).database.session() as session:
        key, secret = keys.make(session, wanted.name, wanted.scope, wanted.budget_usd)
        note(session, caller.key_id, "key.create", key.id, name=wanted.name, scope=wanted.scope.value)
        return NewKeyView(**KeyView.of(key).model_dump(), secret=secret)


@router.patch("/v1/keys/{key_id}", responses=documented(400, 422))
def allow(request: Request, caller: Administering, key_id: str, wanted: KeyBudget) -> KeyView:
    """Change what an API key may spend."""
    with state_of(request).database.session() as session:
        key = keys.allow(session, key_id.replace("\0", ""), wanted.budget_usd)
        note(session, caller.key_id, "key.budget", key.id, budget_usd=key.budget_usd)
        return KeyView.of(key)


@router.delete("/v1/keys/{key_id}", responses=documented(422))
def revoke(request: Request, caller: Administering, key_id: str) -> KeyView:
    """Revoke an API key: it is worthless from now on."""
    with state_of(request).database.session() as session:
        key = keys.revoke(session, key_id.replace("\0", ""))
        note(session, caller.key_id, "key.revoke", key.id)
        return KeyView.of(key)


@router.get("/v1/changes", responses=documented(422))
def changes(
    request: Request,
    _: Administering,
    after: Annotated[int, Query(ge=0, le=2**31 - 1)] = 0,
    limit: Limit = 100,
) -> Page[ChangeView]:
    """Show who changed what, oldest first."""
    with state_of(request).database.session() as session:
        found = session.scalars(
            select(Change).where(Change.id > after).order_by(Change.id).limit(limit + 1)
        ).all()
    shown = [ChangeView.of(one) for one in found[:limit]]
    return Page(items=shown, next=str(shown[-1].id) if len(found) > limit else None)
