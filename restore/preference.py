"""Preference training of a LoRA adapter on a quantized checkpoint, with TRL's DPOTrainer.

The checkpoint is only read: it is unpacked for training, and what is learnt stays beside it as an
adapter.
"""

from __future__ import annotations

import json
import tempfile
import time
from collections.abc import Callable, Collection, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from ..annotate.engines.loading import load_tokenizer
from ..annotate.steps import prefix_before, split_steps
from ..datasets.errors import ConfigError, InputError, ModelError
from ..datasets.records import Pair, Subtype
from ..quant.checkpoint import read_checkpoint, replacing_folder, weights_sha256
from ..quant.silence import silenced
from .config import RestoreConfig

Progress = Callable[[int, int], None]
"""Called after every step with its number, from 1, and the number of steps in all."""

_NEVER_ENDS = (Subtype.REPETITION, Subtype.TRUNCATION)


class Step(NamedTuple):
    """One point of the training curve."""

    step: int
    loss: float
    accuracy: float
    """Share of the batch's pairs whose chosen continuation gained more likelihood than the rejected."""
    margin: float
    """Mean difference of the two gains, times beta."""


class Restored(NamedTuple):
    """A trained adapter."""

    adapter: Path
    """Folder of the adapter and of `training.json`."""
    curve: list[Step]
    pairs: int
    trainable: int
    """Trained parameters."""
    seconds: float


def train(
    checkpoint: Path,
    pairs: Sequence[Pair],
    config: RestoreConfig,
    out: Path,
    *,
    unfinished: Collection[str] = (),
    progress: Progress | None = None,
) -> Restored:
    """Train an adapter on pairs; `out` holds the whole result or is as it was.

    The loss is `preference_weight` x DPO (arXiv 2305.18290) + `sft_weight` x the negative
    log-likelihood of the chosen continuation, the reference being the quantized model itself.

    A chosen continuation ends with the end token and so does a rejected one that ended by itself.
    One that never did (a loop, an answer cut off) gets no end token, since pushing it down would
    teach not to stop, and is cut at the length of the chosen one: what a loop goes on to say
    teaches nothing. Nor does what follows a fault, so a rejected continuation is its faulty step
    alone, unless `config.rejected` says otherwise.

    Args:
        checkpoint: Model folder, usually quantized.
        pairs: Preferences; best made from this very checkpoint's solutions.
        config: How to train.
        out: Folder of the adapter. Replaced if it is there.
        unfinished: Ids of the solutions that did not stop by themselves.
        progress: Told about every step.

    Raises:
        InputError: If there are no pairs.
        ConfigError: If the adapter's targets are not in the model.
        ModelError: If the checkpoint can't be loaded.
    """
    if not pairs:
        raise InputError("no pairs to train on", hint="Curate some first, or lower the limits of `curate`.")
    started = time.perf_counter()
    read_checkpoint(checkpoint)
    tokenizer = load_tokenizer(checkpoint)
    with silenced(), tempfile.TemporaryDirectory() as scratch:
        trainer = _trainer(
            _load(checkpoint),
            tokenizer,
            preference_rows(pairs, tokenizer, unfinished, whole=config.rejected == "solution"),
            config,
            Path(scratch),
        )
        recorder = _recorder(progress, config.time_limit)
        trainer.add_callback(recorder)
        trainer.train()
        with replacing_folder(out) as folder:
            _save(trainer.model, checkpoint, folder)
            _write_account(folder, checkpoint, pairs, config, recorder.curve)
    trainable = sum(p.numel() for p in trainer.model.parameters() if p.requires_grad)
    return Restored(out, recorder.curve, len(pairs), trainable, time.perf_counter() - started)


def _load(checkpoint: Path) -> Any:
    import torch
    import transformers

    auto: Any = transformers.AutoModelForCausalLM
    options: dict[str, Any] = {}
    if read_checkpoint(checkpoint).quantized:
        # Packed layers take no adapter, and fake-quantized activations pass no gradient.
        options["quantization_config"] = transformers.CompressedTensorsConfig(dequantize=True)
    try:
        model = auto.from_pretrained(checkpoint, local_files_only=True, use_safetensors=True, **options)
    except Exception as error:
        first = (str(error).strip().splitlines() or [""])[0]
        raise ModelError(
            f"{checkpoint}: the model can't be loaded: {type(error).__name__}: {first}",
            hint="Quantize the model again.",
        ) from error
    # Processors without units for bfloat16 take twice as long with it; the values are the same.
    return model if torch.cuda.is_available() else model.float()


def preference_rows(
    pairs: Sequence[Pair], tokenizer: Any, unfinished: Collection[str], *, whole: bool = False
) -> list[dict[str, Any]]:
    """Return TRL's columns, and whether each rejected continuation ends the solution by itself.

    Args:
        pairs: Preferences.
        tokenizer: Of the model that is trained.
        unfinished: Ids of the solutions that did not stop by themselves.
        whole: Whether rejected continuations are kept whole, and not only their faulty step.
    """
    # The template has written the start token; a tokenizer that adds one would double it.
    start: str = tokenizer.bos_token or ""
    opens = bool(start) and tokenizer("x")["input_ids"][:1] == [tokenizer.bos_token_id]
    rows: list[dict[str, Any]] = []
    for pair in pairs:
        rejected = pair.rejected if whole else _first_step(pair.rejected)
        ends = pair.solution_id not in unfinished and pair.subtype not in _NEVER_ENDS
        rows.append(
            {
                "prompt": pair.prompt.removeprefix(start) if opens else pair.prompt,
                "chosen": pair.chosen,
                "rejected": rejected,
                "rejected_ends": ends and rejected == pair.rejected,
            }
        )
    return rows


def _first_step(text: str) -> str:
    steps = split_steps(text).steps
    return prefix_before(text, steps, 1) if len(steps) > 1 else text


def _trainer(
    model: Any, tokenizer: Any, rows: list[dict[str, Any]], config: RestoreConfig, scratch: Path
) -> Any:
    import peft
    import torch
    import transformers
    import trl

    import datasets  # pyright: ignore[reportMissingTypeStubs]

    libraries: Any = trl
    listed: Any = datasets.Dataset
    targets = config.targets if isinstance(config.targets, str) else list(config.targets)
    adapter = peft.LoraConfig(
        r=config.rank, lora_alpha=config.alpha, target_modules=targets, task_type="CAUSAL_LM"
    )
    arguments = libraries.DPOConfig(
        output_dir=str(scratch),
        use_cpu=not torch.cuda.is_available(),
        bf16=False,
        gradient_checkpointing=False,
        dataloader_pin_memory=False,
        report_to="none",
        save_strategy="no",
        logging_steps=1,
        disable_tqdm=True,
        remove_unused_columns=False,
        max_length=config.max_tokens,
        num_train_epochs=config.epochs,
        per_device_train_batch_size=config.batch_size,
        learning_rate=config.learning_rate,
        lr_scheduler_type="cosine",
        warmup_steps=0.05,
        beta=config.beta,
        loss_type=["sigmoid", "sft"],
        loss_weights=[config.preference_weight, config.sft_weight],
        # The reference is the model before training: one pass over the pairs instead of one an epoch.
        precompute_ref_log_probs=True,
        seed=config.seed,
    )
    pad = tokenizer.pad_token_id if tokenizer.pad_token_id is not None else tokenizer.eos_token_id
    # The adapter's start is drawn before TRL sets the seed.
    transformers.set_seed(config.seed)
    try:
        trainer = libraries.DPOTrainer(
            model=model,
            args=arguments,
            train_dataset=listed.from_list(rows),
            processing_class=tokenizer,
            peft_config=adapter,
            data_collator=_Collator(pad, config.max_tokens),
        )
    except ValueError as error:
        if "target" not in str(error).lower():
            raise
        raise ConfigError(
            f"targets: {config.targets!r} is not in the model",
            hint="Name linear layers such as q_proj, or all-linear.",
        ) from error
    trainer.remove_callback(transformers.PrinterCallback)
    return trainer


class _Collator:
    """TRL's collator behind the rule about ends of `train`."""

    def __init__(self, pad: int, max_tokens: int) -> None:
        from trl.trainer import dpo_trainer

        collators: Any = dpo_trainer
        self._collate: Any = collators.DataCollatorForPreference(pad_token_id=pad, max_length=max_tokens)

    def __call__(self, examples: list[dict[str, Any]]) -> Any:
        return self._collate([{**example, **trimmed(example)} for example in examples])


def trimmed(example: dict[str, Any]) -> dict[str, list[int]]:
    """Return the two continuations' tokens without an end token that TRL added out of place.

    Args:
        example: `chosen_ids` and `rejected_ids`, each with an end token last, and `rejected_ends`.
    """
    chosen, rejected = example["chosen_ids"], example["rejected_ids"]
    if not example["rejected_ends"]:
        rejected = rejected[:-1][: max(len(chosen), 1)]
    return {"chosen_ids": chosen, "rejected_ids": rejected}


def _recorder(progress: Progress | None, time_limit: float | None) -> Any:
    from transformers import TrainerCallback

    class Recorder(TrainerCallback):
        """Keeps the training curve, reports progress, and stops at the time limit."""

        def __init__(self) -> None:
            self.curve: list[Step] = []
            self._started = time.perf_counter()

        def on_log(self, args: Any, state: Any, control: Any, logs: Any = None, **kwargs: Any) -> None:
            if not logs or "loss" not in logs:
                return
            values = (logs["loss"], logs["rewards/accuracies"], logs["rewards/margins"])
            self.curve.append(Step(state.global_step, *(round(float(value), 6) for value in values)))
            if progress is not None:
                progress(state.global_step, state.max_steps)

        def on_step_end(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
            if time_limit is not None and time.perf_counter() - self._started > time_limit:
                control.should_training_stop = True

    return Recorder()


def _save(model: Any, checkpoint: Path, folder: Path) -> None:
    # The adapter must name its base, but not where on this machine it lay.
    model.peft_config["default"].base_model_name_or_path = checkpoint.name
    model.save_pretrained(str(folder), safe_serialization=True)
    (folder / "README.md").unlink(missing_ok=True)


def _write_account(
    folder: Path, checkpoint: Path, pairs: Sequence[Pair], config: RestoreConfig, curve: list[Step]
) -> None:
    account = {
        "checkpoint": checkpoint.name,
        "checkpoint_sha256": weights_sha256(checkpoint),
        "pairs": len(pairs),
        "config": config.model_dump(mode="json"),
        "curve": [step._asdict() for step in curve],
    }
    (folder / "training.json").write_text(json.dumps(account, indent=1) + "\n", encoding="utf-8")
