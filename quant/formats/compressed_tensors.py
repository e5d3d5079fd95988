"""compressed-tensors' `pack-quantized`: what llm-compressor and `firstfault quantize` write.

Per layer: `weight_packed` int32 (out, words of in), `weight_scale` (out, groups), `weight_shape` (2,), and
where asymmetric `weight_zero_point` int32 (words of out, groups). Integers are signed in its own terms;
packed, they and the zero points stand from 0, as ours do.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from ...datasets.errors import ModelError
from .bits import pack, unpack, words
from .format import FLOATS, Scheme, damaged, expect, finite, groups
from .packed import PackedLinear
from .shards import Shards

if TYPE_CHECKING:
    from torch import Tensor

_MOST_BITS = 8


class CompressedTensors:
    """Weights of 1 to 8 bits, one scale per group or per output channel."""

    name = "compressed-tensors"
    marker = "weight_packed"
    own: tuple[str, ...] = (
        "weight_packed",
        "weight_scale",
        "weight_shape",
        "weight_zero_point",
        "weight_g_idx",
    )

    def scheme(self, quantization: Mapping[str, Any], where: str) -> Scheme:
        """Read the configuration; of several groups, the first."""
        return _schemes(quantization, where)[0]

    def check(self, quantization: Mapping[str, Any], shards: Shards, layer: str) -> None:
        """Check a layer's tensors by their headers."""
        rows, held = expect(shards, f"{layer}.weight_packed", None, ("I32",))
        scales = expect(shards, f"{layer}.weight_scale", None, FLOATS)
        expect(shards, f"{layer}.weight_shape", (2,), ("I64", "I32"))
        if scales[0] != rows:
            raise damaged(shards, f"{layer}.weight_scale", f"has {scales[0]} rows for {rows} outputs")
        if all(held % scheme.bits and held < words(1, scheme.bits) for scheme in _listed(quantization)):
            raise damaged(shards, f"{layer}.weight_packed", f"has {held} words in a row")
        if f"{layer}.weight_g_idx" in shards:
            expect(shards, f"{layer}.weight_g_idx", shards[f"{layer}.weight_g_idx"].shape[:1], ("I32", "I64"))

    def read(self, quantization: Mapping[str, Any], shards: Shards, layer: str) -> PackedLinear:
        """Read a layer; its bits are those of the group that its width fits."""
        out_features, in_features = (int(extent) for extent in shards.read(f"{layer}.weight_shape"))
        rows, held = shards[f"{layer}.weight_packed"].shape
        count = shards[f"{layer}.weight_scale"].shape[1]
        asymmetric = f"{layer}.weight_zero_point" in shards
        fitting = {
            scheme.bits
            for scheme in _listed(quantization)
            if words(in_features, scheme.bits) == held
            and _count(in_features, scheme.group_size) == count
            and scheme.symmetric != asymmetric
        }
        if rows != out_features or len(fitting) != 1:
            raise damaged(
                shards,
                f"{layer}.weight_packed",
                f"({rows}, {held}) with {count} scales in a row doesn't hold the integers of a layer of "
                f"({out_features}, {in_features})",
            )
        (bits,) = fitting
        group_size = -(-in_features // count)
        zeros = None
        if asymmetric:
            name = f"{layer}.weight_zero_point"
            expect(shards, name, (words(rows, bits), count), ("I32",))
            zeros = unpack(shards.read(name).T.contiguous(), bits, rows).T.contiguous()
        g_idx = None
        if f"{layer}.weight_g_idx" in shards:
            name = f"{layer}.weight_g_idx"
            expect(shards, name, (in_features,), ("I32", "I64"))
            stored = shards.read(name)
            # It was reserved and never filled where no order was used.
            if not bool((stored == -1).all()):
                g_idx = groups(shards, name, stored, group_size, count)
        return PackedLinear(
            integers=unpack(shards.read(f"{layer}.weight_packed"), bits, in_features),
            scales=finite(shards, f"{layer}.weight_scale", shards.read(f"{layer}.weight_scale")),
            zeros=zeros,
            bits=bits,
            group_size=group_size,
            g_idx=g_idx,
        )

    def tensors(self, quantization: Mapping[str, Any], layer: PackedLinear) -> dict[str, Tensor]:
        """Return the stored tensors of a layer."""
        stored = {"weight_packed": pack(layer.integers, layer.bits), "weight_scale": layer.scales}
        if layer.zeros is not None:
            stored["weight_zero_point"] = pack(layer.zeros.T.contiguous(), layer.bits).T.contiguous()
        return stored


def _count(in_features: int, group_size: int | None) -> int:
    return 1 if group_size is None else -(-in_features // group_size)


def _listed(quantization: Mapping[str, Any]) -> list[Scheme]:
    return _schemes(quantization, "config.json")


def _schemes(quantization: Mapping[str, Any], where: str) -> list[Scheme]:
    try:
        parts = list(quantization["config_groups"].values())
        found = [_scheme(quantization, part, where) for part in parts]
    except (KeyError, TypeError, AttributeError, ValueError):
        raise _unclear(where) from None
    if not found:
        raise _unclear(where)
    return found


def _unclear(where: str) -> ModelError:
    return ModelError(f"{where}: quantization_config can't be understood", hint="Quantize the model again.")


def _scheme(quantization: Mapping[str, Any], part: Mapping[str, Any], where: str) -> Scheme:
    weights = part["weights"]
    stored = str(part.get("format") or quantization.get("format"))
    if stored != "pack-quantized":
        raise ModelError(
            f"{where}: compressed-tensors' {stored!r}, which is not packed integers",
            hint="Weights of 2 to 8 bits with activations left alone are read: quantize with "
            "`firstfault quantize` to W4A16, for one.",
        )
    strategy = str(weights.get("strategy"))
    if strategy not in ("group", "channel") or str(weights.get("type", "int")) != "int":
        raise ModelError(
            f"{where}: weights of type {weights.get('type')!r} scaled by {strategy!r}",
            hint="Integers with one scale per group or per channel are read; quantize the model so.",
        )
    bits, group_size = int(weights["num_bits"]), weights.get("group_size")
    if not 1 <= bits <= _MOST_BITS or (strategy == "group" and int(group_size) < 1):
        raise ValueError("impossible scheme")
    return Scheme(
        bits, int(group_size) if strategy == "group" else None, bool(weights.get("symmetric", True))
    )
