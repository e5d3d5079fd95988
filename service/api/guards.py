"""What every request passes: headers that browsers obey, and the limit of requests a minute."""

from http import HTTPStatus

from limits import RateLimitItemPerMinute
from limits.storage import MemoryStorage
from limits.strategies import FixedWindowRateLimiter
from starlette.datastructures import MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from .refusals import RefusedError, answer

_HEADERS = {
    # What is served is data; nothing of it is to run or be framed anywhere.
    "content-security-policy": (
        "default-src 'none'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'"
    ),
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
    "referrer-policy": "no-referrer",
    "cross-origin-resource-policy": "same-origin",
}
_UNLIMITED = ("/health", "/ready")
_CHECKED = ("/", *_UNLIMITED)


class Headers:
    """Adds headers to every response.

    Args:
        app: What responds.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve a request."""

        async def with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in _HEADERS.items():
                    headers.setdefault(name, value)
                headers.setdefault("cache-control", "no-store")
            await send(message)

        await self._app(scope, receive, with_headers if scope["type"] == "http" else send)


class Heads:
    """Answers HEAD like GET, without a body, where uptime checkers ask.

    Args:
        app: What answers GET.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve a request."""

        async def without_body(message: Message) -> None:
            is_body = message["type"] == "http.response.body"
            await send({**message, "body": b""} if is_body else message)

        if scope["type"] == "http" and scope["method"] == "HEAD" and scope["path"] in _CHECKED:
            await self._app({**scope, "method": "GET"}, receive, without_body)
            return
        await self._app(scope, receive, send)


class Pace:
    """Refuses callers who ask too often.

    Args:
        app: What responds to the others.
        per_minute: Requests of one address.
    """

    def __init__(self, app: ASGIApp, per_minute: int) -> None:
        self._app = app
        self._item = RateLimitItemPerMinute(per_minute)
        self._limiter = FixedWindowRateLimiter(MemoryStorage())

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve a request, or refuse it."""
        if scope["type"] != "http" or scope["path"] in _UNLIMITED or self._may(scope):
            await self._app(scope, receive, send)
            return
        refused = RefusedError(
            HTTPStatus.TOO_MANY_REQUESTS,
            f"more than {self._item.amount:,} requests in a minute",
            hint="Wait a moment",
            headers={"retry-after": "1"},
        )
        await answer(refused)(scope, receive, send)

    def _may(self, scope: Scope) -> bool:
        return self._limiter.hit(self._item, scope["client"][0] if scope.get("client") else "")
