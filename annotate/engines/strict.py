"""JSON schemas as the strict modes of OpenAI's endpoints take them.

They refuse a whole request over a keyword that they don't know. What is left out here only bounds an answer
that is checked anyway when it is read; servers that guide decoding by the schema (vLLM) get all of it, since
bounds keep weak models from filling a field without end.

Sources: OpenAI's guide "Structured Outputs" lists what is supported of strings (`pattern`, `format`), numbers
and arrays (their bounds), and no lengths; fine-tuned models, and Azure by its own guide, take no bounds.
"""

from collections.abc import Mapping
from typing import Any, cast
from urllib.parse import urlsplit

_LENGTHS = frozenset({"minLength", "maxLength"})
_BOUNDS = _LENGTHS | {"pattern", "format", "minimum", "maximum", "multipleOf", "minItems", "maxItems"}


def as_taken(schema: Mapping[str, Any], base_url: str, model: str) -> dict[str, Any]:
    """Return a schema without the keywords that an endpoint refuses.

    Args:
        schema: Of an answer.
        base_url: Where it is sent; elsewhere than at OpenAI or Azure nothing is left out.
        model: Which is to keep to it.
    """
    host = urlsplit(base_url).hostname or ""
    if host.endswith(".openai.azure.com") or (_is_openai(host) and model.startswith("ft:")):
        return _without(schema, _BOUNDS)
    return _without(schema, _LENGTHS) if _is_openai(host) else dict(schema)


def _is_openai(host: str) -> bool:
    # Some regions have a name of their own before it.
    return host.endswith("api.openai.com")


def _without(schema: Mapping[str, Any], keywords: frozenset[str]) -> dict[str, Any]:
    kept: dict[str, Any] = {}
    for keyword, value in schema.items():
        if keyword in keywords:
            continue
        if keyword in ("properties", "$defs"):
            value = {name: _without(part, keywords) for name, part in cast(dict[str, Any], value).items()}
        elif keyword == "items":
            value = _without(cast(dict[str, Any], value), keywords)
        elif keyword == "anyOf":
            value = [_without(part, keywords) for part in cast(list[Any], value)]
        kept[keyword] = value
    return kept
