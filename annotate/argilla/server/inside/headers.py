"""Headers on every answer, so that no text that is shown can run a script.

Argilla 2.8.0 shows HTML in plain text, chat, span and custom fields in frames of its own origin, next to the
log-in token. The policy is inherited by those frames: only the scripts of Argilla's own files run, and its
inline ones by their hashes. Fields that bring scripts of their own (custom fields) do not work under it.
"""

import base64
import hashlib
import re
from collections.abc import Awaitable, Callable, MutableMapping
from pathlib import Path
from typing import Any

_INLINE = re.compile(r"<script(?![^>]*\ssrc\s*=)[^>]*>(.*?)</script>", re.DOTALL | re.IGNORECASE)
_BASE_URL = "@@baseUrl@@"

Message = MutableMapping[str, Any]
App = Callable[
    [Message, Callable[[], Awaitable[Message]], Callable[[Message], Awaitable[None]]], Awaitable[None]
]


def content_security_policy(static: Path) -> str:
    """Return the policy for the pages in Argilla's folder of static files, served from the root."""
    inline = {
        script
        for page in static.rglob("*.html")
        for script in _INLINE.findall(page.read_text(encoding="utf-8").replace(_BASE_URL, ""))
    }
    hashes = sorted(
        "'sha256-" + base64.b64encode(hashlib.sha256(script.encode()).digest()).decode() + "'"
        for script in inline
    )
    return "; ".join(
        [
            "default-src 'none'",
            f"script-src 'self' {' '.join(hashes)}",
            # Argilla's components carry styles of their own; a style runs nothing and can fetch nothing.
            "style-src 'self' 'unsafe-inline'",
            "img-src 'self' data: blob:",
            "font-src 'self' data:",
            "media-src 'self' data:",
            "connect-src 'self'",
            "frame-src 'self'",
            "worker-src 'self' blob:",
            "manifest-src 'self'",
            "object-src 'none'",
            "base-uri 'self'",
            "form-action 'self'",
            "frame-ancestors 'none'",
        ]
    )


def with_headers(app: App, static: Path) -> App:
    """Return an ASGI application that adds the headers to every answer of this one."""
    headers = [
        (b"content-security-policy", content_security_policy(static).encode()),
        (b"x-content-type-options", b"nosniff"),
        (b"x-frame-options", b"DENY"),
        (b"referrer-policy", b"no-referrer"),
        (b"cross-origin-opener-policy", b"same-origin"),
        (b"cross-origin-resource-policy", b"same-origin"),
        (b"permissions-policy", b"camera=(), microphone=(), geolocation=()"),
    ]

    async def wrapped(scope: Message, receive: Any, send: Any) -> None:
        async def send_more(message: Message) -> None:
            if message["type"] == "http.response.start":
                message["headers"] = [*message.get("headers", []), *headers]
            await send(message)

        await app(scope, receive, send_more if scope["type"] == "http" else send)

    return wrapped
