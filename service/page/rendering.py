"""The page's templates and files: all is escaped, and a policy lets nothing run but our own scripts."""

import hashlib
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from fastapi import Request, Response
from fastapi.responses import HTMLResponse

from ...loop.page import TEMPLATES, environment
from ..api.access import cookie

if TYPE_CHECKING:
    from jinja2 import Environment

_HERE = Path(__file__).parent
STATIC = _HERE / "static"
KINDS = {".js": "text/javascript", ".css": "text/css", ".svg": "image/svg+xml"}
_REPORT_CSS = "report.css"
_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; "
    "form-action 'self'; frame-ancestors 'none'; base-uri 'none'"
)


def page(request: Request, template: str, status: int = 200, **shown: Any) -> Response:
    """Render a page, or a part of one."""
    whole = {"place": "", "is_outside": False, "has_key": cookie(request) in request.cookies, **shown}
    return HTMLResponse(
        _environment().get_template(template).render(whole),
        status,
        headers={
            "content-security-policy": _POLICY,
            # Without it browsers don't say whose page a form is on, and the form is refused.
            "referrer-policy": "same-origin",
            "vary": "HX-Request",
        },
    )


@cache
def asset(name: str) -> bytes | None:
    """Return a file of the page; `None` where there is none of that name."""
    if name == _REPORT_CSS:
        return _environment().get_template("report.css.jinja").render().encode()
    # Looked up among what is there: a name that leads elsewhere is none of them.
    path = {one.name: one for one in STATIC.iterdir()}.get(name)
    return path.read_bytes() if path is not None and path.suffix in KINDS else None


@cache
def _environment() -> "Environment":
    made = environment(_HERE / "templates", TEMPLATES)
    shared: dict[str, Any] = made.globals
    shared["static"] = _file_address
    made.filters["usd"] = _usd
    return made


def _file_address(name: str) -> str:
    """The address of a file, another one for another content: browsers keep it for good."""
    digest = hashlib.sha256(asset(name) or b"").hexdigest()[:12]
    return f"/static/{name}?v={digest}"


def _usd(amount: float) -> str:
    return f"${amount:.2f}" if amount >= 0.01 or amount == 0 else f"${amount:.4f}"
