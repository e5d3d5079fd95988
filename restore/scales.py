"""Restoring in place: the scales of a quantized checkpoint are trained, its integers stay as they are.

A quantized weight is (q - z) s, with a scale s for every group of integers q. Only s is trained (PEQA,
arXiv 2305.14152), as s = s0 (1 + d) with d from 0, so that one learning rate fits scales of any size. In
every forward pass s is rounded to the type in which it is stored and so is the product, with gradients that
pass both roundings (straight-through, arXiv 1308.3432): what is trained is what is written.
"""

from __future__ import annotations

from dataclasses import replace
from functools import cache
from typing import TYPE_CHECKING, Any

from ..datasets.errors import ModelError

if TYPE_CHECKING:
    from ..quant.formats.packed import PackedLinear
    from ..quant.formats.packed_checkpoint import PackedCheckpoint


def with_trainable_scales(model: Any, packed: PackedCheckpoint) -> Any:
    """Put layers of integers and trainable scales in the place of a model's unpacked ones.

    Args:
        model: The checkpoint's model, unpacked; changed. All else that it holds is frozen.
        packed: The checkpoint.

    Returns:
        The model.

    Raises:
        ModelError: If the checkpoint holds a layer that the model doesn't have.
    """
    model.requires_grad_(False)
    for name in packed.layers:
        above, _, last = name.rpartition(".")
        try:
            parent = model.get_submodule(above)
            linear = getattr(parent, last)
        except AttributeError:
            raise ModelError(
                f"{packed.folder}: the model has no layer {name}",
                hint="config.json and the weights don't belong together; download the checkpoint again.",
            ) from None
        setattr(parent, last, _scaled_linear()(packed.layer(name), linear.bias).to(linear.weight.device))
    return model


def trained_layers(model: Any, packed: PackedCheckpoint) -> dict[str, PackedLinear]:
    """Return the layers of `with_trainable_scales` with what their scales have become, by name."""
    return {name: model.get_submodule(name).packed() for name in packed.layers}


@cache
def _scaled_linear() -> Any:
    import torch
    from torch.nn import functional

    def stored(exact: Any, dtype: Any) -> Any:
        """`exact` rounded to a type, with the gradient of `exact`."""
        return exact + (exact.to(dtype).to(exact.dtype) - exact).detach()

    class ScaledLinear(torch.nn.Module):
        """A linear layer of frozen integers and scales that can be trained."""

        centred: Any
        start: Any
        groups: Any

        def __init__(self, layer: PackedLinear, bias: Any) -> None:
            super().__init__()
            self._layer = layer
            groups = _groups(layer)
            zeros = layer.zero_points.to(torch.int16)[:, groups]
            small = torch.int8 if layer.bits < 8 else torch.int16
            centred = (layer.integers.to(torch.int16) - zeros).to(small)
            self.register_buffer("centred", centred, persistent=False)
            self.register_buffer("start", layer.scales.to(torch.float32), persistent=False)
            self.register_buffer(
                "groups", None if layer.g_idx is None else groups.to(torch.int64), persistent=False
            )
            self.change = torch.nn.Parameter(torch.zeros_like(self.start))
            self.bias = bias

        def scales(self) -> Any:
            return stored(self.start * (1 + self.change), self._layer.scales.dtype)

        def unpacked(self) -> Any:
            """(out, in), as the checkpoint's loaders unpack it."""
            scales, whole = self.scales(), self.centred.to(torch.float32)
            if self.groups is not None:
                product = whole * scales[:, self.groups]
            else:
                rows, groups = scales.shape
                product = (whole.view(rows, groups, -1) * scales[:, :, None]).view(rows, -1)
            return stored(product, self._layer.scales.dtype)

        def forward(self, x: Any) -> Any:
            return functional.linear(x, self.unpacked().to(x.dtype), self.bias)

        def packed(self) -> PackedLinear:
            exact = self.scales().detach().to("cpu")
            return replace(self._layer, scales=exact.to(self._layer.scales.dtype).contiguous())

    return ScaledLinear


def _groups(layer: PackedLinear) -> Any:
    """(in,) group of every column."""
    import torch

    if layer.g_idx is not None:
        return layer.g_idx
    return torch.arange(layer.integers.shape[1]) // layer.group_size
