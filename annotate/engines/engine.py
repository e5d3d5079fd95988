"""The contract of an engine: prompts in, completions out."""

from collections.abc import Iterator, Sequence
from typing import NamedTuple, Protocol

from pydantic import Field

from ...datasets.config import Config
from ...datasets.records import Finish


class Prompt(NamedTuple):
    """One request to an engine."""

    key: str
    """Names the request; comes back with every completion of it."""
    question: str
    prefix: str = ""
    """Start of the answer that is already written, to be continued without a break."""


class Sampling(Config):
    """How tokens are chosen."""

    max_tokens: int = Field(default=512, ge=1)
    """Longest completion, in tokens; one that reaches it finishes as `length`."""
    temperature: float = Field(default=0.0, ge=0)
    """0 is greedy."""
    samples: int = Field(default=1, ge=1)
    """Completions per prompt."""
    seed: int = 0
    """Same seed, same prompts, same engine: same completions."""


class Completion(NamedTuple):
    """What an engine wrote after a prompt (its prefix not repeated)."""

    key: str
    sample: int
    """0-based number among the prompt's samples."""
    text: str
    finish: Finish
    tokens: int
    """Generated tokens, the end token included."""


class Engine(Protocol):
    """Anything that completes prompts. Completions may come in any order."""

    @property
    def name(self) -> str:
        """Name of the model it runs, as it stands in records."""
        ...

    def generate(self, prompts: Sequence[Prompt], sampling: Sampling) -> Iterator[Completion]:
        """Yield every completion of every prompt, each as soon as it is known."""
        ...
