"""Restoring in place: the scales of a quantized checkpoint are trained, its integers stay as they are.

A quantized weight is (q - z) s, with a scale s for every group of integers q. Only s is trained (PEQA,
arXiv 2305.14152), as s = s0 (1 + d) with d from 0, so that one learning rate fits scales of any size. In
every forward pass s is rounded to the type in which it is stored and so is the product, with gradients that
pass both roundings (straight-through, arXiv 1308.3432): what is trained is what is written.

Zero points can be trained as well, as z = z0 + t with t rounded to an integer in the same way in every
forward pass, within what the format holds.
"""

from __future__ import annotations

from dataclasses import replace
from functools import cache
from typing import TYPE_CHECKING, Any

from ..datasets.errors import ConfigError, ModelError

if TYPE_CHECKING:
    from ..quant.formats.packed import PackedLinear
    from ..quant.formats.packed_checkpoint import PackedCheckpoint


_STRIDE = 0.5
"""Steps of a zero point for one unit of what is trained: it moves by whole steps, and at a higher rate so
many do at a time that the loss rises (docs/results.md)."""


def with_trainable_scales(model: Any, packed: PackedCheckpoint, *, zero_points: bool = False) -> Any:
    """Put layers of integers and trainable scales in the place of a model's unpacked ones.

    Args:
        model: The checkpoint's model, unpacked; changed. All else that it holds is frozen.
        packed: The checkpoint.
        zero_points: Whether these are trained too.

    Returns:
        The model.

    Raises:
        ModelError: If the checkpoint holds a layer that the model doesn't have.
        ConfigError: If zero points are to be trained and it has none.
    """
    if zero_points and packed.scheme.symmetric:
        raise ConfigError(
            f"zero_points: {packed.folder.name} is symmetric and has none",
            hint="Leave it out, or quantize with `symmetric: false`",
        )
    model.requires_grad_(False)
    layer = _scaled_linear()
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
        setattr(parent, last, layer(packed.layer(name), linear.bias, zero_points).to(linear.weight.device))
    return model


def trained_layers(model: Any, packed: PackedCheckpoint) -> dict[str, PackedLinear]:
    """Return the layers of `with_trainable_scales` with what was trained, by name."""
    return {name: model.get_submodule(name).packed() for name in packed.layers}


@cache
def _scaled_linear() -> Any:
    import torch
    from torch.nn import functional

    def stored(exact: Any, dtype: Any) -> Any:
        """`exact` rounded to a type, with the gradient of `exact`."""
        return exact + (exact.to(dtype).to(exact.dtype) - exact).detach()

    class ScaledLinear(torch.nn.Module):
        """A linear layer of frozen integers, whose scales, and zero points if asked, can be trained."""

        centred: Any
        start: Any
        groups: Any
        least: Any
        most: Any
        shift: Any

        def __init__(self, layer: PackedLinear, bias: Any, zero_points: bool) -> None:
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
            self.shift = None
            if zero_points:
                self.shift = torch.nn.Parameter(torch.zeros_like(self.start))
                start = layer.zero_points.to(torch.float32)
                # Some formats store a zero point less one: 0 is for those that have it already.
                lowest = min(1.0, float(start.min()))
                self.register_buffer("least", lowest - start, persistent=False)
                self.register_buffer("most", (1 << layer.bits) - 1 - start, persistent=False)
            self.bias = bias

        def scales(self) -> Any:
            return stored(self.start * (1 + self.change), self._layer.scales.dtype)

        def moved(self) -> Any:
            """(out, groups): by how many steps the zero points have moved, with the gradient of `shift`."""
            exact = _STRIDE * self.shift
            return exact + (exact.round().clamp(self.least, self.most) - exact).detach()

        def unpacked(self) -> Any:
            """(out, in), as the checkpoint's loaders unpack it."""
            whole, scales = self.centred.to(torch.float32), self.scales()
            if self.groups is None:
                whole = whole.view(*scales.shape, -1)
            if self.shift is not None:
                whole = whole - self._spread(self.moved())
            return stored(whole * self._spread(scales), self._layer.scales.dtype).view(self.centred.shape)

        def _spread(self, of_groups: Any) -> Any:
            """Of every column, or of every group with its columns behind it."""
            return of_groups[:, :, None] if self.groups is None else of_groups[:, self.groups]

        def forward(self, x: Any) -> Any:
            return functional.linear(x, self.unpacked().to(x.dtype), self.bias)

        def packed(self) -> PackedLinear:
            exact = self.scales().detach().to("cpu")
            trained = replace(self._layer, scales=exact.to(self._layer.scales.dtype).contiguous())
            if self.shift is None:
                return trained
            moved = self.moved().detach().to("cpu").to(torch.int16)
            zeros = (self._layer.zero_points.to(torch.int16) + moved).to(torch.uint8)
            return replace(trained, zeros=zeros.contiguous())

    return ScaledLinear


def _groups(layer: PackedLinear) -> Any:
    """(in,) group of every column."""
    import torch

    if layer.g_idx is not None:
        return layer.g_idx
    return torch.arange(layer.integers.shape[1]) // layer.group_size
