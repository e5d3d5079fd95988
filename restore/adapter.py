"""The adapter and how it is trained, whatever the loss: layers, order of pairs, schedule."""

from __future__ import annotations

from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from ..datasets.errors import ConfigError, InputError
from .config import Settled, SftConfig


def lora(config: Settled | SftConfig) -> Any:
    """Return peft's configuration of the adapter."""
    import peft

    targets = config.targets if isinstance(config.targets, str) else list(config.targets)
    return peft.LoraConfig(
        r=config.rank, lora_alpha=config.alpha, target_modules=targets, task_type="CAUSAL_LM"
    )


def arguments(config: Settled | SftConfig, scratch: Path, *, validated: bool = False) -> dict[str, Any]:
    """Return transformers' training arguments; `validated` with a loss on validation pairs every epoch."""
    import torch

    return {
        "output_dir": str(scratch),
        "use_cpu": not torch.cuda.is_available(),
        "bf16": False,
        "gradient_checkpointing": False,
        "dataloader_pin_memory": False,
        "report_to": "none",
        "save_strategy": "no",
        "logging_steps": 1,
        "disable_tqdm": True,
        "remove_unused_columns": False,
        "num_train_epochs": config.epochs,
        "per_device_train_batch_size": config.batch_size,
        "per_device_eval_batch_size": config.batch_size,
        "eval_strategy": "epoch" if validated else "no",
        "prediction_loss_only": True,
        # Batches of like length, in random order: a quarter of the work would be padding.
        "train_sampling_strategy": "group_by_length",
        "learning_rate": config.learning_rate,
        "lr_scheduler_type": "cosine",
        "warmup_steps": 0.05,
        "seed": config.seed,
    }


def with_adapter(model: Any, config: Settled) -> Any:
    """Put an adapter on a model; its start is drawn with the configuration's seed.

    Raises:
        ConfigError: If the adapter's targets are not in the model.
    """
    import peft
    import transformers

    adapting: Any = peft
    transformers.set_seed(config.seed)
    with known_targets(config):
        return adapting.get_peft_model(model, lora(config))


def placed(checkpoint: Path, restored: Path) -> tuple[Path, Path | None]:
    """Return which folder to load, and which adapter to put on it, for a restored checkpoint.

    Args:
        checkpoint: Folder of the quantized model.
        restored: What restoring wrote: an adapter, or the whole checkpoint anew.
    """
    return (checkpoint, restored) if is_adapter(restored) else (restored, None)


def is_adapter(folder: Path) -> bool:
    """Tell whether a folder holds an adapter, not a whole checkpoint."""
    return (folder / "adapter_config.json").is_file()


@contextmanager
def known_targets(config: Settled | SftConfig) -> Generator[None]:
    """Refuse layers that the model doesn't have.

    Raises:
        ConfigError: If the adapter's targets are not in the model.
    """
    try:
        yield
    except ValueError as error:
        if "target" not in str(error).lower():
            raise
        raise ConfigError(
            f"targets: {config.targets!r} is not in the model",
            hint="Name linear layers such as q_proj, or all-linear.",
        ) from error


def nothing_to_learn(config: Settled) -> InputError:
    """Return the error of pairs whose prompts alone are longer than what is trained on."""
    return InputError(
        f"every prompt has {config.max_tokens} tokens or more", hint="Raise `max_tokens` of `restore`."
    )
