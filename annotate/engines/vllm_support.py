"""What vLLM can't serve, told from a checkpoint's configuration before anything is started."""

import json
from pathlib import Path
from typing import Any

from ...datasets.errors import ModelError
from .loading import quantizes_activations, read_weighted

SERVED_BITS = (4, 8)
"""Bits of integer weights that vLLM has kernels for, on processors and on GPUs alike."""
_RANKS = (8, 16, 32, 64, 128, 256, 320, 512)


def unserved_bits(bits: int) -> str | None:
    """Say why weights of so many bits can't be served; `None` if they can."""
    return None if bits in SERVED_BITS or bits >= 16 else f"vLLM has no kernel for {bits}-bit weights"


def unserved(folder: Path, adapter: Path | None = None) -> str | None:
    """Say why a checkpoint, with an adapter or without, can't be served; `None` if nothing speaks against it.

    Raises:
        ModelError: If the folder is missing, incomplete or can't be read.
    """
    quantization: dict[str, Any] = read_weighted(folder).get("quantization_config") or {}
    if not quantization:
        return None
    if str(quantization.get("quant_method")).lower() == "compressed-tensors":
        groups: dict[str, dict[str, Any]] = quantization.get("config_groups") or {}
        weights: list[dict[str, Any]] = [group.get("weights") or {} for group in groups.values()]
        bits = [int(one.get("num_bits", 16)) for one in weights]
    else:
        bits = [int(quantization.get("bits", quantization.get("w_bit", 16)))]
    for count in bits:
        if why := unserved_bits(count):
            return why
    if adapter is not None and quantizes_activations(quantization):
        return "vLLM puts no adapter on a model whose activations are quantized"
    return None


def lora_rank(adapter: Path) -> int:
    """Return the least rank that vLLM must make room for to serve an adapter.

    Raises:
        ModelError: If the adapter has no readable configuration, or a rank beyond all that vLLM serves.
    """
    path = adapter / "adapter_config.json"
    try:
        config = json.loads(path.read_text(encoding="utf-8"))
        rank = max(int(config["r"]), *map(int, (config.get("rank_pattern") or {0: 0}).values()))
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        raise ModelError(
            f"{path}: not the configuration of a LoRA adapter", hint="Give the folder that `restore` wrote."
        ) from None
    fitting = [one for one in _RANKS if one >= rank]
    if not fitting:
        raise ModelError(
            f"{path}: rank {rank} is beyond vLLM's {_RANKS[-1]}", hint="Set `engine: transformers`."
        )
    return fitting[0]


def stored_type(folder: Path) -> str:
    """Return what to serve a checkpoint as: float32 stays so, where vLLM would make it a half.

    Raises:
        ModelError: If the folder can't be read.
    """
    config = read_weighted(folder)
    return "float32" if str(config.get("dtype") or config.get("torch_dtype")) == "float32" else "auto"


def end_tokens(folder: Path) -> list[int]:
    """Return the ids of the tokens that a model's own settings name as ends.

    Raises:
        ModelError: If the folder can't be read.
    """
    config = read_weighted(folder)
    path = folder / "generation_config.json"
    try:
        own = json.loads(path.read_text(encoding="utf-8")) if path.is_file() else config
    except ValueError as error:
        hint = "Copy generation_config.json of the model there again."
        raise ModelError(f"{path}: not JSON: {error}", hint=hint) from None
    listed: Any = own.get("eos_token_id") if isinstance(own, dict) else None  # pyright: ignore[reportUnknownMemberType, reportUnknownVariableType]
    return [int(one) for one in (listed if isinstance(listed, list) else [listed]) if one is not None]  # pyright: ignore[reportUnknownArgumentType, reportUnknownVariableType]
