"""How the client asks: again where a connection was lost, later where it is told to wait."""

import time
from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, TypeVar
from urllib.parse import quote

import httpx2
from pydantic import BaseModel

from ..datasets.errors import ConfigError, EndpointError
from .api.views import Page

V = TypeVar("V", bound=BaseModel)
T = TypeVar("T")
TRIES = 5
PAUSE = 0.5
_LAST_PORT = 65535
PATIENCE = 60.0
"""Seconds that a service may be away while one of its jobs is followed: it may be starting anew."""


class ServiceError(EndpointError):
    """What the service refused.

    Args:
        message: Why.
        hint: What to do about it.
        status: Of the answer.
        errors: Every field or line that is wrong, where there are several.
    """

    def __init__(self, message: str, *, hint: str, status: int, errors: Sequence[str] = ()) -> None:
        super().__init__(message, hint=hint)
        self.status = status
        self.errors = list(errors)


class Transport:
    """Requests to a service.

    Args:
        url: Its address.
        key: An API key, if it asks for one.
        timeout: Seconds without a byte after which a connection counts as lost.

    Raises:
        ConfigError: If the address is none.
    """

    def __init__(self, url: str, key: str | None, timeout: float) -> None:
        headers = {"authorization": f"Bearer {key}"} if key else {}
        self._http = httpx2.Client(base_url=_address(url), headers=headers, timeout=timeout)

    def close(self) -> None:
        """Close its connections."""
        self._http.close()

    def one(
        self,
        kind: type[V],
        method: str,
        path: str,
        *,
        asked: Mapping[str, Any] | None = None,
        body: Any = None,
    ) -> V:
        """Ask for one thing."""
        return kind.model_validate_json(self.ask(method, path, asked=asked, body=body).content)

    def pages(self, kind: type[V], path: str, asked: Mapping[str, Any]) -> Iterator[V]:
        """Yield all of a listing, page by page."""
        after: str | None = None
        while True:
            answer = self.ask("GET", path, asked={**asked, "after": after, "limit": 200})
            page = Page[kind].model_validate_json(answer.content)
            yield from page.items
            after = page.next
            if after is None:
                return

    def ask(
        self,
        method: str,
        path: str,
        *,
        asked: Mapping[str, Any] | None = None,
        body: Any = None,
        headers: Mapping[str, str] | None = None,
        stream: Callable[[], Iterator[bytes]] | None = None,
    ) -> httpx2.Response:
        """Send a request.

        Args:
            method: Of HTTP.
            path: Of the operation.
            asked: Its parameters; what is `None` is left out.
            body: Sent as JSON.
            headers: More of them.
            stream: Makes the body anew for each attempt; the request must be one that may be repeated.

        Raises:
            ServiceError: If it is refused.
            EndpointError: If nobody answers.
        """
        # What is done twice by being asked twice is not asked again when nobody knows what became of it.
        is_safe = method == "GET" or stream is not None
        for attempt in range(1, TRIES + 1):
            try:
                answer = self._http.request(
                    method,
                    path,
                    params=_given(asked or {}),
                    json=body,
                    content=stream() if stream is not None else None,
                    headers=dict(headers or {}),
                )
            except httpx2.TransportError as error:
                if attempt == TRIES or not (is_safe or isinstance(error, httpx2.ConnectError)):
                    raise EndpointError(
                        f"{self._http.base_url}: {type(error).__name__}: {error}",
                        hint="Is the service running? `firstfault serve` starts one",
                    ) from None
                time.sleep(PAUSE * attempt)
                continue
            if answer.status_code == 429 and attempt < TRIES:
                time.sleep(_delay(answer))
                continue
            _refuse(answer)
            return answer
        raise AssertionError("the last attempt returns or raises")

    def later(self, asking: Callable[[], T]) -> T:
        """Ask until a service that is away is back.

        Raises:
            ServiceError: If it refuses.
            EndpointError: If nobody has answered for `PATIENCE` seconds.
        """
        end = time.monotonic() + PATIENCE
        while True:
            try:
                return asking()
            except ServiceError:
                raise
            except EndpointError:
                if time.monotonic() > end:
                    raise

    @contextmanager
    def lines(self, path: str, asked: Mapping[str, Any]) -> Generator[Iterator[str]]:
        """Give an answer's lines as they come.

        Raises:
            ServiceError: If it is refused.
        """
        for attempt in range(1, TRIES + 1):
            with self._http.stream("GET", path, params=_given(asked)) as answer:
                if not answer.is_error:
                    yield answer.iter_lines()
                    return
                answer.read()
                if answer.status_code != 429 or attempt == TRIES:
                    _refuse(answer)
            time.sleep(_delay(answer))


def _address(url: str) -> httpx2.URL:
    try:
        read = httpx2.URL(url)
        is_good = read.scheme in ("http", "https") and bool(read.host) and (read.port or 0) <= _LAST_PORT
    except httpx2.InvalidURL:
        read, is_good = httpx2.URL(), False
    if not is_good:
        raise ConfigError(
            f"{url!r} is no address of a service",
            hint="Give one as http://127.0.0.1:8400, which `serve` says",
        )
    return read


def _delay(answer: httpx2.Response) -> float:
    try:
        return float(answer.headers.get("retry-after", "1"))
    except ValueError:  # A proxy may say it as a date.
        return 1.0


def _refuse(answer: httpx2.Response) -> None:
    if not answer.is_error:
        return
    try:
        told: dict[str, Any] = answer.json()
    except ValueError:
        told = {}
    raise ServiceError(
        str(told.get("detail") or f"{answer.request.url.path}: {answer.status_code}"),
        hint=str(told.get("hint") or "The service's log says more"),
        status=answer.status_code,
        errors=told.get("errors") or (),
    )


def _given(asked: Mapping[str, Any]) -> dict[str, str | int | float | bool]:
    return {name: getattr(value, "value", value) for name, value in asked.items() if value is not None}


def part_of(name: str) -> str:
    """Write a name as one part of a path."""
    return quote(name, safe="")
