"""Who may do what: API keys with scopes, none needed where only this machine can call."""

from collections.abc import Awaitable, Callable
from http import HTTPStatus
from typing import NamedTuple

from fastapi import Request
from starlette.concurrency import run_in_threadpool

from ..store.database import Database
from ..store.keys import find
from ..store.scope import Scope
from ..store.tables import Key
from .refusals import RefusedError
from .state import state_of

_ORDER = list(Scope)
_LOCAL = ("localhost", "127.0.0.1", "[::1]", "::1")


class Caller(NamedTuple):
    """Who calls."""

    key_id: str | None
    """None where no keys are needed."""
    scope: Scope


def cookie(request: Request) -> str:
    """Name the cookie in which a browser keeps the key that a person signed in with.

    Browsers give those of a host to whatever listens there: each port has a name of its own.
    """
    return f"firstfault_key_{request.url.port or 0}"


async def caller(request: Request) -> Caller:
    """Find out who calls.

    Raises:
        RefusedError: If a key is needed and there is none, or one that is unknown or revoked.
    """
    state = state_of(request)
    sent = _sent(request)
    given = sent or _kept(request)
    if given:
        key = await run_in_threadpool(_find, state.database, given)
        if key is not None:
            return Caller(key.id, Scope(key.scope))
    # What a browser has kept of another time is no matter where no key is needed.
    if sent or state.needs_keys:
        raise RefusedError(
            HTTPStatus.UNAUTHORIZED,
            "this API key is unknown or revoked" if given else "an API key is needed",
            hint="Send Authorization: Bearer KEY; `firstfault key create NAME --scope judge` makes one",
            headers={"www-authenticate": "Bearer"},
        )
    _refuse_other_sites(request)
    return Caller(None, Scope.ADMIN)


def scoped(scope: Scope) -> Callable[[Request], Awaitable[Caller]]:
    """Make the dependency of a route that needs a scope."""

    # Not in a thread of its own, which would cost as much as many a route.
    async def allowed(request: Request) -> Caller:
        found = await caller(request)
        refuse_less(found, scope)
        return found

    return allowed


def may(found: Caller, scope: Scope) -> bool:
    """Whether a caller has a scope."""
    return _ORDER.index(found.scope) >= _ORDER.index(scope)


def refuse_less(found: Caller, scope: Scope) -> None:
    """Refuse who has less than a scope.

    Raises:
        RefusedError: If the caller has.
    """
    if not may(found, scope):
        raise RefusedError(
            HTTPStatus.FORBIDDEN,
            f"this key's scope is {found.scope.value}",
            hint=f"Use one with the scope {scope.value}",
        )


def refuse_other_pages(request: Request) -> None:
    """Refuse what a page of another site sends.

    Raises:
        RefusedError: If it comes from one.
    """
    origin = request.headers.get("origin")
    # Without the scheme, which a proxy with TLS changes.
    if origin is not None and origin.partition("://")[2] != request.url.netloc:
        raise RefusedError(HTTPStatus.FORBIDDEN, "a page of another site may not do that", hint="Use our own")


def _find(database: Database, sent: str) -> Key | None:
    with database.session() as session:
        return find(session, sent)


def _sent(request: Request) -> str:
    kind, _, credentials = request.headers.get("authorization", "").partition(" ")
    # Others are for a proxy that asks for them.
    return credentials.strip() if kind.lower() == "bearer" else ""


def _kept(request: Request) -> str:
    """The key that a browser keeps, which it also sends where a page of another site leads it.

    Raises:
        RefusedError: If another site would change something with it.
    """
    kept = request.cookies.get(cookie(request), "")
    if kept and request.method not in ("GET", "HEAD"):
        refuse_other_pages(request)
    return kept


def _refuse_other_sites(request: Request) -> None:
    """Where no keys are needed, a web page of another site must not call in a visitor's name.

    A name of its own that leads to this machine would make such a page one of ours, so that the host is
    looked at as well.
    """
    host = request.url.hostname or ""
    origin = request.headers.get("origin")
    own = f"{request.url.scheme}://{request.url.netloc}"
    if host not in _LOCAL or (origin is not None and origin != own):
        raise RefusedError(
            HTTPStatus.MISDIRECTED_REQUEST,
            "without API keys only this machine may call, under its own name",
            hint="Call 127.0.0.1, or start the service with --require-keys",
        )
