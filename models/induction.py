"""A start from which a model can copy.

Quoting needs *induction heads* (arXiv 2209.11895): one head notes at every token which token came before it,
a later one looks for the place where the present token came before, and says what stands there. Small
models find that circuit late, if at all; here the first layers begin with a rough one, in the spirit of
mimetic initialization (arXiv 2305.09828). Training changes it like any other weight.
"""

from typing import Any

import torch
from torch import Tensor
from transformers import Qwen2ForCausalLM

LAYERS = (1, 2, 3)
"""Layers that get a head which looks for the place; layer 0 notes what came before."""

_EMBEDDING = 0.05  # standard deviation; large enough that what heads add does not drown the token
_GAIN = 0.2  # of what a head adds
_PULL = 2.4  # of queries and keys: about half of the attention goes to the right place at the start
_SHARPNESS = 3.0  # of the head that looks at the token before
_FAST = 12  # rotary frequencies that it tells positions by


@torch.no_grad()
def begin_with_induction(model: Qwen2ForCausalLM, seed: int) -> None:
    """Overwrite embeddings and one group of heads in layers 0 to 3 of a freshly made model."""
    config: Any = model.config
    width, size = config.hidden_size, config.hidden_size // config.num_attention_heads
    heads = config.num_attention_heads // config.num_key_value_heads
    generator = torch.Generator().manual_seed(seed)
    layers: Any = model.model.layers
    embedding: Any = model.model.embed_tokens.weight
    embedding.normal_(0, _EMBEDDING, generator=generator)
    # Orthogonal parts of the residual stream: what a token is, and what the one or two before it were.
    frame = _orthogonal(width, width, generator)
    own, before = frame[:size], [frame[size * n : size * (n + 1)] for n in range(1, heads + 1)]

    first = layers[0].self_attn
    key = torch.zeros(size)
    key[:_FAST] = _SHARPNESS
    first.k_proj.bias[:size] = key
    first.v_proj.weight[:size] = own
    for head in range(heads):
        rows = slice(head * size, (head + 1) * size)
        first.q_proj.bias[rows] = _turned(key, -(head + 1))
        first.o_proj.weight[:, rows] = _GAIN * before[head].T

    # Only slow frequencies: what matches is to be found however far back it stands.
    slow = torch.zeros(size, 1)
    slow[size // 4 : size // 2] = slow[3 * size // 4 :] = 1.0
    for index in LAYERS:
        attention = layers[index].self_attn
        said = _orthogonal(width, size, generator)
        attention.k_proj.weight[:size] = _PULL * slow * before[0]
        attention.v_proj.weight[:size] = said
        for head in range(heads):
            rows = slice(head * size, (head + 1) * size)
            attention.q_proj.weight[rows] = _PULL * slow * own
            attention.o_proj.weight[:, rows] = _GAIN / heads * said.T


def _orthogonal(width: int, rows: int, generator: torch.Generator) -> Tensor:
    """Orthonormal rows, shape (rows, width)."""
    algebra: Any = torch.linalg
    return algebra.qr(torch.empty(width, rows).normal_(generator=generator))[0].T


def _turned(vector: Tensor, positions: int) -> Tensor:
    """A query or key as rotary embedding turns it over so many positions (base 10,000)."""
    half = len(vector) // 2
    angle = positions * 10_000.0 ** (-torch.arange(half) / half)
    x, y = vector[:half], vector[half:]
    return torch.cat([x * angle.cos() - y * angle.sin(), x * angle.sin() + y * angle.cos()])
