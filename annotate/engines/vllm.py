"""Generation with vLLM, over HTTP: one that this process started, or one that runs already.

Prompts go as token ids, and what comes back are token ids, so that both are exactly what the transformers
engine works on. Settings of a model's own that would shape its answers are overruled, as there. vLLM's
arithmetic depends on what else it works on at the moment: a greedy completion may differ where two tokens
are all but equally likely, from transformers' and from one run to the next.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from ...datasets.errors import EndpointError
from ...datasets.records import Finish
from ..prompts import PromptFormat
from .chat import Ask, Message
from .config import EngineConfig
from .engine import Completion, Prompt, Sampling
from .loading import load_tokenizer, read_weighted
from .loops import repeats
from .tokens import Tokens
from .vllm_client import Choice, CompletionsClient, Request
from .vllm_server import Served
from .vllm_support import end_tokens

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase

_CHECK_EVERY = 16
"""As in `decoding.py`, so that a loop is cut at the same place."""
_REPETITION = {"min_pattern_size": 12, "max_pattern_size": 512, "min_count": 6}
"""When the server may give up a completion: always later than where we find the loop. That takes 4 copies and
48 characters, which 6 copies of 12 tokens have before their last 16. A loop of fewer than 12 tokens is also
one of some multiple."""


class Scored(NamedTuple):
    """How likely a model finds a continuation."""

    key: str
    tokens: tuple[int, ...]
    """Those of the continuation; the last token of the prompt too where both melt into one."""
    log_probabilities: tuple[float, ...] | None
    """One per token, in nats; `None` where it doesn't fit into the context."""


class VLLMEngine:
    """Asks one model of a vLLM.

    Args:
        served: Where it is.
        tokenizer: Its tokenizer, with a chat template.
        ends: Ids of tokens that end a solution, besides the tokenizer's own.
        name: Name of the model as it stands in records.
        limit: Longest context of the model in tokens; the server may have a smaller one.
        config: How many prompts are in flight, and how long they may take.
        prompt_format: How questions are put.
    """

    def __init__(
        self,
        served: Served,
        tokenizer: PreTrainedTokenizerBase,
        *,
        ends: Sequence[int],
        name: str,
        limit: int | None = None,
        config: EngineConfig | None = None,
        prompt_format: PromptFormat | None = None,
    ) -> None:
        self.tokens = Tokens(tokenizer, prompt_format or PromptFormat())
        own: Any = tokenizer.eos_token_id
        self._ends = tuple(dict.fromkeys([*ends, *([] if own is None else [int(own)])]))
        self._name = name
        self.served = served
        limits = [one for one in (limit, served.limit) if one is not None]
        self._limit = min(limits) if limits else None
        endpoint = (config or EngineConfig(name="vllm")).endpoint(served.model, served.url)
        self._client = CompletionsClient(endpoint, served.key, served.check)

    @classmethod
    def of(
        cls,
        served: Served,
        folder: Path,
        *,
        name: str,
        config: EngineConfig | None = None,
        prompt_format: PromptFormat | None = None,
    ) -> VLLMEngine:
        """Ask a served model whose folder is here too, for its tokenizer and settings.

        Raises:
            ModelError: If the folder is missing, incomplete or can't be read.
        """
        limit: Any = read_weighted(folder).get("max_position_embeddings")
        return cls(
            served,
            load_tokenizer(folder),
            ends=end_tokens(folder),
            name=name,
            limit=limit if isinstance(limit, int) else None,
            config=config,
            prompt_format=prompt_format,
        )

    @property
    def name(self) -> str:
        """Name of the model it runs, as it stands in records."""
        return self._name

    def batches(self, prompts: Sequence[Prompt]) -> list[list[Prompt]]:
        """Cut the work into what is stored together: every prompt by itself."""
        return [[prompt] for prompt in prompts]

    def completed(
        self, batches: Sequence[Sequence[Prompt]], sampling: Sampling
    ) -> Iterator[tuple[int, list[Completion]]]:
        """Yield the number of every batch of one prompt with its completions, in the order they are done.

        Raises:
            EndpointError: If the server ends, refuses a prompt, or stops answering.
        """
        prompts = [prompt for (prompt,) in batches]
        encoded = self.tokens.encode(prompts)
        requests: list[Request] = []
        for number, (prompt, ids) in enumerate(zip(prompts, encoded, strict=True)):
            if self._limit is not None and len(ids) >= self._limit:
                # A prompt that fills the context leaves no room to answer: cut off before it began.
                samples = range(sampling.samples)
                yield number, [Completion(prompt.key, one, "", Finish.LENGTH, 0) for one in samples]
            else:
                requests.append(Request(number, self._body(ids, sampling), _asked(prompt)))
        for number, choices in self._client.answers(requests):
            if sampling.temperature == 0:
                choices = choices * sampling.samples
            yield (
                number,
                [
                    self._completion(prompts[number].key, sample, encoded[number], choice)
                    for sample, choice in enumerate(choices)
                ],
            )

    def generate(self, prompts: Sequence[Prompt], sampling: Sampling) -> Iterator[Completion]:
        """Yield every completion of every prompt, each prompt's as soon as they are known.

        Raises:
            EndpointError: If the server ends, refuses a prompt, or stops answering.
        """
        for _, completions in self.completed(self.batches(prompts), sampling):
            yield from completions

    def score(self, prompts: Sequence[Prompt], continuations: Sequence[str]) -> Iterator[Scored]:
        """Yield how likely the model finds each continuation of a prompt and its prefix, in any order.

        Args:
            prompts: What comes before.
            continuations: One for each prompt.

        Raises:
            EndpointError: If the server ends, refuses a prompt, or stops answering.
        """
        before = self.tokens.encode(prompts)
        whole = self.tokens.encode(prompts, continuations)
        starts = [_shared(one, other) for one, other in zip(before, whole, strict=True)]
        requests: list[Request] = []
        for number, ids in enumerate(whole):
            # One token more is generated, since vLLM does nothing else.
            if self._limit is not None and len(ids) >= self._limit:
                yield Scored(prompts[number].key, tuple(ids[starts[number] :]), None)
                continue
            body = {**self._body(ids, Sampling(max_tokens=1)), "prompt_logprobs": 0}
            requests.append(Request(number, body, _asked(prompts[number])))
        for number, (choice,) in self._client.answers(requests):
            ids, start = whole[number], starts[number]
            values = _log_probabilities(choice, ids)[start:]
            yield Scored(prompts[number].key, tuple(ids[start:]), tuple(values))

    def _body(self, ids: list[int], sampling: Sampling) -> dict[str, Any]:
        room = sampling.max_tokens
        if self._limit is not None:
            room = min(room, self._limit - len(ids))
        is_greedy = sampling.temperature == 0
        return {
            "model": self.served.model,
            "prompt": ids,
            "max_tokens": room,
            # Greedy samples are all the same, and vLLM refuses to make more than one.
            "n": 1 if is_greedy else sampling.samples,
            "temperature": sampling.temperature,
            "seed": _seed(sampling.seed, ids),
            # Everything a model's own defaults might set: models are compared under one decoding.
            "top_p": 1.0,
            "top_k": 0,
            "min_p": 0.0,
            "repetition_penalty": 1.0,
            "stop_token_ids": list(self._ends),
            "return_token_ids": True,
            "repetition_detection": _REPETITION,
        }

    def _completion(self, key: str, sample: int, prompt: list[int], choice: Choice) -> Completion:
        tokens, finish = self._ended(choice)
        return Completion(key, sample, self.tokens.text(tokens, after=prompt), finish, len(tokens))

    def _ended(self, choice: Choice) -> tuple[list[int], Finish]:
        """What is kept of a completion and how it ended: as the transformers engine would have."""
        tokens = choice.tokens
        if repeats(self.tokens.text(tokens)):
            for length in range(_CHECK_EVERY, len(tokens) + 1, _CHECK_EVERY):
                if tokens[length - 1] not in self._ends and self.tokens.is_loop(tokens[:length]):
                    return tokens[:length], Finish.DEGENERATE
        if choice.finish == "stop":
            return tokens, Finish.STOP
        if choice.finish not in ("length", "repetition"):
            hint = "See what the server logs, then run the same command again: what is done is kept"
            raise EndpointError(f"vLLM gave up a completion: {choice.finish}", hint=hint)
        return tokens, Finish.DEGENERATE if self.tokens.is_loop(tokens) else Finish.LENGTH


def _asked(prompt: Prompt) -> Ask:
    texts = (prompt.question, prompt.prefix)
    return Ask(prompt.key, tuple(Message(role="user", content=text) for text in texts if text))


def _seed(seed: int, ids: list[int]) -> int:
    return int.from_bytes(hashlib.sha256(json.dumps([seed, ids]).encode()).digest()[:6], "big")


def _shared(one: Sequence[int], other: Sequence[int]) -> int:
    """Tokens that both begin with."""
    pairs = enumerate(zip(one, other, strict=False))
    return next((place for place, (a, b) in pairs if a != b), min(len(one), len(other)))


def _log_probabilities(choice: Choice, ids: Sequence[int]) -> list[float]:
    """Those of every token; the first has nothing before it to be predicted from and counts 0."""
    try:
        values = [
            0.0 if told is None else float(told[str(token)]["logprob"])
            for token, told in zip(ids, choice.prompt, strict=True)
        ]
    except (ValueError, KeyError, TypeError):
        hint = "Set engine: transformers, or use another version of vLLM"
        raise EndpointError("the server returned no log-probabilities of the prompt", hint=hint) from None
    return values
