"""How the client asks: again where a connection was lost, later where it is told to wait."""

import time
from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, TypeVar, cast
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
"""Seconds that are waited in all where the service says to ask later, or is away while one of its jobs is
followed: it may be starting anew."""
_LATER = (429, 503)
"""What says that nothing was done. (Where the database was lost just as it stored it, who asks again is told
that it is done already.)"""
_AWAY = (502, 504)
"""What a proxy says of a service that gave no answer, whatever it has done."""


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
        waits: bool = True,
    ) -> httpx2.Response:
        """Send a request.

        Args:
            method: Of HTTP.
            path: Of the operation.
            asked: Its parameters; what is `None` is left out.
            body: Sent as JSON.
            headers: More of them.
            stream: Makes the body anew for each attempt; the request must be one that may be repeated.
            waits: Whether to ask later where that is said.

        Raises:
            ServiceError: If it is refused.
            EndpointError: If nobody answers.
        """
        # What is done twice by being asked twice is not asked again when nobody knows what became of it.
        is_safe = method == "GET" or stream is not None
        waiting, lost = _Waiting(PATIENCE if waits else 0), 0
        while True:
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
                lost += 1
                if lost == TRIES or not (is_safe or isinstance(error, httpx2.ConnectError)):
                    raise EndpointError(
                        f"{self._http.base_url}: {type(error).__name__}: {error}",
                        hint="Is the service running? `firstfault serve` starts one",
                    ) from None
                time.sleep(PAUSE * lost)
                continue
            if not waiting.is_over(answer, is_safe=is_safe):
                continue
            _refuse(answer)
            return answer

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
        waiting = _Waiting(PATIENCE)
        while True:
            with self._http.stream("GET", path, params=_given(asked)) as answer:
                if not answer.is_error:
                    yield answer.iter_lines()
                    return
                answer.read()
            if waiting.is_over(answer, is_safe=True):
                _refuse(answer)


class _Waiting:
    """Waits as it is told, no longer in all than there is patience."""

    def __init__(self, patience: float) -> None:
        self._patience = patience
        self._end: float | None = None

    def is_over(self, answer: httpx2.Response, *, is_safe: bool) -> bool:
        """Whether an answer is the last one; else what it says to wait is waited."""
        if answer.status_code not in (_LATER + _AWAY if is_safe else _LATER):
            return True
        # From the first refusal on: what was refused may have been long on its way.
        self._end = self._end or time.monotonic() + self._patience
        delay = _delay(answer)
        if time.monotonic() + delay > self._end:
            return True
        time.sleep(delay)
        return False


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
    told = answer.headers.get("retry-after", "")
    # A proxy may say it as a date.
    return max(float(told), PAUSE) if told.isdecimal() else 1.0


def _refuse(answer: httpx2.Response) -> None:
    if not answer.is_error:
        return
    try:
        read = answer.json()
    except ValueError:
        read = None
    # What a proxy says may be anything.
    told = cast(dict[str, Any], read) if isinstance(read, dict) else {}
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
