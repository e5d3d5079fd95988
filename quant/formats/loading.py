"""Models of AutoAWQ and GPTQ checkpoints without the libraries that made them."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from ...datasets.errors import ModelError
from ...datasets.model_config import quantization_of, read_config
from ...datasets.silence import silenced
from .packed_checkpoint import open_packed

if TYPE_CHECKING:
    from transformers import PreTrainedModel

_ON_OUR_OWN = ("awq", "gptq")


def load_unpacked(folder: Path, dtype: str = "auto") -> PreTrainedModel | None:
    """Load a model whose quantized layers are unpacked into plain linear layers.

    transformers reads compressed-tensors by itself, but AutoAWQ and GPTQ only with libraries that need an
    accelerator or an environment of their own; here their layers are unpacked by us.

    Args:
        folder: Model folder.
        dtype: `auto` (as `config.json` says), `float16`, `bfloat16` or `float32`.

    Returns:
        The model; `None` for a folder that transformers reads by itself.

    Raises:
        ModelError: If the checkpoint is in a variant that is not read, incomplete or damaged.
    """
    quantization = quantization_of(read_config(folder), folder)
    if quantization is None or str(quantization.get("quant_method")).lower() not in _ON_OUR_OWN:
        return None
    weights = open_packed(folder).weights()

    import transformers

    # The automatic class wants a folder; the architecture's own takes weights that are here already.
    architectures: Any = transformers.MODEL_FOR_CAUSAL_LM_MAPPING
    configs: Any = transformers.AutoConfig
    try:
        with silenced():
            config = configs.from_pretrained(folder, local_files_only=True)
            del config.quantization_config
            model, info = architectures[type(config)].from_pretrained(
                None, config=config, state_dict=weights, dtype=dtype, output_loading_info=True
            )
            if (folder / "generation_config.json").is_file():
                settings: Any = transformers.GenerationConfig
                model.generation_config = settings.from_pretrained(folder, local_files_only=True)
    except Exception as error:
        first = (str(error).strip().splitlines() or [""])[0]
        raise ModelError(
            f"{folder}: the model can't be loaded: {type(error).__name__}: {first}",
            hint="Check that config.json and the safetensors belong together and are complete.",
        ) from error
    if missing := sorted(info["missing_keys"]):
        raise ModelError(
            f"{folder}: {missing[0]} is missing",
            hint="config.json and the weights don't belong together; download the checkpoint again.",
        )
    return model
