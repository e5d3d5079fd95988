"""What is learnt of a full-precision teacher on the same text: its distributions, and its hidden states."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from torch import Tensor


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
