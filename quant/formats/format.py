"""What every format provides, and how a format reads its layers from a folder's headers."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

from ...datasets.errors import ModelError
from .packed import PackedLinear
from .shards import Shards

if TYPE_CHECKING:
    from torch import Tensor

FLOATS = ("F16", "BF16", "F32")


class Scheme(NamedTuple):
    """How a checkpoint's layers are quantized, as its configuration says."""

    bits: int
    group_size: int | None
    """`None` for one scale per output channel."""
    symmetric: bool


class Format(Protocol):
    """A way of storing packed layers."""

    name: str
    """As people call it."""
    marker: str
    """The tensor that every packed layer has, e.g. `qweight`."""
    own: tuple[str, ...]
    """All tensors that a packed layer may have in this format, the marker among them."""

    def scheme(self, quantization: Mapping[str, Any], where: str) -> Scheme:
        """Read a `quantization_config`.

        Raises:
            ModelError: If it is a variant that is not read, or can't be understood.
        """
        ...

    def check(self, quantization: Mapping[str, Any], shards: Shards, layer: str) -> None:
        """Check the shapes and types of a layer's tensors by their headers.

        Raises:
            ModelError: If one is missing or doesn't fit the others.
        """
        ...

    def read(self, quantization: Mapping[str, Any], shards: Shards, layer: str) -> PackedLinear:
        """Read a layer that `check` has let pass."""
        ...

    def tensors(self, quantization: Mapping[str, Any], layer: PackedLinear) -> dict[str, Tensor]:
        """Return a layer's stored tensors by suffix, such that reading them gives the layer again.

        What never changes (`g_idx`, shapes) may be left out.
        """
        ...


def expect(
    shards: Shards, name: str, shape: tuple[int, ...] | None, dtypes: tuple[str, ...]
) -> tuple[int, ...]:
    """Check that a tensor is there and is what a format says; return its shape.

    Args:
        shards: The checkpoint's tensors.
        name: Tensor.
        shape: What its shape must be; `None` for any of two dimensions.
        dtypes: Types that it may have.

    Raises:
        ModelError: If it is not.
    """
    if name not in shards:
        raise ModelError(
            f"{shards.folder}: {name} is missing",
            hint="Download the checkpoint again; a layer is incomplete.",
        )
    place = shards[name]
    if place.dtype not in dtypes:
        raise damaged(shards, name, f"is {place.dtype} instead of {' or '.join(dtypes)}")
    if shape is None and len(place.shape) != 2:
        raise damaged(shards, name, f"has shape {place.shape}, which is no matrix")
    if shape is not None and place.shape != shape:
        raise damaged(shards, name, f"has shape {place.shape} instead of {shape}")
    return place.shape


def damaged(shards: Shards, name: str, what: str) -> ModelError:
    """The error for a tensor that can't be what it should be."""
    return ModelError(
        f"{shards[name].file}: {name} {what}",
        hint="config.json and the weights don't belong together, or the file is damaged; "
        "download the checkpoint again.",
    )


def finite(shards: Shards, name: str, scales: Tensor) -> Tensor:
    """Return scales if all are finite numbers.

    Raises:
        ModelError: If one is infinite or none.
    """
    if not bool(scales.isfinite().all()):
        raise damaged(shards, name, "holds scales that are no finite numbers")
    return scales


def groups(shards: Shards, name: str, g_idx: Tensor, group_size: int, count: int) -> Tensor | None:
    """Return every column's group as int64, or `None` where the groups simply follow one another.

    Raises:
        ModelError: If a column has a group that doesn't exist.
    """
    import torch

    index = g_idx.to(torch.int64)
    if bool(((index < 0) | (index >= count)).any()):
        raise damaged(shards, name, f"holds groups outside 0 to {count - 1}")
    plain = torch.arange(len(index)) // group_size
    return None if torch.equal(index, plain) else index
