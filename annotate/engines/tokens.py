"""Prompts into token ids and back, alike for every engine that generates from ids."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from ..prompts import PromptFormat
from .engine import Prompt
from .loops import ends_in_loop

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase


class Tokens:
    """A tokenizer with the format of prompts.

    Args:
        tokenizer: With a chat template.
        prompt_format: How questions are put.
    """

    def __init__(self, tokenizer: PreTrainedTokenizerBase, prompt_format: PromptFormat) -> None:
        self._tokenizer = tokenizer
        self._format = prompt_format

    def encode(self, prompts: Sequence[Prompt], continuations: Sequence[str] = ()) -> list[list[int]]:
        """Return the ids of every prompt, its prefix and, where given, a continuation included."""
        more = continuations or [""] * len(prompts)
        texts = [
            self._format.render(self._tokenizer, prompt.question, prompt.prefix) + continuation
            for prompt, continuation in zip(prompts, more, strict=True)
        ]
        if not texts:
            return []
        # The template has written the special tokens already.
        return [list(ids) for ids in self._tokenizer(texts, add_special_tokens=False)["input_ids"]]  # pyright: ignore[reportArgumentType, reportUnknownArgumentType, reportUnknownVariableType]

    def batches(self, prompts: Sequence[Prompt], size: int) -> list[list[Prompt]]:
        """Cut prompts into batches of similar length, longest first.

        Depends on the prompts and their order only. Longest first, so that memory runs out at
        once if it does, and the estimate of the time left errs on the safe side.
        """
        lengths = [len(ids) for ids in self.encode(prompts)]
        order = sorted(range(len(prompts)), key=lambda i: -lengths[i])
        return [[prompts[i] for i in order[start : start + size]] for start in range(0, len(order), size)]

    def text(self, tokens: Sequence[int], after: Sequence[int] = ()) -> str:
        """Return the text of generated tokens, without special ones.

        Args:
            tokens: What was generated.
            after: The prompt. Some tokenizers drop the space that opens a text, so its last token is
                decoded along.
        """
        lead = list(after[-1:])
        whole = self._plain([*lead, *tokens])
        return whole[len(self._plain(lead)) :]

    def is_loop(self, tokens: list[int]) -> bool:
        """Whether generated tokens end in a repetition loop."""
        return ends_in_loop(self.text(tokens))

    def _plain(self, tokens: list[int]) -> str:
        return str(
            self._tokenizer.decode(tokens, skip_special_tokens=True, clean_up_tokenization_spaces=False)  # pyright: ignore[reportUnknownMemberType]
        )
