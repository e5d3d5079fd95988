"""A model folder's `config.json`."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from .errors import ModelError


def read_config(folder: Path) -> dict[str, Any]:
    """Read a model folder's configuration.

    Raises:
        ModelError: If it is missing or not a JSON object.
    """
    path = folder / "config.json"
    if not path.is_file():
        raise ModelError(f"{folder}: no config.json", hint="Give the folder of a Hugging Face model.")
    try:
        config = json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise ModelError(
            f"{path}: not JSON: {error}", hint="Copy config.json of the model there again."
        ) from None
    if not isinstance(config, dict):
        raise ModelError(f"{path}: not a JSON object", hint="Copy config.json of the model there again.")
    return config  # pyright: ignore[reportUnknownVariableType]


def quantization_of(config: dict[str, Any], folder: Path) -> dict[str, Any] | None:
    """Return the `quantization_config` of a configuration; `None` in full precision.

    Raises:
        ModelError: If it is not an object.
    """
    quantization = config.get("quantization_config")
    if quantization is not None and not isinstance(quantization, dict):
        raise ModelError(
            f"{folder}/config.json: quantization_config is not an object",
            hint="Copy config.json of the model there again.",
        )
    return quantization  # pyright: ignore[reportUnknownVariableType]
