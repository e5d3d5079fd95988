"""Where along a variant's own solution full precision would have written something else.

One forward pass of both models over the same text, each token predicted from all before it (teacher forcing):
no judge and no generation. Measured as a locator of first faults in docs/results.md.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..annotate.engines.loading import load_model
from ..annotate.steps import prefix_before
from ..datasets.records import Record, Solution
from ..quant.formats.loading import load_unpacked

if TYPE_CHECKING:
    from torch import Tensor


class Divergence(Record):
    """Both models along one solution of the variant; one entry per token of the text."""

    solution_id: str
    steps: tuple[int, ...]
    """0-based step that each token belongs to, in order; text before the first step counts to it."""
    ends: tuple[int, ...]
    """Where each token ends in the text, in characters."""
    kl: tuple[float, ...]
    """KL divergence from full precision's prediction to the variant's, in nats."""
    entropy: tuple[float, ...]
    """Of full precision's prediction, in nats."""
    margin: tuple[float, ...]
    """Log-probability of the token under full precision minus that under the variant, in nats."""
    parting: int | None
    """First token at which full precision's most likely one is another than the variant's."""
    preferred: str | None
    """Text of full precision's most likely token there."""

    @property
    def parting_step(self) -> int | None:
        """Step of the parting."""
        return None if self.parting is None else self.steps[self.parting]

    @property
    def most_divergent_step(self) -> int | None:
        """Step of the token with the largest KL divergence; `None` without tokens."""
        return self.steps[self.kl.index(max(self.kl))] if self.kl else None


def divergences(
    full_precision: Path, variant: Path, solutions: Sequence[tuple[str, Solution]]
) -> Iterator[Divergence | None]:
    """Yield the divergence of each solution, in order; both models are in memory.

    Args:
        full_precision: Model folder.
        variant: Model folder of the variant that wrote the solutions. Both share their tokenizer.
        solutions: Prompt as plain text up to the answer, and what the variant wrote behind it.

    Yields:
        `None` for a text without steps, or one that does not fit into the model's context.

    Raises:
        ModelError: If a model can't be loaded.
    """
    if not solutions:
        return
    import torch

    dtype = "auto" if torch.cuda.is_available() else "float32"
    ours, tokenizer = load_model(full_precision, dtype=dtype, unpack=load_unpacked)
    theirs, _ = load_model(variant, dtype=dtype, unpack=load_unpacked)
    limit: int | None = getattr(ours.config, "max_position_embeddings", None)
    for prompt, solution in solutions:
        tokens, places = _tokens(prompt, solution.text, tokenizer)
        if not solution.steps or not places or (limit is not None and len(tokens) > limit):
            yield None
            continue
        starts = [len(prefix_before(solution.text, solution.steps, n)) for n in range(len(solution.steps))]
        start = max(1, len(tokens) - len(places))
        row = torch.tensor([tokens])
        ends = places[start - len(tokens) :]
        right, quantized = _log_probabilities(ours, row, start), _log_probabilities(theirs, row, start)
        preferred = right.argmax(-1)
        differs = (preferred != quantized.argmax(-1)).nonzero()
        parting = int(differs[0, 0]) if len(differs) else None
        yield Divergence(
            solution_id=solution.id,
            steps=tuple(max(0, sum(begin < end for begin in starts) - 1) for end in ends),
            ends=tuple(ends),
            **_figures(right, quantized, row[0, start:]),
            parting=parting,
            preferred=None if parting is None else _text(int(preferred[parting]), tokenizer),
        )


def _text(token: int, tokenizer: Any) -> str:
    return tokenizer.decode([token])


def _tokens(prompt: str, text: str, tokenizer: Any) -> tuple[list[int], list[int]]:
    """Tokens of the whole, and where in `text` each token of it ends."""
    encoded = tokenizer(prompt + text, add_special_tokens=False, return_offsets_mapping=True)
    ends = [end - len(prompt) for _, end in encoded["offset_mapping"]]
    return encoded["input_ids"], [end for end in ends if end > 0]


def _log_probabilities(model: Any, row: Tensor, start: int) -> Tensor:
    import torch

    with torch.inference_mode():
        logits = model(input_ids=row.to(model.device), use_cache=False).logits[0, start - 1 : -1]
    return torch.log_softmax(logits.float(), dim=-1).cpu()


def _figures(ours: Tensor, theirs: Tensor, tokens: Tensor) -> dict[str, tuple[float, ...]]:
    p = ours.exp()
    written = tokens[:, None]
    return {
        # Rounding can push a sum of equals below nought.
        "kl": _floats((p * (ours - theirs)).sum(-1).clamp(min=0)),
        "entropy": _floats(-(p * ours).sum(-1)),
        "margin": _floats((ours.gather(1, written) - theirs.gather(1, written))[:, 0]),
    }


def _floats(values: Tensor) -> tuple[float, ...]:
    return tuple(round(float(value), 5) for value in values)
