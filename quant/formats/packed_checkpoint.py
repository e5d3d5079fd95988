"""A quantized model folder opened as packed layers, and written back as it was but for what is changed."""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ...datasets.errors import ModelError
from ...datasets.model_config import quantization_of, read_config
from ..checkpoint import replacing_folder
from .detection import format_of
from .format import Format, Scheme
from .packed import PackedLinear
from .shards import Shards

if TYPE_CHECKING:
    from torch import Tensor


@dataclass(frozen=True, eq=False)
class PackedCheckpoint:
    """A quantized checkpoint whose layers are read one at a time."""

    folder: Path
    format: Format
    scheme: Scheme
    layers: tuple[str, ...]
    """Names of the packed linear layers, in order of name."""
    plain: tuple[str, ...]
    """Names of all other tensors: embeddings, norms, biases, layers left in full precision."""
    quantization: Mapping[str, Any]
    """`quantization_config` of `config.json`."""
    shards: Shards

    def layer(self, name: str) -> PackedLinear:
        """Read one packed layer.

        Raises:
            ModelError: If what it holds is impossible: scales that are no numbers, groups that don't exist.
        """
        return self.format.read(self.quantization, self.shards, name)

    def tensor(self, name: str) -> Tensor:
        """Read one of the `plain` tensors."""
        return self.shards.read(name)

    def weights(self) -> dict[str, Tensor]:
        """Return all tensors as a full-precision model has them: `NAME.weight` for every packed layer.

        Raises:
            ModelError: If a layer holds what is impossible.
        """
        weights = {name: self.tensor(name) for name in self.plain}
        for name in self.layers:
            weights[f"{name}.weight"] = self.layer(name).dequantize()
        return weights

    def write(self, out: Path, layers: Mapping[str, PackedLinear]) -> None:
        """Write a copy of the checkpoint in which some layers are replaced.

        Every file keeps its name, size and layout, and every byte that is not one of those layers': a copy
        with layers as they were read equals the original byte for byte. What a format doesn't store
        (zero points of a symmetric one) and the order of columns are not written.

        Args:
            out: Folder of the copy; may be the checkpoint's own. Holds the whole result or is as it was.
            layers: By name; integers, scales and zero points of the shapes and types they were read with.

        Raises:
            ValueError: If a layer doesn't exist, or has another shape or type than the one in its place.
        """
        unknown = sorted(set(layers) - set(self.layers))
        if unknown:
            raise ValueError(f"{self.folder}: no packed layer {unknown[0]!r}")
        with replacing_folder(out) as copy:
            shutil.copytree(self.folder, copy, dirs_exist_ok=True)
            for name, layer in layers.items():
                stored = self.format.tensors(self.quantization, layer)
                self.shards.replace(copy, {f"{name}.{suffix}": tensor for suffix, tensor in stored.items()})


def open_packed(folder: Path) -> PackedCheckpoint:
    """Open a quantized checkpoint: its format is detected, and every layer checked by its header.

    Reads no weights yet, so that what is wrong shows before long work.

    Args:
        folder: Model folder; sharded or not.

    Raises:
        ModelError: If it is not quantized, quantized in a way that is not read, incomplete or damaged.
    """
    quantization = quantization_of(read_config(folder), folder)
    shards = Shards(folder)
    if quantization is None:
        left = "; its qweight tensors need a quantization_config" if _has(shards, "qweight") else ""
        raise ModelError(
            f"{folder}: not quantized by its config.json{left}",
            hint="Give a quantized checkpoint; older ones keep the settings in quantize_config.json, "
            "which belong into config.json as `quantization_config`.",
        )
    where = f"{folder}/config.json"
    form = format_of(quantization, where)
    scheme = form.scheme(quantization, where)
    ending = f".{form.marker}"
    layers = tuple(sorted(name.removesuffix(ending) for name in shards.places if name.endswith(ending)))
    if not layers:
        raise ModelError(
            f"{folder}: {form.name} by its config.json, but no tensor is called *{ending}",
            hint="config.json and the weights don't belong together; download the checkpoint again.",
        )
    for layer in layers:
        form.check(quantization, shards, layer)
    own = {f"{layer}.{suffix}" for layer in layers for suffix in form.own}
    plain = tuple(name for name in shards.places if name not in own)
    return PackedCheckpoint(folder, form, scheme, layers, plain, quantization, shards)


def _has(shards: Shards, marker: str) -> bool:
    return any(name.endswith(f".{marker}") for name in shards.places)
