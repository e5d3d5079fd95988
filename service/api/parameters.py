"""What a request asks for by name must be something that can be asked for."""

from http import HTTPStatus

from fastapi import Request
from fastapi.routing import APIRoute

from .refusals import RefusedError


async def refuse_unknown(request: Request) -> None:
    """Refuse parameters of the API that do not exist: a filter with a slip in its name would find everything.

    Addresses of the page are left alone, since people edit them.
    """
    route = request.scope.get("route")
    if not isinstance(route, APIRoute) or not request.url.path.startswith("/v1/"):
        return
    described = request.app.openapi()["paths"][route.path_format].get(request.method.lower(), {})
    known = [one["name"] for one in described.get("parameters", ()) if one["in"] == "query"]
    unknown = [name for name in request.query_params if name not in known]
    if unknown:
        raise RefusedError(
            HTTPStatus.UNPROCESSABLE_ENTITY,
            f"there is no parameter {unknown[0]!r}",
            hint=f"Known are {', '.join(known)}" if known else "There are none",
        )
