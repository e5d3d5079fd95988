"""AutoAWQ's `gemm` format, 4 bits.

Per layer: `qweight` int32 (in, out / 8), `qzeros` int32 (groups, out / 8), `scales` (groups, out). The eight
integers of a word are columns of the output in the order 0, 2, 4, 6, 1, 3, 5, 7, which suits its kernel.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from ...datasets.errors import ModelError
from .bits import pack, unpack
from .format import FLOATS, Scheme, damaged, expect, finite
from .packed import PackedLinear
from .shards import Shards

if TYPE_CHECKING:
    from torch import Tensor

_BITS = 4
_PER_WORD = 8
_ORDER = (0, 2, 4, 6, 1, 3, 5, 7)
_BACK = (0, 4, 1, 5, 2, 6, 3, 7)


class AutoAWQ:
    """4 bits with zero points, in the order of the GEMM kernel."""

    name = "AutoAWQ"
    marker = "qweight"
    own: tuple[str, ...] = ("qweight", "qzeros", "scales")

    def scheme(self, quantization: Mapping[str, Any], where: str) -> Scheme:
        """Read the configuration."""
        try:
            bits, group_size = int(quantization["bits"]), int(quantization["group_size"])
            zero_point = bool(quantization.get("zero_point", True))
        except (KeyError, TypeError, ValueError):
            raise ModelError(
                f"{where}: quantization_config can't be understood", hint="Get config.json again."
            ) from None
        version = str(quantization.get("version") or quantization.get("checkpoint_format") or "gemm").lower()
        if version != "gemm" or bits != _BITS:
            raise ModelError(
                f"{where}: AWQ at {bits} bits in {version!r} order",
                hint="AutoAWQ's 4 bits in `gemm` order are read; quantize the model anew with "
                "`firstfault quantize --method awq`.",
            )
        return Scheme(bits, group_size if group_size > 0 else None, not zero_point)

    def check(self, quantization: Mapping[str, Any], shards: Shards, layer: str) -> None:
        """Check a layer's tensors by their headers."""
        in_features, held = expect(shards, f"{layer}.qweight", None, ("I32",))
        group_size = self.scheme(quantization, "config.json").group_size or in_features
        if in_features % group_size:
            raise damaged(
                shards, f"{layer}.qweight", f"has {in_features} rows, not a multiple of {group_size}"
            )
        count = in_features // group_size
        expect(shards, f"{layer}.qzeros", (count, held), ("I32",))
        expect(shards, f"{layer}.scales", (count, held * _PER_WORD), FLOATS)

    def read(self, quantization: Mapping[str, Any], shards: Shards, layer: str) -> PackedLinear:
        """Read a layer."""
        scales = finite(shards, f"{layer}.scales", shards.read(f"{layer}.scales"))
        integers = _unpack(shards.read(f"{layer}.qweight"))
        return PackedLinear(
            integers=integers,
            scales=scales.T.contiguous(),
            zeros=_unpack(shards.read(f"{layer}.qzeros")),
            bits=_BITS,
            group_size=integers.shape[1] // scales.shape[0],
        )

    def tensors(self, quantization: Mapping[str, Any], layer: PackedLinear) -> dict[str, Tensor]:
        """Return the stored tensors of a layer."""
        return {
            "qweight": _pack(layer.integers),
            "qzeros": _pack(layer.zero_points),
            "scales": layer.scales.T.contiguous(),
        }


def _unpack(packed: Tensor) -> Tensor:
    """(n, out / 8) int32 to (out, n) uint8."""
    values = unpack(packed, _BITS, packed.shape[1] * _PER_WORD)
    return values.view(len(values), -1, _PER_WORD)[..., list(_BACK)].reshape(len(values), -1).T.contiguous()


def _pack(values: Tensor) -> Tensor:
    rows = values.T.contiguous()
    return pack(rows.view(len(rows), -1, _PER_WORD)[..., list(_ORDER)].reshape(len(rows), -1), _BITS)
