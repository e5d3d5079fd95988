"""What is learnt of a full-precision teacher on the same text: its distributions, and its hidden states."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from torch import Tensor

REMEMBERED = 1 << 30
"""Bytes of hidden states up to which a teacher's answers are kept."""


class Wanted(NamedTuple):
    """What a teacher says of a batch."""

    logits: Tensor
    """(rows, tokens, vocabulary)."""
    states: list[Tensor]
    """(rows, tokens, width) behind every layer; of the last one alone where no more was asked for."""


class Teacher:
    """A full-precision model that is asked about each row once, as far as its answers fit into memory.

    What it says of a text stays the same from epoch to epoch. Kept are hidden states and no logits, which are
    many times wider: of the states behind the last layer its head makes them again.

    Args:
        model: The full-precision model.
        states: Whether the states behind every layer are wanted, not the last alone.
        batches: All rows, as the trainer will bring them: `number` is which, from 0.
        most: Bytes that may be kept; where the states of all rows need more, the model is asked every time.
    """

    def __init__(
        self, model: Any, *, states: bool, batches: Iterable[Mapping[str, Any]], most: int = REMEMBERED
    ) -> None:
        self._model: Any = model
        self._states = states
        self._head = model.get_output_embeddings()
        self._kept: dict[int, Tensor] = {}
        room = most
        for batch in batches:
            wanted = self._ask(batch)
            stacked = _stack(wanted.states)
            lengths = batch["attention_mask"].sum(-1).tolist()
            room -= sum(lengths) * stacked.shape[0] * stacked.shape[-1] * stacked.element_size()
            if room < 0 or not self._is_enough(wanted):
                self._kept = {}
                return
            for row, (number, length) in enumerate(zip(batch["number"].tolist(), lengths, strict=True)):
                self._kept[number] = stacked[:, row, :length].clone()
        # Its head is all that is still needed.
        self._model = None

    def __call__(self, batch: Mapping[str, Any]) -> Wanted:
        """Return what it says of a batch: the tensors `number`, `input_ids` and `attention_mask`."""
        import torch

        if self._model is not None:
            return self._ask(batch)
        rows = [self._kept[number] for number in batch["number"].tolist()]
        layers, _, width = rows[0].shape
        tokens = batch["input_ids"].shape[1]
        stacked = rows[0].new_zeros(layers, len(rows), tokens, width)
        for row, one in enumerate(rows):
            stacked[:, row, : one.shape[1]] = one
        with torch.no_grad():
            return Wanted(self._head(stacked[-1]), list(stacked))

    def _ask(self, batch: Mapping[str, Any]) -> Wanted:
        import torch

        asked = {name: batch[name] for name in ("input_ids", "attention_mask")}
        with torch.no_grad():
            said = self._model(**asked, output_hidden_states=True)
        # Behind the embeddings, which are the same.
        return Wanted(said.logits, list(said.hidden_states[1 if self._states else -1 :]))

    def _is_enough(self, wanted: Wanted) -> bool:
        """Whether the head alone makes the logits; some architectures scale or cap them afterwards."""
        import torch

        with torch.no_grad():
            made = self._head(wanted.states[-1][:1])
        return torch.allclose(made, wanted.logits[:1], rtol=1e-3, atol=1e-3)


def _stack(states: Sequence[Tensor]) -> Tensor:
    """(layers, rows, tokens, width)."""
    import torch

    return torch.stack(tuple(states))


def divergence(wanted: Any, said: Any) -> Any:
    """Return the mean Kullback-Leibler divergence KL(wanted || said), in nats.

    Args:
        wanted: (tokens, vocabulary) logits.
        said: (tokens, vocabulary) logits.
    """
    from torch.nn.functional import kl_div, log_softmax

    return kl_div(log_softmax(said, -1), log_softmax(wanted, -1), reduction="batchmean", log_target=True)


def apart(wanted: Sequence[Tensor], found: Sequence[Tensor], mask: Tensor) -> Tensor:
    """Return how far hidden states are from the teacher's, as a share of these.

    The mean over layers and tokens of |found - wanted|^2 / |wanted|^2. Matching what every layer hands on
    (arXiv 1412.6550, for a quantized layer arXiv 2102.05426) says of each token as many numbers as the model
    is wide, where its distribution says little more than the token itself.

    Args:
        wanted: (rows, tokens, width) of every layer.
        found: As many of the same shape.
        mask: (rows, tokens), 0 where there is no token. A token's norm evens out that the first ones of a
            text have states far larger than all others.
    """
    import torch

    there = mask.bool()
    shares = [
        (one[there] - other[there]).square().sum(-1) / other[there].square().sum(-1).clamp(min=1e-12)
        for one, other in zip(found, wanted, strict=True)
    ]
    return torch.stack(shares).mean()
