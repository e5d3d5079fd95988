"""Signing in to the page with an API key, which the browser then keeps."""

from http import HTTPStatus
from urllib.parse import parse_qs

from fastapi import APIRouter, Request, Response
from fastapi.responses import RedirectResponse

from ..api.access import cookie, refuse_other_pages, scoped
from ..api.refusals import RefusedError
from ..api.spool import read_body
from ..store.scope import Scope
from .rendering import page

router = APIRouter(include_in_schema=False)
_BYTES = 4096
_DAYS = 30


@router.get("/login")
def login(request: Request, next: str = "/") -> Response:
    """Ask for a key."""
    return page(request, "login.html.jinja", is_outside=True, next=inside(next), refused="")


@router.post("/login")
async def sign_in(request: Request) -> Response:
    """Take a key, and keep it in a cookie that scripts and other sites don't get."""
    refuse_other_pages(request)
    body = parse_qs((await read_body(request, _BYTES)).decode("utf-8", "replace"))
    key, back = body.get("key", [""])[0].strip(), inside(body.get("next", ["/"])[0])
    # Asked as if it had been sent, so that there is one place that knows what a good key is.
    request.scope["headers"] = [
        (name, value) for name, value in request.scope["headers"] if name not in (b"cookie", b"authorization")
    ] + [(b"authorization", f"Bearer {key}".encode("latin-1", "replace"))]
    try:
        await scoped(Scope.READ)(Request(request.scope))
    except RefusedError as error:
        why = "This key is unknown or revoked." if error.status is HTTPStatus.UNAUTHORIZED else f"{error}."
        return page(request, "login.html.jinja", int(error.status), is_outside=True, next=back, refused=why)
    answer = RedirectResponse(back, 303)
    is_secure = request.url.scheme == "https"
    answer.set_cookie(
        cookie(request), key, httponly=True, samesite="strict", secure=is_secure, max_age=_DAYS * 86400
    )
    return answer


@router.post("/logout")
def leave(request: Request) -> Response:
    """Forget the key."""
    refuse_other_pages(request)
    answer = RedirectResponse("/login", 303)
    answer.delete_cookie(cookie(request))
    return answer


def inside(address: str) -> str:
    """Return an address of this service; its first page for one elsewhere."""
    is_ours = address.startswith("/") and not address.startswith(("//", "/\\"))
    return address if is_ours and address.isprintable() else "/"
