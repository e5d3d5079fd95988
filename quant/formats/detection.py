"""Which format a checkpoint is in."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ...datasets.errors import ModelError
from .autoawq import AutoAWQ
from .compressed_tensors import CompressedTensors
from .format import Format
from .gptq import GPTQ

FORMATS: dict[str, Format] = {"compressed-tensors": CompressedTensors(), "awq": AutoAWQ(), "gptq": GPTQ()}
"""By `quant_method`, as configurations name them."""


def format_of(quantization: Mapping[str, Any], where: str) -> Format:
    """Return the format that a `quantization_config` names.

    Raises:
        ModelError: If it is none that is read.
    """
    method = str(quantization.get("quant_method")).lower()
    if method not in FORMATS:
        raise ModelError(
            f"{where}: quantized as {quantization.get('quant_method')!r}",
            hint="compressed-tensors, AutoAWQ and GPTQ are read; quantize the full-precision model anew "
            "with `firstfault quantize`.",
        )
    return FORMATS[method]
