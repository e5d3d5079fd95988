"""What makes two requests the same."""

import hashlib
import json
from collections.abc import Mapping
from typing import Any

from .chat import Ask
from .endpoint import Endpoint


class Fingerprint:
    """Keys of requests to one endpoint.

    A key is the SHA-256 of canonical JSON (sorted names, no spaces, ASCII) of the endpoint's base URL, the
    model, the messages, the schema, the sampling and the number of the sample. Keys of the API, limits,
    time-outs and prices are no part of it: the answer doesn't depend on them.
    """

    def __init__(self, endpoint: Endpoint) -> None:
        self._url = _canonical(endpoint.base_url)
        self._model = _canonical(endpoint.model)
        self._sampling = _canonical(endpoint.sampling())
        self._with_schema = endpoint.schema_support != "none"
        # Asks share their schema: it is written once. Held, so that its id stays its own.
        self._schema: tuple[Mapping[str, Any] | None, str] = (None, "null")

    def of(self, ask: Ask) -> str:
        """Return the key of one request, as 64 hexadecimal digits."""
        messages = _canonical([{"content": one.content, "role": one.role} for one in ask.messages])
        canonical = (
            f'{{"base_url":{self._url},"messages":{messages},"model":{self._model},"sample":{ask.sample:d},'
            f'"sampling":{self._sampling},"schema":{self._written(ask.schema)}}}'
        )
        return hashlib.sha256(canonical.encode()).hexdigest()

    def _written(self, schema: Mapping[str, Any] | None) -> str:
        if schema is None or not self._with_schema:
            return "null"
        if self._schema[0] is not schema:
            self._schema = (schema, _canonical(dict(schema)))
        return self._schema[1]


_encode = json.JSONEncoder(sort_keys=True, separators=(",", ":")).encode


def _canonical(value: Any) -> str:
    return _encode(value)
