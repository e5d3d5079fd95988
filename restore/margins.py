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
_MOST_ROWS = 64


class _Row(NamedTuple):
    """A prompt with one of its continuations."""

    tokens: list[int]
    start: int
    """Index of the first token that counts."""


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
    limit: int | None = getattr(model.config, "max_position_embeddings", None)
    rows = [row for pair in pairs for row in _rows(pair, tokenizer)]
    summed: list[float | None] = [None] * len(rows)
    # Of like length together, longest first: no time goes into padding, and memory runs out at once.
    order = sorted(range(len(rows)), key=lambda place: (-len(rows[place].tokens), place))
    fitting = [place for place in order if limit is None or len(rows[place].tokens) <= limit]
    missing = [1] * len(pairs)
    while fitting:
        longest = len(rows[fitting[0]].tokens)
        count = max(1, min(_MOST_ROWS, _MOST_LOGITS // (longest * int(model.config.vocab_size))))
        batch, fitting = fitting[:count], fitting[count:]
        values = _log_probabilities(model, [rows[place] for place in batch])
        for place, value in zip(batch, values, strict=True):
            summed[place] = value
            # A pair is done with its second side.
            missing[place // 2] -= 1
            if progress is not None and missing[place // 2] < 0:
                progress(1)
    return [_difference(summed[2 * n], summed[2 * n + 1]) for n in range(len(pairs))]


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


def _difference(chosen: float | None, rejected: float | None) -> float | None:
    return None if chosen is None or rejected is None else round(chosen - rejected, 4)
