"""Decoding one batch of token rows with `model.generate`.

A row that is finished should not hold up the batch: whenever at least half of the rows are, the
others go on in a smaller batch with their part of the cache.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

from ...datasets.records import Finish
from .attention import growing_cache
from .loops import looks_looped

if TYPE_CHECKING:
    from transformers import PreTrainedModel

_CHECK_EVERY = 16
_SMALLEST = 8


class Row(NamedTuple):
    """What was generated for one row of a batch."""

    tokens: list[int]
    """End token included when there is one."""
    finish: Finish


class Stops(NamedTuple):
    """When and how rows end."""

    max_tokens: int
    ends: tuple[int, ...]
    """Ids of the tokens that end a solution."""
    pad: int
    is_loop: Callable[[list[int]], bool]
    """Whether generated tokens end in a repetition loop; asked for suspects only."""


def decode(
    model: PreTrainedModel, rows: Sequence[Sequence[int]], stops: Stops, temperature: float, seed: int
) -> list[Row]:
    """Continue every row of token ids.

    The result depends on the rows, the stops and the seed only; the global random state is left
    as it was.

    Args:
        model: A causal model in evaluation mode.
        rows: Prompts as token ids, none empty.
        stops: When rows end.
        temperature: 0 for greedy.
        seed: Of the draws at a temperature above 0.

    Returns:
        One entry per row, in order.
    """
    import torch

    width = max(len(row) for row in rows)
    ids = torch.tensor([[stops.pad] * (width - len(row)) + list(row) for row in rows], device=model.device)
    mask = torch.tensor([[0] * (width - len(row)) + [1] * len(row) for row in rows], device=model.device)
    devices = [model.device] if model.device.type == "cuda" else []
    random: Any = torch.random
    with random.fork_rng(devices=devices), torch.no_grad():
        random.manual_seed(seed)
        return _decode_rounds(model, ids, mask, stops, temperature)


def _decode_rounds(
    model: PreTrainedModel, ids: Any, mask: Any, stops: Stops, temperature: float
) -> list[Row]:
    import torch

    width = ids.shape[1]
    results: dict[int, Row] = {}
    numbers: Any = torch.arange(len(ids))
    cache = growing_cache(model)
    generate: Any = model.generate
    while len(numbers):
        watch = _Watch(stops, width, len(ids), ids.device)
        left = stops.max_tokens - (ids.shape[1] - width)
        settings = _settings(stops, temperature, left)
        ids = generate(
            ids,
            attention_mask=mask,
            past_key_values=cache,
            generation_config=settings,
            stopping_criteria=[watch],
        )
        live = ~watch.done.cpu() & (ids.shape[1] - width < stops.max_tokens)
        for row, number in enumerate(numbers.tolist()):
            if not live[row]:
                results[number] = watch.result(row, ids[row, width:].tolist())
        if not live.any():
            break
        numbers = numbers[live]
        live = live.to(ids.device)
        mask = torch.cat([mask, mask.new_ones(len(ids), ids.shape[1] - mask.shape[1])], dim=1)[live]
        ids = ids[live]
        cache.batch_select_indices(live.nonzero().squeeze(1))
    return [results[number] for number in sorted(results)]


def _settings(stops: Stops, temperature: float, max_new_tokens: int) -> Any:
    from transformers import GenerationConfig

    # Everything a model's own defaults might set is set here: models are compared under one decoding.
    chosen: dict[str, Any] = {"do_sample": False}
    if temperature > 0:
        chosen = {"do_sample": True, "temperature": temperature, "top_k": 0, "top_p": 1.0}
    return GenerationConfig(
        max_new_tokens=max_new_tokens,
        eos_token_id=list(stops.ends),
        pad_token_id=stops.pad,
        repetition_penalty=1.0,
        use_cache=True,
        **chosen,
    )


class _Watch:
    """Stopping criterion: notes ended rows, ends looping ones, pauses when few are left."""

    def __init__(self, stops: Stops, width: int, rows: int, device: Any) -> None:
        import torch

        self._stops = stops
        self._width = width
        self._ends = torch.tensor(stops.ends, device=device)
        self._looped_at: dict[int, int] = {}
        self.done = torch.zeros(rows, dtype=torch.bool, device=device)

    def __call__(self, ids: Any, scores: Any, **_: Any) -> Any:
        import torch

        self.done |= torch.isin(ids[:, -1], self._ends)
        written = ids.shape[1] - self._width
        if written % _CHECK_EVERY == 0:
            self._check_loops(ids[:, self._width :], written)
        live = int((~self.done).sum())
        if len(ids) > _SMALLEST and live * 2 <= len(ids):
            return torch.ones_like(self.done)
        return self.done.clone()

    def _check_loops(self, tokens: Any, written: int) -> None:
        suspects = looks_looped(tokens) & ~self.done
        for row in suspects.nonzero().squeeze(1).tolist():
            if self._stops.is_loop(tokens[row].tolist()):
                self._looped_at[row] = written
                self.done[row] = True

    def result(self, row: int, tokens: list[int]) -> Row:
        """Return the row's tokens without the padding that followed its end."""
        if row in self._looped_at:
            return Row(tokens[: self._looped_at[row]], Finish.DEGENERATE)
        ends = set(self._stops.ends)
        for position, token in enumerate(tokens):
            if token in ends:
                return Row(tokens[: position + 1], Finish.STOP)
        return Row(tokens, Finish.DEGENERATE if self._stops.is_loop(tokens) else Finish.LENGTH)
