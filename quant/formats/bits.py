"""Small integers packed densely into 32-bit words, lowest bits first, across word boundaries."""

from __future__ import annotations

from math import gcd
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from torch import Tensor

WORD = 32


def words(count: int, bits: int) -> int:
    """Return the number of words that hold `count` integers of `bits` bits."""
    return -(-count * bits // WORD)


def pack(values: Tensor, bits: int) -> Tensor:
    """Pack along the last dimension.

    Args:
        values: uint8 of shape (rows, count), each below 2 ** bits.
        bits: 1 to 8.

    Returns:
        int32 of shape (rows, words(count, bits)), unused high bits zero.
    """
    import torch

    rows, count = values.shape
    block, span = _block(bits)
    padded = torch.nn.functional.pad(values, (0, -count % block))
    # One block at a time would be slow, all at 64 bits would be large: a column of every block at a time.
    blocks = padded.view(rows, -1, block)
    packed = torch.zeros(rows, blocks.shape[1], span, dtype=torch.int64)
    for place in range(block):
        word, shift = divmod(place * bits, WORD)
        value = blocks[:, :, place].to(torch.int64)
        packed[:, :, word] |= value << shift
        if shift + bits > WORD:
            packed[:, :, word + 1] |= value >> (WORD - shift)
    # The low 32 bits, read as a signed word.
    low = (packed & 0xFFFFFFFF) - ((packed & 0x80000000) << 1)
    return low.to(torch.int32).view(rows, -1)[:, : words(count, bits)].contiguous()


def unpack(packed: Tensor, bits: int, count: int) -> Tensor:
    """Undo `pack`.

    Args:
        packed: int32 of shape (rows, words(count, bits)).
        bits: 1 to 8.
        count: Integers in a row.

    Returns:
        uint8 of shape (rows, count).
    """
    import torch

    rows, held = packed.shape
    block, span = _block(bits)
    spans = torch.nn.functional.pad(packed, (0, -held % span)).view(rows, -1, span)
    mask = (1 << bits) - 1
    values = torch.empty(rows, spans.shape[1], block, dtype=torch.uint8)
    for place in range(block):
        word, shift = divmod(place * bits, WORD)
        value = spans[:, :, word] >> shift
        if shift + bits > WORD:
            # The sign that was shifted in gives way to the next word's bits.
            own = WORD - shift
            value = (value & ((1 << own) - 1)) | (spans[:, :, word + 1] << own)
        values[:, :, place] = (value & mask).to(torch.uint8)
    return values.view(rows, -1)[:, :count].contiguous()


def _block(bits: int) -> tuple[int, int]:
    """The smallest number of integers that fill whole words, and of those words."""
    common = gcd(bits, WORD)
    return WORD // common, bits // common
