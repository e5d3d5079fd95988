"""Reading the body of a chat completion, whatever a server sends.

Nothing here raises over a strange body except `UnusableReplyError`: a body is an answer, or it is not.
"""

import json
from typing import Any, NamedTuple, cast

from ...datasets.records import Usage
from .chat import Ending

_MOST_TOKENS = 10**9
_ENDINGS = {"length": Ending.LENGTH, "content_filter": Ending.FILTERED}


class UnusableReplyError(Exception):
    """A body without an answer in it."""


class Reply(NamedTuple):
    """What stands in the body of a chat completion."""

    ending: Ending
    text: str
    reasoning: str | None
    usage: Usage


def read_reply(raw: str) -> Reply:
    """Read the first choice of a chat completion.

    Raises:
        UnusableReplyError: If the body is not JSON or holds no message.
    """
    body = _object(_parse(raw))
    if body is None:
        raise UnusableReplyError("the body is not a JSON object" if raw.strip() else "the body is empty")
    choice = _object(_first(body.get("choices")))
    message = _object(choice.get("message")) if choice is not None else None
    if choice is None or message is None:
        raise UnusableReplyError("the body has no choices")
    text, refusal = _text(message.get("content")), _text(message.get("refusal"))
    if refusal.strip():
        ending, text = Ending.REFUSED, text or refusal
    else:
        ending = _ENDINGS.get(_text(choice.get("finish_reason")), Ending.STOP)
    # vLLM and DeepSeek call it reasoning_content; OpenRouter and newer vLLM call it reasoning.
    reasoning = _text(message.get("reasoning_content")) or _text(message.get("reasoning"))
    return Reply(ending, text, reasoning or None, _usage(body))


def read_usage(raw: str) -> Usage:
    """Return the usage that a body reports: one request, and no tokens where it reports none that can be."""
    return _usage(_object(_parse(raw)) or {})


def _usage(body: dict[str, Any]) -> Usage:
    counts = _object(body.get("usage")) or {}
    return Usage(
        requests=1,
        prompt_tokens=_count(counts.get("prompt_tokens")),
        completion_tokens=_count(counts.get("completion_tokens")),
    )


def _count(value: Any) -> int:
    is_count = isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= _MOST_TOKENS
    return value if is_count else 0


def _text(content: Any) -> str:
    """Return plain text, also of content that comes in parts."""
    if isinstance(content, list):
        parts = (_object(part) or {} for part in cast(list[Any], content))
        content = "".join(text for part in parts if isinstance(text := part.get("text"), str))
    # Half a surrogate pair, as models write them, can't be written to any file.
    return content.encode("utf-8", "replace").decode() if isinstance(content, str) else ""


def _parse(raw: str) -> Any:
    try:
        return json.loads(raw)
    except (ValueError, RecursionError):
        return None


def _object(value: Any) -> dict[str, Any] | None:
    return cast(dict[str, Any], value) if isinstance(value, dict) else None


def _first(value: Any) -> Any:
    return cast(list[Any], value)[0] if isinstance(value, list) and value else None
