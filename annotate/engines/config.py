"""What solutions are generated with: the configuration of an engine."""

import os
from pathlib import Path
from typing import Any, Literal, Self

from pydantic import Field, model_validator

from ...datasets.config import Config
from ...datasets.errors import ConfigError
from .endpoint import NO_KEY, Endpoint

_OF_A_STARTED_SERVER = ("python", "kv_cache_gb", "arguments")


class EngineConfig(Config):
    """What solutions are generated with. A bare name stands for its defaults: `engine: vllm`."""

    name: Literal["transformers", "vllm"] = "transformers"
    """`transformers`, in this process, or `vllm`, a server in an environment of its own."""
    url: str | None = None
    """Of a vLLM that runs already, e.g. `http://localhost:8000/v1`; left out, each model gets one started."""
    api_key_env: str | None = None
    """Environment variable that holds the key of that server, where it wants one."""
    python: Path | None = None
    """Interpreter of an environment that has vLLM; left out, one is made in the user's cache."""
    concurrency: int = Field(default=256, ge=1, le=4096)
    """Prompts that vLLM works on at a time."""
    kv_cache_gb: int = Field(default=1, ge=1)
    """Memory for keys and values where vLLM runs on processors, in GiB."""
    arguments: tuple[str, ...] = ()
    """Further options of the server, as on vLLM's command line, e.g. `["--max-model-len", "4096"]`."""
    timeout: float = Field(default=1800.0, gt=0)
    """Seconds that one answer may take, and that a server may take to start."""

    @model_validator(mode="before")
    @classmethod
    def _takes_a_bare_name(cls, content: Any) -> Any:
        return {"name": content} if isinstance(content, str) else content

    @model_validator(mode="after")
    def _fits_together(self) -> Self:
        changed = [name for name in type(self).model_fields if self._is_changed(name)]
        if self.name == "transformers" and changed:
            raise ValueError(f"{changed[0]} is for vllm: add `name: vllm`, or leave it out")
        if self.url is None:
            if self.api_key_env is not None:
                raise ValueError("api_key_env is for a server at a url")
            return self
        if idle := [name for name in changed if name in _OF_A_STARTED_SERVER]:
            raise ValueError(f"{idle[0]} is for a server that is started, not for one at a url")
        self.endpoint("any", self.url)
        return self

    def _is_changed(self, name: str) -> bool:
        return name != "name" and getattr(self, name) != type(self).model_fields[name].default

    def endpoint(self, model: str, url: str) -> Endpoint:
        """Return how a model is asked that is served at a URL."""
        return Endpoint(model=model, base_url=url, concurrency=self.concurrency, timeout=self.timeout)

    def api_key(self) -> str:
        """Read the key of the server at `url` from the environment.

        Raises:
            ConfigError: If a variable is named and not set.
        """
        if self.api_key_env is None:
            return NO_KEY
        if key := os.environ.get(self.api_key_env, "").strip():
            return key
        raise ConfigError(
            f"engine.api_key_env: the environment has no {self.api_key_env}",
            hint="Set it, or leave api_key_env out for a server that wants no key",
        )
