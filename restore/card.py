"""The model card of a restored model: what it is, what it was restored from and on, and what that brought."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from ..annotate.statistics import Interval
from ..datasets.markdown import fenced, template
from ..datasets.records import Record
from ..datasets.store import write_text
from .config import RestoreConfig
from .sources import Origin

CARD = "README.md"
TRAINING = "training.json"


class Measured(Record):
    """What restoring brought on held-out problems, as shares solved."""

    problems: int
    full_precision: float
    quantized: float
    restored: float
    recovery: Interval | None = None
    """`None` where quantization lost nothing."""


def write_card(
    adapter: Path,
    origin: Origin,
    *,
    checkpoint: str,
    base: str,
    measured: Measured | None = None,
    warnings: Sequence[str] = (),
) -> Path:
    """Write the card of an adapter that `train` made; the same content gives the same card.

    Args:
        adapter: Its folder.
        origin: What it was trained on.
        checkpoint: Name of the quantized model.
        base: Name of the full-precision model.
        measured: On held-out problems, where that was measured.
        warnings: In what the data does not fit the checkpoint.

    Returns:
        The card's path.
    """
    from huggingface_hub import ModelCardData

    account: dict[str, Any] = json.loads((adapter / TRAINING).read_text(encoding="utf-8"))
    is_on_hub = origin.revision is not None
    metadata: Any = ModelCardData(
        library_name="peft",
        tags=["firstfault", "quantization", "lora", "mathematics"],
        datasets=[origin.name] if is_on_hub else None,
    )
    page = template("restored.md.jinja").render(
        checkpoint=checkpoint,
        checkpoint_sha256=account["checkpoint_sha256"],
        base=base,
        origin=origin,
        pairs=account["pairs"],
        measured=measured,
        warnings=warnings,
        config=fenced(_config(RestoreConfig.model_validate(account["config"])), "yaml"),
        first=account["curve"][0] if account["curve"] else None,
        last=account["curve"][-1] if account["curve"] else None,
    )
    path = adapter / CARD
    write_text(path, f"---\n{metadata.to_yaml()}\n---\n\n{page}")
    return path


def _config(config: RestoreConfig) -> str:
    import yaml

    return yaml.safe_dump(config.model_dump(mode="json"), sort_keys=False)
