"""How well a model predicts plain text, window by window: what training on one kind of text may spoil."""

from __future__ import annotations

from collections.abc import Callable
from math import exp
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from ..annotate.engines.loading import load_model
from ..annotate.statistics import Ratio
from ..datasets.errors import InputError
from ..quant.formats.loading import load_unpacked

if TYPE_CHECKING:
    from torch import Tensor

WINDOW = 512
"""Tokens that are predicted from each other only; fewer where the model's context is shorter."""
_DRAWS = 10_000
_MOST_LOGITS = 1 << 26
"""Most logits of a batch: a quarter of a gigabyte as float32."""


class Window(NamedTuple):
    """One stretch of the text."""

    nats: float
    """Sum of -log p(token | those before it in the window)."""
    tokens: int
    """Predicted ones: all but the first."""


def read_windows(
    folder: Path, text: str, *, adapter: Path | None = None, progress: Callable[[int], None] | None = None
) -> list[Window]:
    """Let a model read a text.

    Args:
        folder: Model folder.
        text: Plain text, of any length.
        adapter: Folder of an adapter that is put on top.
        progress: Told how many windows are done.

    Raises:
        InputError: If the text has fewer than two tokens.
        ModelError: If the model can't be loaded.
    """
    import torch

    # On processors bfloat16 is slower and rounds more than what is to be told.
    dtype = "auto" if torch.cuda.is_available() else "float32"
    model, tokenizer = load_model(folder, adapter=adapter, dtype=dtype, unpack=load_unpacked)
    template: Any = tokenizer
    tokens: list[int] = template(text, add_special_tokens=False, verbose=False)["input_ids"]
    length = min(WINDOW, int(getattr(model.config, "max_position_embeddings", WINDOW)))
    # A last window of one token predicts nothing.
    windows = [tokens[at : at + length] for at in range(0, len(tokens), length) if at + 1 < len(tokens)]
    if not windows:
        raise InputError("the text has fewer than two tokens", hint="Give a longer text.")
    size = max(1, _MOST_LOGITS // (length * int(model.config.vocab_size)))
    found: list[Window] = []
    for start in range(0, len(windows), size):
        batch = windows[start : start + size]
        found += _read(model, batch)
        if progress is not None:
            progress(len(batch))
    return found


def perplexity(windows: list[Window]) -> float:
    """Return exp of the mean -log p of a token."""
    return exp(sum(one.nats for one in windows) / sum(one.tokens for one in windows))


def perplexity_ratio(before: list[Window], after: list[Window], *, seed: int = 0) -> Ratio:
    """Return the second model's perplexity over the first's on the same text, with a bootstrap interval.

    Windows are drawn with replacement, each with what both models make of it (Efron and Tibshirani, An
    Introduction to the Bootstrap, 1993, ch. 13).

    Raises:
        ValueError: If the two are not of the same windows.
    """
    import numpy as np

    if [one.tokens for one in before] != [one.tokens for one in after] or not before:
        raise ValueError("both models must have read the same windows")
    worse = np.array([late.nats - early.nats for early, late in zip(before, after, strict=True)])
    tokens = np.array([one.tokens for one in before])
    drawn = np.random.default_rng(seed).integers(len(worse), size=(_DRAWS, len(worse)))
    logs = worse[drawn].sum(axis=1) / tokens[drawn].sum(axis=1)
    low, high = (float(edge) for edge in np.quantile(logs, [0.025, 0.975]))
    value = float(worse.sum() / tokens.sum())
    return Ratio(value=exp(value), low=exp(min(low, value)), high=exp(max(high, value)))


def _read(model: Any, batch: list[list[int]]) -> list[Window]:
    import torch

    longest = max(map(len, batch))
    rows: Tensor = torch.zeros(len(batch), longest, dtype=torch.long)
    mask: Tensor = torch.zeros(len(batch), longest, dtype=torch.long)
    for place, window in enumerate(batch):
        rows[place, : len(window)] = torch.tensor(window)
        mask[place, : len(window)] = 1
    rows, mask = rows.to(model.device), mask.to(model.device)
    with torch.inference_mode():
        said = model(input_ids=rows, attention_mask=mask, use_cache=False).logits[:, :-1].float()
        lost = -torch.log_softmax(said, dim=-1).gather(2, rows[:, 1:, None])[:, :, 0] * mask[:, 1:]
    return [
        Window(float(nats), len(window) - 1)
        for nats, window in zip(lost.double().sum(dim=1), batch, strict=True)
    ]
