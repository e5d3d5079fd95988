"""Where an OpenAI-compatible endpoint is, how it is asked, and what it may cost."""

import os
from typing import Any, Literal, Self
from urllib.parse import urlsplit

from pydantic import Field, JsonValue, field_validator, model_validator

from ...datasets.config import Config
from ...datasets.errors import ConfigError
from ...datasets.records import Usage
from .chat import Ask
from .strict import as_taken

OPENAI = "https://api.openai.com/v1"
NO_KEY = "none"
"""What a local server is sent in place of a key: the client won't send nothing."""

_OURS = frozenset(
    {"model", "messages", "response_format", "stream", "n", "temperature", "top_p", "seed"}
    | {"max_tokens", "max_completion_tokens"}
)


class Price(Config):
    """US dollars per million tokens."""

    prompt: float = Field(ge=0)
    completion: float = Field(ge=0)
    batch: float = Field(default=0.5, ge=0, le=1)
    """What a request in a batch costs, as a share of these: half at OpenAI."""

    def of(self, usage: Usage) -> float:
        """Return what these tokens cost, in US dollars."""
        return (usage.prompt_tokens * self.prompt + usage.completion_tokens * self.completion) / 1e6


class Budget(Config):
    """Where to stop. Requests in flight are finished; the rest can be asked later."""

    usd: float | None = Field(default=None, gt=0)
    """US dollars that one run may spend; needs a `price`. Answers from the ledger cost nothing."""
    tokens: int | None = Field(default=None, gt=0)
    """Prompt and completion tokens that one run may use."""


class Endpoint(Config):
    """A model behind an OpenAI-compatible API."""

    model: str = Field(min_length=1)
    """Name of the model, as the endpoint knows it."""
    base_url: str = Field(default=OPENAI)
    """Where the API starts, e.g. `http://localhost:8000/v1` for vLLM."""
    api_key_env: str = Field(default="OPENAI_API_KEY")
    """Environment variable that holds the key. A server on this machine needs none, and never gets the one
    of the default variable."""
    temperature: float | None = Field(default=None, ge=0)
    """Left to the endpoint when unset: reasoning models refuse any."""
    top_p: float | None = Field(default=None, gt=0, le=1)
    seed: int | None = Field(default=None)
    """The number of the sample is added, so that samples differ."""
    max_tokens: int = Field(default=4096, ge=1)
    """Longest answer, thinking included."""
    max_tokens_field: Literal["auto", "max_tokens", "max_completion_tokens"] = Field(default="auto")
    """How the limit is called in a request. `auto`: `max_completion_tokens` at api.openai.com, whose
    reasoning models refuse the older name; `max_tokens`, which every other server knows, elsewhere."""
    schema_support: Literal["auto", "json_schema", "none"] = Field(default="auto")
    """Whether the endpoint can hold a model to a JSON schema. `auto` tries, and after a refusal does
    without for the rest of the run: the prompt asks for JSON all the same."""
    extra: dict[str, JsonValue] = Field(default={})
    """More fields for the body of every request, e.g. `{reasoning_effort: low}`."""
    price: Price | None = Field(default=None)
    """Without it costs are unknown and shown as 0."""
    timeout: float = Field(default=120.0, gt=0)
    """Seconds that one attempt may take, from connecting to the last byte."""
    concurrency: int = Field(default=64, ge=1, le=4096)
    """Most requests at a time. It starts at 20 at most, grows while answered and shrinks on 429."""
    requests_per_minute: float | None = Field(default=None, gt=0)
    tokens_per_minute: float | None = Field(default=None, gt=0)
    retries: int = Field(default=6, ge=0)
    """Further attempts at one request after a passing failure (429, 5xx, time-out, lost connection)."""

    @field_validator("base_url")
    @classmethod
    def _normalise(cls, url: str) -> str:
        parts = urlsplit(url.strip())
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise ValueError(f"{url!r} is not a URL such as http://localhost:8000/v1")
        if parts.username or parts.password or parts.query or parts.fragment:
            raise ValueError("no user name, password, query or fragment: keys come from api_key_env")
        return f"{parts.scheme}://{parts.netloc.lower()}{parts.path.rstrip('/')}"

    @model_validator(mode="after")
    def _leaves_our_fields_alone(self) -> Self:
        if taken := sorted(_OURS & self.extra.keys()):
            raise ValueError(f"extra can't hold {', '.join(taken)}: set from the other fields")
        return self

    @property
    def is_local(self) -> bool:
        """Whether it runs on this machine."""
        host = urlsplit(self.base_url).hostname or ""
        return host in ("localhost", "::1", "0.0.0.0") or host.startswith("127.")

    def api_key(self) -> str:
        """Read the key from the environment.

        A local server gets a key only if a variable is named for it: the key of a paid service that
        happens to lie in the environment is none of its business.

        Raises:
            ConfigError: If there is none and the endpoint isn't local.
        """
        if self.is_local and "api_key_env" not in self.model_fields_set:
            return NO_KEY
        key = os.environ.get(self.api_key_env, "").strip()
        if key or self.is_local:
            return key or NO_KEY
        raise ConfigError(
            f"no key for {self.base_url}: the environment has no {self.api_key_env}",
            hint=f"Set {self.api_key_env}, or name another variable by api_key_env",
        )

    def sampling(self) -> dict[str, JsonValue]:
        """Return what shapes an answer besides model, conversation and schema."""
        fields = {name: getattr(self, name) for name in ("temperature", "top_p", "seed", "max_tokens")}
        return {**self.extra, **{name: value for name, value in fields.items() if value is not None}}

    def body(self, ask: Ask, *, with_schema: bool) -> dict[str, Any]:
        """Return the body of the request for one `Ask`."""
        body: dict[str, Any] = {
            **self.sampling(),
            "model": self.model,
            # Half a surrogate pair, as models write them, can't be sent.
            "messages": [
                {"role": one.role, "content": one.content.encode("utf-8", "replace").decode()}
                for one in ask.messages
            ],
        }
        body[self._limit_name()] = body.pop("max_tokens")
        if self.seed is not None:
            body["seed"] = self.seed + ask.sample
        if ask.schema is not None and with_schema:
            body["response_format"] = {
                "type": "json_schema",
                "json_schema": {
                    "name": "answer",
                    "schema": as_taken(ask.schema, self.base_url, self.model),
                    "strict": True,
                },
            }
        return body

    def _limit_name(self) -> str:
        if self.max_tokens_field != "auto":
            return self.max_tokens_field
        at_openai = (urlsplit(self.base_url).hostname or "").endswith("api.openai.com")
        return "max_completion_tokens" if at_openai else "max_tokens"
