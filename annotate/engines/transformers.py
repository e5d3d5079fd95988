"""Generation with Hugging Face transformers, on whatever device the model is on.

Work is cut into batches that depend only on the whole list of prompts, and a batch's completions
depend only on that batch: whoever stores finished batches can redo the missing ones alone and end
with the same bytes.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ...datasets.records import Finish
from ..prompts import PromptFormat
from .decoding import Stops, decode
from .engine import Completion, Prompt, Sampling
from .tokens import Tokens

if TYPE_CHECKING:
    from transformers import PreTrainedModel, PreTrainedTokenizerBase

    from .loading import Unpack


class TransformersEngine:
    """Runs one model.

    Args:
        model: A loaded causal model; it is put into evaluation mode.
        tokenizer: Its tokenizer, with a chat template.
        name: Name of the model as it stands in records.
        batch_size: Rows that are decoded together. Completions may depend on it in the last
            bits of the arithmetic, so keep it the same for models that are compared.
        prompt_format: How questions are put.
    """

    def __init__(
        self,
        model: PreTrainedModel,
        tokenizer: PreTrainedTokenizerBase,
        *,
        name: str,
        batch_size: int = 128,
        prompt_format: PromptFormat | None = None,
    ) -> None:
        from .attention import use_grouped_attention

        self.model = model.eval()
        self.tokenizer = tokenizer
        self.batch_size = batch_size
        self.prompt_format = prompt_format or PromptFormat()
        self.tokens = Tokens(tokenizer, self.prompt_format)
        self._name = name
        use_grouped_attention(model)

    @classmethod
    def load(
        cls,
        folder: Path,
        *,
        name: str,
        adapter: Path | None = None,
        batch_size: int = 128,
        prompt_format: PromptFormat | None = None,
        dtype: str = "auto",
        unpack: Unpack | None = None,
    ) -> TransformersEngine:
        """Load a model folder, with a LoRA adapter on top if one is given.

        `unpack` loads what transformers can't read by itself, as in `load_model`.

        Raises:
            ModelError: If a folder is missing, incomplete or can't be read.
        """
        from .loading import load_model

        model, tokenizer = load_model(folder, adapter=adapter, dtype=dtype, unpack=unpack)
        return cls(model, tokenizer, name=name, batch_size=batch_size, prompt_format=prompt_format)

    @property
    def name(self) -> str:
        """Name of the model it runs, as it stands in records."""
        return self._name

    def batches(self, prompts: Sequence[Prompt]) -> list[list[Prompt]]:
        """Cut prompts into batches of similar length, longest first; see `Tokens.batches`."""
        return self.tokens.batches(prompts, self.batch_size)

    def complete(self, batch: Sequence[Prompt], sampling: Sampling) -> list[Completion]:
        """Complete one batch; the result depends on nothing but the batch and the sampling.

        Returns:
            Completions in the order of the batch, the samples of a prompt together.
        """
        encoded = self.tokens.encode(batch)
        rows = [(i, sample) for i in range(len(batch)) for sample in range(sampling.samples)]
        completions: list[Completion] = []
        for start in range(0, len(rows), self.batch_size):
            part = rows[start : start + self.batch_size]
            seed = _seed(sampling.seed, start, [encoded[i] for i, _ in part])
            completions += self._decode(batch, encoded, part, sampling, seed)
        return completions

    def completed(
        self, batches: Sequence[Sequence[Prompt]], sampling: Sampling
    ) -> Iterator[tuple[int, list[Completion]]]:
        """Yield the number of every batch with its completions, one after the other."""
        for number, batch in enumerate(batches):
            yield number, self.complete(batch, sampling)

    def generate(self, prompts: Sequence[Prompt], sampling: Sampling) -> Iterator[Completion]:
        """Yield every completion of every prompt, a batch at a time."""
        for _, completions in self.completed(self.batches(prompts), sampling):
            yield from completions

    def _decode(
        self,
        batch: Sequence[Prompt],
        encoded: list[list[int]],
        part: list[tuple[int, int]],
        sampling: Sampling,
        seed: int,
    ) -> Iterator[Completion]:
        limit: int | None = getattr(self.model.config, "max_position_embeddings", None)
        room = sampling.max_tokens
        if limit is not None:
            # A prompt that fills the context leaves no room to answer: cut off before it began.
            fits = [entry for entry in part if len(encoded[entry[0]]) < limit]
            yield from (
                Completion(batch[i].key, sample, "", Finish.LENGTH, 0)
                for i, sample in part
                if (i, sample) not in fits
            )
            part = fits
            room = min([room, *(limit - len(encoded[i]) for i, _ in part)])
        if not part:
            return
        stops = Stops(room, self._ends(), self._pad(), self.tokens.is_loop)
        decoded = decode(self.model, [encoded[i] for i, _ in part], stops, sampling.temperature, seed)
        for (i, sample), row in zip(part, decoded, strict=True):
            text = self.tokens.text(row.tokens, after=encoded[i])
            yield Completion(batch[i].key, sample, text, row.finish, len(row.tokens))

    def _ends(self) -> tuple[int, ...]:
        config: Any = self.model.generation_config
        listed: Any = config.eos_token_id if config is not None else None
        own: Any = self.tokenizer.eos_token_id
        ends: list[Any] = [*listed, own] if isinstance(listed, list) else [listed, own]
        return tuple(dict.fromkeys(int(i) for i in ends if i is not None))

    def _pad(self) -> int:
        pad: Any = self.tokenizer.pad_token_id
        return int(pad) if pad is not None else self._ends()[0]


def _seed(seed: int, start: int, rows: list[list[int]]) -> int:
    content = json.dumps([seed, start, rows]).encode()
    return int.from_bytes(hashlib.sha256(content).digest()[:6], "big")
