"""What went wrong with a request, and what is to be done about it.

Reasons are one line and hold neither the key nor text of the conversation, whatever the server sends back.
"""

import json
import re
import socket
from collections.abc import Iterator, Mapping
from enum import StrEnum
from typing import Any, NamedTuple, cast

from ...datasets.errors import EndpointError
from .chat import Ask
from .endpoint import NO_KEY, Endpoint
from .pacing import retry_after

NOTHING_SAID = Ask("", ())
"""Whose text is to be left out of a reason that is about no conversation."""

_LONGEST_QUOTE = 200
_OVERLAP = 16
_PASSING = frozenset({408, 409, 425, 429})
_LOOKS_LIKE_A_KEY = re.compile(r"\b(?:sk|rk|pk|hf|gsk|xai)[-_][\w*.-]{6,}|(?i:bearer)\s+\S+")
_SCHEMA_WORDS = ("response_format", "json_schema", "structured output", "guided", "grammar")


class Kind(StrEnum):
    """What is to be done about a fault."""

    CROWDED = "crowded"
    """Too many requests: ask again later, and fewer at a time."""
    PASSING = "passing"
    """Ask again."""
    UNREACHABLE = "unreachable"
    """No connection: ask again; if it never answered, it isn't there."""
    REJECTED = "rejected"
    """This request will never be answered."""
    NO_SCHEMA = "no_schema"
    """It can't take a JSON schema: ask without."""
    UNUSABLE = "unusable"
    """The configuration is wrong: no request will be answered."""
    SPENT = "spent"
    """The account has nothing left."""


class Fault(NamedTuple):
    """One failed attempt."""

    kind: Kind
    reason: str
    wait: float | None = None
    """Seconds that the endpoint wants to be left alone."""
    hint: str = ""
    """What the user can do, where it is not a single request that is at fault."""

    def error(self, endpoint: Endpoint) -> EndpointError:
        """Return the exception that ends a run."""
        hint = self.hint or "Check base_url, and that the server is up"
        return EndpointError(f"{endpoint.model} at {endpoint.base_url}: {self.reason}", hint=hint)


class Scrubber:
    """Takes a key out of text, and quotes what a server says without the conversation.

    Args:
        key: The key in use; the placeholder of local servers is left alone.
    """

    def __init__(self, key: str) -> None:
        self._key = key if key != NO_KEY and len(key) >= 8 else None

    @property
    def has_key(self) -> bool:
        """Whether there is a key to take out."""
        return self._key is not None

    def clean(self, text: str) -> str:
        """Return the text without the key."""
        return text.replace(self._key, "***") if self._key else text

    def quote(self, said: str, ask: Ask) -> str:
        """Return one short line of what a server said, or nothing if it repeats the conversation."""
        line = " ".join("".join(char if char.isprintable() else " " for char in said[:2000]).split())
        if not line or line.startswith("<"):
            return ""
        line = _LOOKS_LIKE_A_KEY.sub("***", self.clean(line))
        for message in ask.messages:
            content = " ".join(message.content.split())
            if any(piece in content for piece in _pieces(line)) or (content and content in line):
                return "(what it said repeats the conversation and is left out)"
        return line if len(line) <= _LONGEST_QUOTE else line[:_LONGEST_QUOTE] + "..."


def read_fault(error: Exception, endpoint: Endpoint, ask: Ask, scrubber: Scrubber) -> Fault:
    """Tell what an exception of the client, or a time-out of ours, means.

    Raises:
        Exception: The error itself, if it is none of these.
    """
    import aiohttp
    import openai

    if isinstance(error, openai.APIStatusError):
        wait = retry_after(error.response.headers.get("retry-after"))
        return read_status(error.status_code, error.body, wait, endpoint, ask, scrubber)
    causes = list(_causes(error))
    # Not all that aiohttp raises is known to the client, and what it takes for a time-out of its own is a
    # connection that could not be made or was lost.
    of_aiohttp = any(isinstance(cause, aiohttp.ClientError) for cause in causes)
    if isinstance(error, TimeoutError) or (isinstance(error, openai.APITimeoutError) and not of_aiohttp):
        return Fault(Kind.PASSING, f"no answer within {endpoint.timeout:g} s")
    if isinstance(error, openai.APIConnectionError) or of_aiohttp:
        if any(isinstance(cause, socket.gaierror) for cause in causes):
            return Fault(Kind.UNUSABLE, "unknown host", hint="Check base_url and the network")
        if any(isinstance(cause, aiohttp.ClientResponseError) for cause in causes):
            return Fault(Kind.PASSING, "the answer was not HTTP")
        refused = any(isinstance(cause, ConnectionRefusedError) for cause in causes)
        if refused or any(isinstance(cause, aiohttp.ClientConnectorError) for cause in causes):
            return Fault(Kind.UNREACHABLE, "connection refused" if refused else "no connection")
        return Fault(Kind.PASSING, "the connection was lost before the whole answer had come")
    raise error


def read_status(
    status: int, body: object, wait: float | None, endpoint: Endpoint, ask: Ask, scrubber: Scrubber
) -> Fault:
    """Tell what an answer with an error status means.

    Args:
        status: Of HTTP.
        body: As it was parsed.
        wait: Seconds that the endpoint wants to be left alone, if it says so.
        endpoint: Whose answer it is.
        ask: What was asked; no text of it gets into the fault.
        scrubber: Takes out the key.
    """
    details = _details(body)
    said = f"{details.get('message') or ''}"
    code = f"{details.get('code') or ''} {details.get('type') or ''}"
    reason = f"HTTP {status}"
    if status in (401, 403):
        # Servers quote the key here, in part or whole: nothing of what they say is passed on.
        return Fault(
            Kind.UNUSABLE,
            f"{reason}: the key was refused",
            hint=f"Check the key in {endpoint.api_key_env} and what it may be used for"
            if scrubber.has_key
            else "It was asked without a key; name the variable that holds one by api_key_env",
        )
    quote = scrubber.quote(said, ask)
    reason = f"{reason}: {quote}" if quote else reason
    if status == 404:
        return Fault(Kind.UNUSABLE, reason, hint="Check the name of the model and base_url")
    if "insufficient_quota" in code or status == 402:
        return Fault(Kind.SPENT, reason, hint="Top up the account, then run the same command again")
    if status in _PASSING or status >= 500:
        return Fault(Kind.CROWDED if status == 429 else Kind.PASSING, reason, wait)
    text = f"{said} {details.get('param') or ''}".lower()
    if status in (400, 422) and any(word in text for word in _SCHEMA_WORDS):
        return Fault(Kind.NO_SCHEMA, reason, hint="Set schema_support: auto or none")
    if "unsupported_parameter" in code or "unsupported_value" in code:
        return Fault(
            Kind.UNUSABLE, reason, hint="Change the field it names, e.g. max_tokens_field or temperature"
        )
    return Fault(Kind.REJECTED, reason)


def _details(body: object) -> Mapping[str, Any]:
    """Return what holds `message`, `code`, `type` and `param` in an error body, however it is wrapped."""
    if isinstance(body, dict):
        details = cast(dict[str, Any], body)
        inner = details.get("error")
        if isinstance(inner, dict):
            details = cast(dict[str, Any], inner)
        elif isinstance(inner, str):
            details = {**details, "message": inner}
        if "message" not in details and "detail" in details:
            detail = details["detail"]
            details = {**details, "message": detail if isinstance(detail, str) else json.dumps(detail)}
        return details
    return {"message": body} if isinstance(body, str) else {}


def _pieces(line: str) -> Iterator[str]:
    return (line[start : start + _OVERLAP] for start in range(max(0, len(line) - _OVERLAP + 1)))


def _causes(error: BaseException | None) -> Iterator[BaseException]:
    while error is not None:
        yield error
        error = error.__cause__ or error.__context__
