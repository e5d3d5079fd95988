"""How the API says no: problem details (RFC 9457), with the hints of the command line."""

import logging
from collections.abc import Callable, Mapping, Sequence
from http import HTTPStatus
from typing import Any

from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from pydantic import BaseModel
from sqlalchemy.exc import InterfaceError, OperationalError
from starlette.exceptions import HTTPException

from ...datasets.errors import EndpointError, FirstFaultError
from ..store.outages import is_outage
from ..work.budgets import SpentError

MEDIA_TYPE = "application/problem+json"
_LOG = logging.getLogger(__name__)


class Refusal(BaseModel, use_attribute_docstrings=True):
    """Why a request was refused."""

    type: str = "about:blank"
    title: str
    """The HTTP status in words."""
    status: int
    detail: str
    """What is wrong, in one line."""
    hint: str = ""
    """What to do about it."""
    errors: list[str] = []
    """Every field or line that is wrong, where there are several."""


class RefusedError(Exception):
    """A request that can't be carried out.

    Args:
        status: Of the answer.
        detail: What is wrong.
        hint: What to do about it.
        errors: Every field or line that is wrong.
        headers: Of the answer.
    """

    def __init__(
        self,
        status: HTTPStatus,
        detail: str,
        *,
        hint: str = "",
        errors: Sequence[str] = (),
        headers: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(detail)
        self.status = status
        self.hint = hint
        self.errors = list(errors)
        self.headers = dict(headers or {})


def not_found(what: str, identity: str) -> RefusedError:
    """Say that there is no such thing."""
    return RefusedError(HTTPStatus.NOT_FOUND, f"there is no {what} {identity!r}", hint=f"List the {what}s")


def documented(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """Describe refusals for the OpenAPI document."""
    content = {MEDIA_TYPE: {"schema": {"$ref": "#/components/schemas/Refusal"}}}
    return {
        status: {"description": HTTPStatus(status).phrase, "content": content}
        for status in (*statuses, 401, 403, 421, 422, 429, 503)
    }


def answer(error: RefusedError) -> JSONResponse:
    """Make the response that says no."""
    headers = {**error.headers, "content-type": MEDIA_TYPE}
    return JSONResponse(refusal(error).model_dump(), error.status.value, headers=headers)


def refusal(error: RefusedError) -> Refusal:
    """Describe a refusal."""
    return Refusal(
        title=error.status.phrase,
        status=error.status.value,
        detail=str(error),
        hint=error.hint,
        errors=error.errors,
    )


def install(app: FastAPI, page: Callable[[Request, RefusedError], Response]) -> None:
    """Make every failure of an app a problem document, or a page for those who look at pages.

    Args:
        app: The application.
        page: Makes the page.
    """

    def say(request: Request, error: RefusedError) -> Response:
        is_page = "text/html" in request.headers.get("accept", "") and not request.url.path.startswith("/v1")
        return page(request, error) if is_page else answer(error)

    async def refused(request: Request, error: Exception) -> Response:
        assert isinstance(error, RefusedError)
        return say(request, error)

    async def mendable(request: Request, error: Exception) -> Response:
        assert isinstance(error, FirstFaultError)
        status = HTTPStatus.UNPROCESSABLE_ENTITY
        if isinstance(error, EndpointError):
            status = HTTPStatus.BAD_GATEWAY
        elif isinstance(error, SpentError):
            status = HTTPStatus.PAYMENT_REQUIRED
        return say(request, RefusedError(status, str(error), hint=error.hint))

    async def malformed(request: Request, error: Exception) -> Response:
        assert isinstance(error, RequestValidationError)
        errors = [f"{'.'.join(str(part) for part in one['loc'])}: {one['msg']}" for one in error.errors()]
        return say(
            request,
            RefusedError(
                HTTPStatus.UNPROCESSABLE_ENTITY,
                errors[0] if errors else "the request is malformed",
                hint="/openapi.json says what is expected",
                errors=errors,
            ),
        )

    async def http(request: Request, error: Exception) -> Response:
        assert isinstance(error, HTTPException)
        status = HTTPStatus(error.status_code)
        return say(
            request,
            RefusedError(
                status, str(error.detail), hint="/openapi.json lists the paths", headers=error.headers
            ),
        )

    async def away(request: Request, error: Exception) -> Response:
        if not is_outage(error):
            return await bug(request, error)
        _LOG.warning("%s %s: the database does not answer", request.method, request.url.path)
        return say(
            request,
            RefusedError(
                HTTPStatus.SERVICE_UNAVAILABLE,
                "the database does not answer",
                hint="Ask again in a moment",
                headers={"retry-after": "2"},
            ),
        )

    async def bug(request: Request, error: Exception) -> Response:
        _LOG.error("%s %s failed", request.method, request.url.path, exc_info=error)
        return say(
            request,
            RefusedError(
                HTTPStatus.INTERNAL_SERVER_ERROR, "a bug of the service", hint="Its log holds the traceback"
            ),
        )

    app.add_exception_handler(RefusedError, refused)
    app.add_exception_handler(FirstFaultError, mendable)
    app.add_exception_handler(RequestValidationError, malformed)
    app.add_exception_handler(HTTPException, http)
    for kind in (OperationalError, InterfaceError):
        app.add_exception_handler(kind, away)
    app.add_exception_handler(Exception, bug)
