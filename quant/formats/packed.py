"""One quantized linear layer, whatever the format it came in."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from torch import Tensor


@dataclass(frozen=True, eq=False)
class PackedLinear:
    """A weight as `(integers - zeros) * scales`, group by group.

    A bias is no part of it: every format stores it as it is, beside the layer.
    """

    integers: Tensor
    """uint8 (out, in), from 0 to 2 ** bits - 1."""
    scales: Tensor
    """(out, groups) in the checkpoint's own floating-point type."""
    zeros: Tensor | None
    """uint8 (out, groups), or `None` where the format stores none and all are 2 ** (bits - 1)."""
    bits: int
    group_size: int
    """Input columns that share a scale; all of them where there is one scale per output channel."""
    g_idx: Tensor | None = None
    """int64 (in,): group of every column, where activation order has mixed them; else `None`: they follow
    one another."""

    @property
    def zero_points(self) -> Tensor:
        """Zero points as uint8 (out, groups), also where the format stores none."""
        import torch

        if self.zeros is not None:
            return self.zeros
        return torch.full(self.scales.shape, 1 << (self.bits - 1), dtype=torch.uint8)

    def dequantize(self) -> Tensor:
        """Return the weight, (out, in), in the type of the scales.

        The product is rounded once, as the libraries of all three formats do: a difference of integers of
        at most 8 bits times a scale of at most 16 is exact in float32.
        """
        import torch

        scales, zeros = self.scales.to(torch.float32), self.zero_points.to(torch.float32)
        if self.g_idx is not None:
            weight = (self.integers.to(torch.float32) - zeros[:, self.g_idx]) * scales[:, self.g_idx]
            return weight.to(self.scales.dtype)
        rows, groups = self.scales.shape
        grouped = self.integers.to(torch.float32).view(rows, groups, -1)
        grouped = (grouped - zeros[:, :, None]) * scales[:, :, None]
        return grouped.view(rows, -1).to(self.scales.dtype)
