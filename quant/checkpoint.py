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
from ..datasets.model_config import quantization_of, read_config
from .formats.detection import format_of
from .formats.shards import Shards


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
    format: str | None = None
    """`compressed-tensors`, `AutoAWQ` or `GPTQ`; `None` for full precision."""


def read_checkpoint(folder: Path) -> Checkpoint:
    """Say what a model folder holds without loading it; its weights are checked by their headers.

    Raises:
        ModelError: If the folder, its configuration or its weights are missing, incomplete or damaged, or it
            is quantized in a format that is not read.
    """
    config = read_config(folder)
    Shards(folder)
    size = size_on_disk(folder)
    quantization = quantization_of(config, folder)
    if quantization is None:
        dtype = str(config.get("dtype") or config.get("torch_dtype") or "float32")
        return Checkpoint(folder, dtype, False, None, True, size)
    form = format_of(quantization, f"{folder}/config.json")
    if form.name != "compressed-tensors":
        bits, group_size, symmetric = form.scheme(quantization, f"{folder}/config.json")
        return Checkpoint(folder, f"W{bits}A16", True, group_size, symmetric, size, form.name)
    try:
        group: dict[str, Any] = next(iter(quantization["config_groups"].values()))
        weights, activations = group["weights"], group.get("input_activations")
        scheme = f"W{weights['num_bits']}A{activations['num_bits'] if activations else 16}"
        group_size, symmetric = weights.get("group_size"), bool(weights.get("symmetric", True))
        return Checkpoint(folder, scheme, True, group_size, symmetric, size, form.name)
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
