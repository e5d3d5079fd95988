"""How much a model prefers the right continuation of a pair: its margin.

The margin is log p(chosen | prompt) - log p(rejected | prompt) in nats, each the sum over the tokens of the
continuation and, where it ended by itself, its end token. Below 0 the model prefers the fault. It is
what preference training raises (arXiv 2305.18290), and tells which pairs are worth training on.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from ..annotate.engines.loading import load_model
from ..datasets.records import Finish, Pair
from ..quant.formats.loading import load_unpacked
from .frontier import shared

if TYPE_CHECKING:
    from torch import Tensor

Progress = Callable[[int], None]

_MOST_LOGITS = 1 << 26
"""Most logits of a batch: a quarter of a gigabyte as float32."""
_MOST_PAIRS = 32
_MOST_PAIRS_ON_PROCESSORS = 4
"""What a layer computes for more of them no longer fits into the caches."""


class _Row(NamedTuple):
    """A prompt with one of its continuations."""

    tokens: list[int]
    start: int
    """Index of the first token that counts."""


class PairBatch(NamedTuple):
    """Pairs whose margins one forward pass gives."""

    places: tuple[int, ...]
    """Where they stand among the pairs that were given."""
    rows: tuple[_Row, ...]
    """Chosen and rejected in turn."""

    def margins(self, model: Any) -> list[float]:
        """Compute the pairs' margins under a loaded model, in nats."""
        summed = _log_probabilities(model, self.rows)
        return [chosen - rejected for chosen, rejected in zip(summed[::2], summed[1::2], strict=True)]


def with_margins(
    pairs: Sequence[Pair], full_precision: Path, variant: Path, progress: Progress | None = None
) -> list[Pair]:
    """Return pairs with their margins under both models, in the same order.

    Args:
        pairs: Preferences.
        full_precision: Model folder.
        variant: Model folder of the variant that the pairs were made from.
        progress: Told about every pair, once for each model.

    Raises:
        ModelError: If a model can't be loaded.
    """
    right = margins(full_precision, pairs, progress)
    quantized = margins(variant, pairs, progress)
    return [
        pair.model_copy(update={"margin_full_precision": one, "margin_variant": other})
        for pair, one, other in zip(pairs, right, quantized, strict=True)
    ]


def margins(folder: Path, pairs: Sequence[Pair], progress: Progress | None = None) -> list[float | None]:
    """Compute every pair's margin under one model: in its own precision on a GPU, else in float32.

    Returns:
        Nats, rounded to four decimals; `None` where a side does not fit into the model's context.

    Raises:
        ModelError: If the model can't be loaded.
    """
    if not pairs:
        return []
    import torch

    # On processors bfloat16 is slower and rounds by more than a nat over a continuation.
    model, tokenizer = load_model(
        folder, dtype="auto" if torch.cuda.is_available() else "float32", unpack=load_unpacked
    )
    found: list[float | None] = [None] * len(pairs)
    for batch in pair_batches(model, tokenizer, pairs):
        for place, margin in zip(batch.places, batch.margins(model), strict=True):
            found[place] = round(margin, 4)
        if progress is not None:
            progress(len(batch.places))
    return found


def pair_batches(model: Any, tokenizer: Any, pairs: Sequence[Pair]) -> list[PairBatch]:
    """Sort pairs into batches for a model; those that don't fit into its context are in none.

    Args:
        model: Loaded; its configuration and device decide how many go together.
        tokenizer: Its tokenizer.
        pairs: Preferences.
    """
    limit: int | None = getattr(model.config, "max_position_embeddings", None)
    most = _MOST_PAIRS_ON_PROCESSORS if model.device.type == "cpu" else _MOST_PAIRS
    sides = [_rows(pair, tokenizer) for pair in pairs]
    lengths = [max(len(row.tokens) for row in rows) for rows in sides]
    # Of like length together, longest first: no time goes into padding, and memory runs out at once.
    order = sorted(range(len(pairs)), key=lambda place: (-lengths[place], place))
    fitting = [place for place in order if limit is None or lengths[place] <= limit]
    batches: list[PairBatch] = []
    while fitting:
        logits = 2 * lengths[fitting[0]] * int(model.config.vocab_size)
        count = max(1, min(most, _MOST_LOGITS // logits))
        places, fitting = fitting[:count], fitting[count:]
        batches.append(PairBatch(tuple(places), tuple(row for place in places for row in sides[place])))
    return batches


def _rows(pair: Pair, tokenizer: Any) -> tuple[_Row, _Row]:
    def tokens(text: str) -> list[int]:
        # The template has written the start token.
        return tokenizer(text, add_special_tokens=False)["input_ids"]

    prompt = tokens(pair.prompt)
    chosen = [*tokens(pair.prompt + pair.chosen), tokenizer.eos_token_id]
    rejected = tokens(pair.prompt + pair.rejected)
    if pair.finish is Finish.STOP:
        rejected = [*rejected, tokenizer.eos_token_id]
    # The last token of the prompt may melt into a continuation: both then count from before it.
    start = min(shared(prompt, chosen), shared(prompt, rejected))
    return _Row(chosen, start), _Row(rejected, start)


def _log_probabilities(model: Any, rows: Sequence[_Row]) -> list[float]:
    import torch

    longest = max(len(row.tokens) for row in rows)
    padded: Tensor = torch.zeros(len(rows), longest, dtype=torch.long)
    mask: Tensor = torch.zeros(len(rows), longest, dtype=torch.long)
    for place, row in enumerate(rows):
        padded[place, : len(row.tokens)] = torch.tensor(row.tokens)
        mask[place, : len(row.tokens)] = 1
    with torch.inference_mode():
        logits = model(
            input_ids=padded.to(model.device), attention_mask=mask.to(model.device), use_cache=False
        ).logits
        found: list[float] = []
        for place, row in enumerate(rows):
            # The first token has nothing before it to be predicted from.
            start, end = max(row.start, 1), len(row.tokens)
            predicted = torch.log_softmax(logits[place, start - 1 : end - 1].float(), dim=-1)
            targets = padded[place, start:end].to(predicted.device)
            found.append(float(predicted.gather(1, targets[:, None]).sum()))
    return found
