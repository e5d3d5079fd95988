"""Supervised fine-tuning (SFT) of a full-precision model: an adapter is trained and merged into the weights.

What comes out is an ordinary model folder of the same architecture, data type, tokenizer and chat template.
What it is trained on, and why, is not decided here.
"""

from __future__ import annotations

import json
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from ..annotate.engines.loading import load_model
from ..datasets.errors import InputError, ModelError
from ..datasets.silence import silenced
from ..quant.checkpoint import read_checkpoint, replacing_folder, weights_sha256
from .adapter import arguments, known_targets, lora
from .config import SftConfig
from .frontier import shared

Progress = Callable[[int, int], None]
"""Called after every step with its number, from 1, and the number of steps in all."""

ACCOUNT = "sft.json"


class Text(NamedTuple):
    """What is learnt: a text after another one."""

    prompt: str
    """As the chat template writes it, start token included."""
    completion: str
    """Without the end token; only this and the end token are learnt."""


class Tuned(NamedTuple):
    """A trained model."""

    folder: Path
    losses: list[float]
    """Mean negative log-likelihood per learnt token, in nats, after every step."""
    texts: int
    """Texts that were short enough to learn from."""
    seconds: float


def fine_tune(
    model: Path, texts: Sequence[Text], config: SftConfig, out: Path, *, progress: Progress | None = None
) -> Tuned:
    """Train a full-precision model on texts; `out` holds the whole result or is as it was.

    LoRA (arXiv 2106.09685) with TRL's SFTTrainer, the loss on the completions and their end token only. The
    adapter is merged in float32 and rounded once to the type that the weights are stored in.

    Args:
        model: Folder of the model; only read.
        texts: What is learnt.
        config: How to train.
        out: Folder of the new model. Replaced if it is there.
        progress: Told about every step.

    Raises:
        InputError: If there is no text that is short enough.
        ConfigError: If `config.targets` are not in the model.
        ModelError: If the model can't be loaded, or is quantized.
    """
    import transformers
    import trl

    import datasets  # pyright: ignore[reportMissingTypeStubs]

    started = time.perf_counter()
    checkpoint = read_checkpoint(model)
    if checkpoint.quantized:
        raise ModelError(
            f"{model}: quantized ({checkpoint.scheme})",
            hint="Give the full-precision model that it was made of.",
        )
    loaded, tokenizer = load_model(model, dtype="float32")
    rows = sft_rows(texts, tokenizer, config)
    listed: Any = datasets.Dataset
    libraries: Any = trl
    learner: Any = loaded
    words: Any = tokenizer
    # The adapter's start is drawn before TRL sets the seed.
    transformers.set_seed(config.seed)
    with silenced(), tempfile.TemporaryDirectory() as scratch:
        with known_targets(config):
            trainer = libraries.SFTTrainer(
                model=learner,
                args=libraries.SFTConfig(
                    **arguments(config, Path(scratch)), max_length=None, completion_only_loss=True
                ),
                train_dataset=listed.from_list(rows),
                processing_class=tokenizer,
                peft_config=lora(config),
                callbacks=[_teller(progress)] if progress is not None else None,
            )
        trainer.remove_callback(transformers.PrinterCallback)
        trainer.train()
        losses = [round(float(row["loss"]), 6) for row in trainer.state.log_history if "loss" in row]
        merged = trainer.model.merge_and_unload().cpu().to(_dtype(model))
        with replacing_folder(out) as folder:
            merged.save_pretrained(folder, safe_serialization=True)
            words.save_pretrained(folder)
            account = {
                "model": model.name,
                "model_sha256": weights_sha256(model),
                "texts": len(rows),
                "config": SftConfig.model_validate(
                    {name: getattr(config, name) for name in SftConfig.model_fields}
                ).model_dump(mode="json"),
                "losses": losses,
            }
            (folder / ACCOUNT).write_text(json.dumps(account, indent=1) + "\n", encoding="utf-8")
    return Tuned(out, losses, len(rows), time.perf_counter() - started)


def sft_rows(texts: Sequence[Text], tokenizer: Any, config: SftConfig) -> list[dict[str, list[int]]]:
    """Return the tokens of every text, and which of them are learnt.

    Returns:
        `input_ids`, the end token last, and `completion_mask`, 1 for what is learnt; texts of more than
        `config.max_tokens` are left out.

    Raises:
        InputError: If that leaves none.
    """
    rows: list[dict[str, list[int]]] = []
    for text in texts:
        # The template has written the start token.
        prompt: list[int] = tokenizer(text.prompt, add_special_tokens=False)["input_ids"]
        whole: list[int] = tokenizer(text.prompt + text.completion, add_special_tokens=False)["input_ids"]
        whole = [*whole, tokenizer.eos_token_id]
        start = shared(prompt, whole)
        if len(whole) <= config.max_tokens:
            rows.append({"input_ids": whole, "completion_mask": [0] * start + [1] * (len(whole) - start)})
    if not rows:
        raise InputError(
            f"none of {len(texts)} solutions with its prompt has at most {config.max_tokens} tokens",
            hint="Raise `max_tokens`.",
        )
    return rows


def _dtype(model: Path) -> Any:
    import torch
    import transformers

    auto: Any = transformers.AutoConfig
    stored = auto.from_pretrained(model, local_files_only=True).dtype
    return torch.float32 if stored is None else stored


def _teller(progress: Progress) -> Any:
    from transformers import TrainerCallback

    class Teller(TrainerCallback):
        """Reports every step."""

        def on_step_end(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
            progress(state.global_step, state.max_steps)

    return Teller()
