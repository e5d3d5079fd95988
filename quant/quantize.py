"""Quantizing a model folder with llm-compressor into a compressed-tensors checkpoint."""

from __future__ import annotations

import random
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

from ..datasets.errors import ConfigError, ModelError
from ..datasets.model_memory import require_memory
from ..datasets.silence import silenced
from .checkpoint import read_checkpoint, replacing_folder, size_on_disk
from .recipes import SCHEMES, Method, Recipe
from .silence import silenced_compressor

_LONGEST = 2048
_SMOOTHING = 0.8
_BATCH = 8


class QuantizedCheckpoint(NamedTuple):
    """A quantized model on disk."""

    folder: Path
    name: str
    scheme: str
    bits_per_weight: float
    """Mean of stored bits per quantized weight, kept ones, scales and zero points included."""
    size_bytes: int
    """Size of the weights on disk, unquantized embeddings included."""
    seconds: float


def quantize(
    model_path: Path, recipe: Recipe, calibration_texts: Sequence[str], out: Path, seed: int = 0
) -> QuantizedCheckpoint:
    """Quantize a model folder; `out` holds the whole result or is as it was.

    The same model, recipe, texts and seed give the same bytes on the same machine.

    Args:
        model_path: Full-precision model folder.
        recipe: How to quantize.
        calibration_texts: Whole texts such as the model sees and writes (chat template applied);
            a seeded sample of `recipe.samples` is used.
        out: Folder of the result: weights, configuration, tokenizer and `recipe.json`. Replaced
            if it is there.
        seed: Of the sample of texts.

    Raises:
        ConfigError: If the group size doesn't divide a layer's input dimension, a layer to keep
            doesn't exist, or texts are needed and none are given.
        ModelError: If the model can't be loaded or is quantized already.
    """
    started = time.perf_counter()
    if read_checkpoint(model_path).quantized:
        raise ModelError(f"{model_path}: quantized already", hint="Quantize the full-precision model.")
    if recipe.needs_data and not calibration_texts:
        raise ConfigError(
            f"{recipe.name}: no calibration texts",
            hint=f"Give some problems to calibrate on; {recipe.method} needs them.",
        )
    require_memory(model_path, bytes_each=2, doing="quantizing it")
    model, tokenizer = _load(model_path)
    texts = _sample(calibration_texts, recipe.samples, seed) if recipe.needs_data else []
    with silenced_compressor():
        bits = _bits_per_weight(model, recipe)
        _check_group_size(model, recipe)
        _oneshot(model, recipe, [_encode(tokenizer, text) for text in texts], seed)
        with replacing_folder(out) as folder:
            model.save_pretrained(folder, save_compressed=True)
            tokenizer.save_pretrained(folder)
            # llm-compressor's own account of the recipe holds Python objects as YAML tags.
            (folder / "recipe.yaml").unlink(missing_ok=True)
            (folder / "recipe.json").write_text(recipe.model_dump_json(indent=2) + "\n", encoding="utf-8")
    return QuantizedCheckpoint(
        folder=out,
        name=recipe.name,
        scheme=recipe.scheme,
        bits_per_weight=bits,
        size_bytes=size_on_disk(out),
        seconds=time.perf_counter() - started,
    )


def _load(folder: Path) -> tuple[Any, Any]:
    import transformers

    model_class: Any = transformers.AutoModelForCausalLM
    tokenizer_class: Any = transformers.AutoTokenizer
    try:
        with silenced():
            model = model_class.from_pretrained(folder, local_files_only=True, use_safetensors=True)
            return model, tokenizer_class.from_pretrained(folder, local_files_only=True)
    except Exception as error:
        first = (str(error).strip().splitlines() or [""])[0]
        raise ModelError(
            f"{folder}: the model can't be loaded: {type(error).__name__}: {first}",
            hint="Check that config.json, the safetensors and the tokenizer belong together.",
        ) from error


def _bits_per_weight(model: Any, recipe: Recipe) -> float:
    if recipe.keep is None:
        return recipe.bits_per_weight
    kept: set[str] = set()
    for layer in recipe.keep.layers:
        found = _linear(model, [layer], recipe)
        if not found:
            raise ConfigError(
                f"keep: {layer!r} is none of the model's quantized linear layers",
                hint="Name layers in full, such as model.layers.0.mlp.down_proj.",
            )
        kept |= found.keys()
    sizes = {name: int(layer.weight.numel()) for name, layer in _linear(model, ["Linear"], recipe).items()}
    held = sum(size for name, size in sizes.items() if name in kept)
    whole = sum(sizes.values())
    return (recipe.kept_bits_per_weight * held + recipe.bits_per_weight * (whole - held)) / whole


def _linear(model: Any, targets: list[str], recipe: Recipe) -> dict[str, Any]:
    """The linear layers that are quantized, of those that `targets` match, by name."""
    from compressed_tensors import utils  # pyright: ignore[reportMissingTypeStubs]

    layers: Any = utils
    found: dict[str, Any] = dict(layers.match_named_modules(model, targets, list(recipe.ignore)))
    return {name: layer for name, layer in found.items() if hasattr(layer, "in_features")}


def _check_group_size(model: Any, recipe: Recipe) -> None:
    keep = recipe.keep
    for size in dict.fromkeys((recipe.group, keep.group_size if keep else None)):
        if size is None:
            continue
        targets = ["Linear"] if keep is None or size == recipe.group else list(keep.layers)
        for name, layer in _linear(model, targets, recipe).items():
            inputs = int(layer.in_features)
            if inputs % size:
                raise ConfigError(
                    f"group_size {size} does not divide {inputs}, the input dimension of {name}",
                    hint="Choose a group size that does, such as 32, or leave the layer out with `ignore`.",
                )


def _sample(texts: Sequence[str], count: int, seed: int) -> list[str]:
    if len(texts) <= count:
        return list(texts)
    return random.Random(seed).sample(list(texts), count)


def _encode(tokenizer: Any, text: str) -> dict[str, list[int]]:
    ids: list[int] = tokenizer(text, add_special_tokens=False, truncation=True, max_length=_LONGEST)[
        "input_ids"
    ]
    return {"input_ids": ids, "attention_mask": [1] * len(ids)}


def _oneshot(model: Any, recipe: Recipe, rows: list[dict[str, list[int]]], seed: int) -> None:
    import llmcompressor
    import torch

    import datasets  # pyright: ignore[reportMissingTypeStubs]

    data: dict[str, Any] = {}
    if rows:
        # A batch is cut to its shortest row; among rows of like length that costs a few tokens.
        rows = sorted(rows, key=lambda row: len(row["input_ids"]))
        listed: Any = datasets.Dataset
        data = {
            "dataset": listed.from_list(rows),
            "max_seq_length": _LONGEST,
            "num_calibration_samples": len(rows),
            "shuffle_calibration_samples": False,
            "batch_size": _BATCH,
        }
    compressor: Any = llmcompressor
    state: Any = torch.random
    with state.fork_rng(devices=[]):
        state.manual_seed(seed)
        compressor.oneshot(model=model, recipe=_modifiers(recipe), **data)


def _modifiers(recipe: Recipe) -> list[Any]:
    from llmcompressor.modifiers.gptq import GPTQModifier
    from llmcompressor.modifiers.quantization import QuantizationModifier
    from llmcompressor.modifiers.transform.awq import AWQModifier
    from llmcompressor.modifiers.transform.smoothquant import SmoothQuantModifier

    how: dict[str, Any] = {"ignore": list(recipe.ignore)}
    if recipe.group is None:
        how |= {"scheme": recipe.scheme, "targets": ["Linear"]}
    else:
        bits = recipe.bits.weight_bits
        groups = {"group_0": {"targets": ["Linear"], "weights": _weights(recipe, bits, recipe.group)}}
        if (keep := recipe.keep) is not None:
            # A layer's own name goes before its class.
            kept = _weights(recipe, SCHEMES[keep.scheme].weight_bits, keep.group_size or recipe.group)
            groups["group_1"] = {"targets": list(keep.layers), "weights": kept}
        how["config_groups"] = groups
    # The observer belongs to the weights, all else to the method's own modifier.
    told: dict[str, Any] = {name: one for name, one in recipe.settings.given.items() if name != "observer"}
    if recipe.method is Method.GPTQ:
        return [GPTQModifier(**how, **told)]
    if recipe.method is Method.AWQ:
        _spare_awq_the_accelerator()
        told = {"duo_scaling": "both", **told}
        return [AWQModifier(**told), QuantizationModifier(**how)]
    if recipe.method is Method.SMOOTHQUANT:
        told = {"smoothing_strength": _SMOOTHING, **told}
        return [SmoothQuantModifier(**told), QuantizationModifier(**how)]
    return [QuantizationModifier(**how)]


def _weights(recipe: Recipe, bits: int, group_size: int) -> dict[str, Any]:
    return {
        "num_bits": bits,
        "type": "int",
        "strategy": "group",
        "group_size": group_size,
        "symmetric": recipe.symmetric,
        **({"observer": recipe.settings.observer} if recipe.settings.observer else {}),
    }


def _spare_awq_the_accelerator() -> None:
    # llm-compressor 0.14.0.1 pins memory unconditionally, which raises where there is no accelerator.
    import torch
    from llmcompressor.pipelines.cache import IntermediatesCache

    def leave(self: Any, *args: Any, **kwargs: Any) -> None:
        return None

    if not torch.accelerator.is_available():
        cache: Any = IntermediatesCache
        cache.pin_memory = leave
