"""Loading a model folder for generation: full precision, quantized, or quantized with an adapter."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from ...datasets.errors import ModelError
from ...datasets.model_config import read_config
from ...datasets.model_memory import require_memory
from ...datasets.silence import silenced

if TYPE_CHECKING:
    from transformers import PreTrainedModel, PreTrainedTokenizerBase


Unpack = Callable[[Path, str], "PreTrainedModel | None"]
"""Loads a model folder that transformers can't read by itself, given the folder and the type of the weights;
`None` for one that it can."""


class LoadedModel(NamedTuple):
    """A model ready to generate, and its tokenizer."""

    model: PreTrainedModel
    tokenizer: PreTrainedTokenizerBase


def load_model(
    folder: Path,
    *,
    adapter: Path | None = None,
    dtype: str = "auto",
    unpack: Unpack | None = None,
    activations: bool = True,
) -> LoadedModel:
    """Load a causal model and its tokenizer from a local folder.

    Weight-only quantization is unpacked at once: the values are the same, and generating is
    faster. A checkpoint that also quantizes activations keeps doing so, unless told otherwise.

    Args:
        folder: Model folder: configuration, safetensors, tokenizer.
        adapter: Folder of a LoRA adapter that is put on top.
        dtype: `auto` (as stored), `bfloat16` or `float32`.
        unpack: Tried before transformers: `load_unpacked` of `quant/formats` reads AutoAWQ and GPTQ.
        activations: Whether activations are quantized where the checkpoint says so. In training they are
            not: quantized ones pass no gradient, and layers that quantize take no adapter.

    Raises:
        ModelError: If the folder is missing, incomplete or can't be read, or the model is larger than the
            memory that is free.
    """
    import transformers

    auto: Any = transformers.AutoModelForCausalLM
    config = read_weighted(folder)
    require_memory(folder, bytes_each=4 if dtype == "float32" else 2, doing="loading it")
    tokenizer = load_tokenizer(folder)
    options: dict[str, Any] = {}
    quantization = config.get("quantization_config")
    fake = activations and quantization is not None and quantizes_activations(quantization)
    if quantization is not None and quantization.get("quant_method") == "compressed-tensors" and not fake:
        from transformers import CompressedTensorsConfig

        options["quantization_config"] = CompressedTensorsConfig(dequantize=True)
    try:
        with silenced():
            model: Any = unpack(folder, dtype) if unpack is not None else None
            if model is None:
                model = auto.from_pretrained(
                    folder, dtype=dtype, local_files_only=True, use_safetensors=True, **options
                )
            if fake:
                _unpack(model)
            if adapter is not None:
                model = _with_adapter(model, adapter)
    except ModelError:
        raise
    except Exception as error:
        raise ModelError(
            f"{folder}: the model can't be loaded: {_first_line(error)}",
            hint="Check that config.json and the safetensors belong together and are complete.",
        ) from error
    return LoadedModel(model.eval(), tokenizer)


def load_tokenizer(folder: Path) -> PreTrainedTokenizerBase:
    """Load the tokenizer of a model folder.

    Raises:
        ModelError: If there is none or it can't be read.
    """
    import transformers

    auto: Any = transformers.AutoTokenizer

    if not any(
        (folder / name).is_file() for name in ("tokenizer.json", "tokenizer_config.json", "tokenizer.model")
    ):
        raise ModelError(
            f"{folder}: no tokenizer",
            hint="Copy tokenizer.json and tokenizer_config.json of the model there.",
        )
    try:
        return auto.from_pretrained(folder, local_files_only=True)
    except Exception as error:
        raise ModelError(
            f"{folder}: the tokenizer can't be loaded: {_first_line(error)}",
            hint="Copy the tokenizer files of the model there again.",
        ) from error


def quantizes_activations(quantization: dict[str, Any]) -> bool:
    """Return whether a checkpoint's `quantization_config` also quantizes activations (as W8A8 does)."""
    groups: dict[str, dict[str, Any]] = quantization.get("config_groups") or {}
    return any(group.get("input_activations") is not None for group in groups.values())


def read_weighted(folder: Path) -> dict[str, Any]:
    """Read the configuration of a model folder that has weights.

    Raises:
        ModelError: If the folder is missing, incomplete or can't be read.
    """
    if not folder.is_dir():
        raise ModelError(
            f"{folder}: no such model folder", hint="Give the path of a folder with config.json in it."
        )
    config = read_config(folder)
    if not any(folder.glob("*.safetensors")):
        raise ModelError(
            f"{folder}: no weights (*.safetensors)",
            hint="Only safetensors are read; convert other formats with save_pretrained.",
        )
    return config


def _unpack(model: Any) -> None:
    # The checkpoint stays packed until the first forward, which an adapter can't be put on.
    import torch

    with torch.no_grad():
        model(input_ids=torch.zeros(1, 1, dtype=torch.long, device=model.device))


def _with_adapter(model: Any, adapter: Path) -> Any:
    import peft

    lora: Any = peft.PeftModel

    if not (adapter / "adapter_config.json").is_file():
        raise ModelError(
            f"{adapter}: no LoRA adapter (adapter_config.json)", hint="Give the folder that `restore` wrote."
        )
    return lora.from_pretrained(model, str(adapter), local_files_only=True)


def _first_line(error: Exception) -> str:
    lines = str(error).strip().splitlines()
    return f"{type(error).__name__}: {lines[0] if lines else ''}"
