"""Whether a model fits into memory, told before it is loaded."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from .errors import ModelError

_CGROUP = Path("/sys/fs/cgroup")
_GIB = 1 << 30


def require_memory(*folders: Path, bytes_each: int, doing: str) -> None:
    """Refuse models whose unpacked weights are more than the memory that is free.

    A quantized model is unpacked to work with it, so that its files say little about what it takes.

    Args:
        folders: Models that are in memory together.
        bytes_each: Bytes of a weight: 2 as most are stored, 4 in float32.
        doing: What for, in words.

    Raises:
        ModelError: If they are.
    """
    needed = bytes_each * sum(parameters(folder) or 0 for folder in folders)
    free = free_memory()
    if needed > free:
        names = " and ".join(folder.name for folder in folders)
        raise ModelError(
            f"{names}: {doing} takes {needed / _GIB:.1f} GiB of memory, and {free / _GIB:.1f} GiB are free",
            hint="Use a machine with more memory, or a smaller model.",
        )


def parameters(folder: Path) -> int | None:
    """Return the number of a model's weights, unpacked; `None` where its architecture isn't known."""
    import torch
    import transformers

    auto: Any = transformers.AutoModelForCausalLM
    configs: Any = transformers.AutoConfig
    try:
        with torch.device("meta"):
            model = auto.from_config(configs.from_pretrained(folder, local_files_only=True))
    except Exception:
        # What is wrong with it is told by whoever loads it.
        return None
    return sum(int(weight.numel()) for weight in model.parameters())


def free_memory() -> int:
    """Return the bytes that can still be taken: of the machine, and of the container that this runs in."""
    import psutil

    free = int(psutil.virtual_memory().available)
    try:
        most = (_CGROUP / "memory.max").read_text().strip()
        if most != "max":
            free = min(free, int(most) - int((_CGROUP / "memory.current").read_text()))
    except (OSError, ValueError):
        # No container with a limit, or one that does not tell.
        pass
    return free
