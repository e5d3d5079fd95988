"""The format of GPTQ checkpoints (AutoGPTQ, GPTQModel), 2, 3, 4 or 8 bits.

Per layer: `qweight` int32 (words of in, out), `qzeros` int32 (groups, words of out), `scales` (groups, out),
`g_idx` int32 (in,), the group of every input column, mixed where columns were quantized in order of their
activations (`desc_act`). Version 1 (`checkpoint_format: gptq`) stores zero points less one, version 2
(`gptq_v2`) as they are.
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

_KNOWN_BITS = (2, 3, 4, 8)


class GPTQ:
    """Both versions of the zero points, any order of the columns."""

    name = "GPTQ"
    marker = "qweight"
    own: tuple[str, ...] = ("qweight", "qzeros", "scales", "g_idx")

    def scheme(self, quantization: Mapping[str, Any], where: str) -> Scheme:
        """Read the configuration."""
        try:
            bits, group_size = int(quantization["bits"]), int(quantization["group_size"])
        except (KeyError, TypeError, ValueError):
            raise ModelError(
                f"{where}: quantization_config can't be understood", hint="Get config.json again."
            ) from None
        stored = _version(quantization)
        if stored not in ("gptq", "gptq_v2") or quantization.get("is_marlin_format"):
            raise ModelError(
                f"{where}: GPTQ weights repacked for {stored!r}",
                hint="Give the checkpoint before it was repacked for a kernel: `gptq` or `gptq_v2`.",
            )
        if bits not in _KNOWN_BITS or str(quantization.get("pack_dtype", "int32")) != "int32":
            raise ModelError(
                f"{where}: GPTQ at {bits} bits in words of {quantization.get('pack_dtype', 'int32')}",
                hint="2, 3, 4 and 8 bits in words of int32 are read.",
            )
        rotated = quantization.get("rotation")
        dynamic: Mapping[str, Any] = quantization.get("dynamic") or {}
        if rotated or any(not str(pattern).startswith("-:") for pattern in dynamic):
            raise ModelError(
                f"{where}: GPTQ with {'rotation' if rotated else 'settings of their own for some layers'}",
                hint="Only layers that are all quantized alike, without rotation, are read.",
            )
        return Scheme(bits, group_size if group_size > 0 else None, bool(quantization.get("sym", True)))

    def check(self, quantization: Mapping[str, Any], shards: Shards, layer: str) -> None:
        """Check a layer's tensors by their headers."""
        scheme = self.scheme(quantization, "config.json")
        held, out_features = expect(shards, f"{layer}.qweight", None, ("I32",))
        in_features = held * 32 // scheme.bits
        if f"{layer}.g_idx" in shards:
            (in_features,) = expect(
                shards, f"{layer}.g_idx", shards[f"{layer}.g_idx"].shape[:1], ("I32", "I64")
            )
        if words(in_features, scheme.bits) != held:
            raise damaged(
                shards,
                f"{layer}.qweight",
                f"has {held} rows, not those of {in_features} columns of {scheme.bits} bits",
            )
        count = -(-in_features // (scheme.group_size or in_features))
        expect(shards, f"{layer}.scales", (count, out_features), FLOATS)
        expect(shards, f"{layer}.qzeros", (count, words(out_features, scheme.bits)), ("I32",))

    def read(self, quantization: Mapping[str, Any], shards: Shards, layer: str) -> PackedLinear:
        """Read a layer."""
        scheme = self.scheme(quantization, "config.json")
        scales = finite(shards, f"{layer}.scales", shards.read(f"{layer}.scales"))
        held, out_features = shards[f"{layer}.qweight"].shape
        in_features, g_idx = held * 32 // scheme.bits, None
        group_size = scheme.group_size
        if f"{layer}.g_idx" in shards:
            stored = shards.read(f"{layer}.g_idx")
            in_features = len(stored)
            g_idx = groups(shards, f"{layer}.g_idx", stored, group_size or in_features, len(scales))
        elif quantization.get("desc_act"):
            raise ModelError(
                f"{shards.folder}: {layer}.g_idx is missing, which `desc_act` needs",
                hint="Download the checkpoint again; a layer is incomplete.",
            )
        qzeros = shards.read(f"{layer}.qzeros")
        if _version(quantization) == "gptq":
            qzeros = _shifted(qzeros, scheme.bits, 1, out_features)
        return PackedLinear(
            integers=unpack(shards.read(f"{layer}.qweight").T.contiguous(), scheme.bits, in_features),
            scales=scales.T.contiguous(),
            zeros=unpack(qzeros, scheme.bits, out_features).T.contiguous(),
            bits=scheme.bits,
            group_size=group_size or in_features,
            g_idx=g_idx,
        )

    def tensors(self, quantization: Mapping[str, Any], layer: PackedLinear) -> dict[str, Tensor]:
        """Return the stored tensors of a layer; `g_idx` never changes."""
        qzeros = pack(layer.zero_points.T.contiguous(), layer.bits)
        if _version(quantization) == "gptq":
            qzeros = _shifted(qzeros, layer.bits, -1, len(layer.integers))
        return {
            "qweight": pack(layer.integers, layer.bits).T.contiguous(),
            "qzeros": qzeros,
            "scales": layer.scales.T.contiguous(),
        }


def _version(quantization: Mapping[str, Any]) -> str:
    return str(quantization.get("checkpoint_format") or quantization.get("format") or "gptq").lower()


def _shifted(qzeros: Tensor, bits: int, by: int, count: int) -> Tensor:
    """Add `by` to packed zero points as GPTQModel does.

    It adds to whole words, so that a zero point of 0 borrows from its neighbour when one is taken off and
    gives back when it is added; at 3 bits, which cross words, each value wraps by itself.
    """
    import torch

    if bits == 3:
        values = unpack(qzeros, bits, count).to(torch.int16) + by
        return pack((values & 7).to(torch.uint8), bits)
    ones = pack(torch.ones(1, 32 // bits, dtype=torch.uint8), bits)
    return qzeros + by * ones
