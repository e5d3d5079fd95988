"""Checkpoint folders: full precision or which quantization, how large, which bytes; replacing one whole."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import tempfile
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

from ..datasets.errors import ModelError


class Checkpoint(NamedTuple):
    """A model folder, as read from its configuration."""

    folder: Path
    scheme: str
    """E.g. `W3A16`, or the data type for full precision (`bfloat16`)."""
    quantized: bool
    group_size: int | None
    """`None` for full precision and for one scale per channel."""
    symmetric: bool
    size_bytes: int
    """Size of the weights on disk."""


def read_checkpoint(folder: Path) -> Checkpoint:
    """Say what a model folder holds without loading it.

    Raises:
        ModelError: If the folder, its configuration or its weights are missing or broken, or it is
            quantized in a format other than compressed-tensors.
    """
    config = _read_json(folder)
    size = size_on_disk(folder)
    quantization: dict[str, Any] | None = config.get("quantization_config")
    if quantization is None:
        dtype = str(config.get("dtype") or config.get("torch_dtype") or "float32")
        return Checkpoint(folder, dtype, False, None, True, size)
    if quantization.get("quant_method") != "compressed-tensors":
        raise ModelError(
            f"{folder}: quantized as {quantization.get('quant_method')!r}",
            hint="Only compressed-tensors checkpoints are read; make one with `firstfault quantize`.",
        )
    try:
        group: dict[str, Any] = next(iter(quantization["config_groups"].values()))
        weights, activations = group["weights"], group.get("input_activations")
        scheme = f"W{weights['num_bits']}A{activations['num_bits'] if activations else 16}"
        return Checkpoint(
            folder, scheme, True, weights.get("group_size"), bool(weights.get("symmetric", True)), size
        )
    except (KeyError, StopIteration, TypeError, AttributeError):
        raise ModelError(
            f"{folder}/config.json: quantization_config can't be understood",
            hint="Quantize the model again.",
        ) from None


def size_on_disk(folder: Path) -> int:
    """Return the size of a folder's weights in bytes.

    Raises:
        ModelError: If there are none.
    """
    return sum(path.stat().st_size for path in _weights(folder))


def weights_sha256(folder: Path) -> str:
    """Return the SHA-256 of a folder's weights, over all its safetensors files in order of name.

    Raises:
        ModelError: If there are none.
    """
    digest = hashlib.sha256()
    for path in _weights(folder):
        with path.open("rb") as file:
            while block := file.read(1 << 20):
                digest.update(block)
    return digest.hexdigest()


def chat_template_sha256(folder: Path) -> str:
    """Return the SHA-256 of a model folder's chat template; of nothing where it has none."""
    template: Any = None
    if (path := folder / "chat_template.jinja").is_file():
        template = path.read_text(encoding="utf-8")
    elif (path := folder / "tokenizer_config.json").is_file():
        template = json.loads(path.read_text(encoding="utf-8")).get("chat_template")
    text = template if isinstance(template, str) else json.dumps(template or "")
    return hashlib.sha256(text.encode()).hexdigest()


@contextmanager
def replacing_folder(out: Path) -> Generator[Path]:
    """Give a temporary folder beside `out` that takes its place on success and goes on failure.

    Temporary folders, and what safetensors writes, are for their owner alone; the result is readable
    for whom the process's mask allows, since another user may serve it.
    """
    out.parent.mkdir(parents=True, exist_ok=True)
    temporary = Path(tempfile.mkdtemp(dir=out.parent, prefix=f".{out.name}."))
    try:
        yield temporary
        mask = os.umask(0)
        os.umask(mask)
        temporary.chmod(0o777 & ~mask)
        for path in temporary.rglob("*"):
            path.chmod((0o777 if path.is_dir() else 0o666) & ~mask)
        if out.exists():
            shutil.rmtree(out)
        temporary.rename(out)
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


def _weights(folder: Path) -> list[Path]:
    files = sorted(folder.glob("*.safetensors"))
    if not files:
        raise ModelError(
            f"{folder}: no weights (*.safetensors)",
            hint="Only safetensors are read; convert other formats with save_pretrained.",
        )
    return files


def _read_json(folder: Path) -> dict[str, Any]:
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
