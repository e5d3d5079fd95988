"""Preference training of a quantized checkpoint.

The checkpoint is only read: it is unpacked for training, and what is learnt stays beside it as an adapter,
or goes into the scales of a copy.
"""

from __future__ import annotations

import json
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from ..annotate.engines.loading import load_model, load_tokenizer
from ..datasets.errors import ConfigError, InputError, ModelError
from ..datasets.model_memory import require_memory
from ..datasets.records import Finish, Pair, Subtype
from ..datasets.silence import silenced
from ..quant.checkpoint import read_checkpoint, replacing_folder, weights_sha256
from ..quant.formats.loading import load_unpacked
from ..quant.formats.packed_checkpoint import PackedCheckpoint, open_packed
from .adapter import with_adapter
from .config import RestoreConfig, Settled
from .dpo import dpo_rows, dpo_trainer
from .frontier import frontier_rows, frontier_trainer
from .scales import trained_layers, with_trainable_scales
from .validation import best_epoch

Progress = Callable[[int, int], None]
"""Called after every step with its number, from 1, and the number of steps in all."""

_OTHER_BASE = "Give the full-precision model that the quantized one was made from"
_SAME_EMBEDDINGS = 0.01
"""Share of their norm by which embeddings may differ."""

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
    """A trained adapter, or a checkpoint with trained scales."""

    folder: Path
    """Of it and of `training.json`."""
    curve: list[Step]
    pairs: int
    trainable: int
    """Trained parameters."""
    seconds: float
    validation: list[float]
    """Loss on the validation pairs after every epoch; empty without some. The lowest one's epoch is kept."""


def train(
    checkpoint: Path,
    pairs: Sequence[Pair],
    config: RestoreConfig,
    out: Path,
    *,
    teacher: Path | None = None,
    validation: Sequence[Pair] = (),
    progress: Progress | None = None,
) -> Restored:
    """Train an adapter or the scales of a checkpoint on pairs; `out` holds the whole result or is as it was.

    The loss is `preference_weight` x DPO (arXiv 2305.18290) + `sft_weight` x the negative
    log-likelihood of the right solution, the reference being the quantized model itself. How much of a
    rejected continuation is trained against says `config.rejected`: the token in which it leaves the
    right one (`frontier`), its faulty step, or all of it (`dpo`).

    A right solution ends with the end token and so does a rejected one that ended by itself. One
    that never did (a loop, an answer cut off) gets no end token, since pushing it down would teach
    not to stop.

    Args:
        checkpoint: Model folder, usually quantized.
        pairs: Preferences; best made from this very checkpoint's solutions.
        config: How to train.
        out: Folder of the adapter, or of the checkpoint with its new scales. Replaced if it is there.
        teacher: Folder of the full-precision model; used where `config.target` is something of it.
        validation: Pairs of mining problems that are not trained on. Where there are some, the epoch with the
            lowest loss on them is kept, and training stops once it no longer falls (`config.patience`).
        progress: Told about every step.

    Raises:
        InputError: If there are no pairs, or none is short enough to learn from.
        ConfigError: If the adapter's targets are not in the model, or the teacher is missing.
        ModelError: If a model can't be loaded, the teacher has other tokens, or a checkpoint whose scales
            are to be trained has none.
    """
    packed = _packed(checkpoint, config)
    how = config.settled(teacher=teacher is not None, in_place=packed is not None)
    if how.target != "token" and teacher is None:
        raise ConfigError(
            f"target: {how.target} is learnt from the full-precision model",
            hint="Give it with --base, restore in a run or by a matrix, which know it, or leave `target` out",
        )
    if not pairs:
        raise InputError("no pairs to train on", hint="Curate some first, or lower the limits of `curate`.")
    import torch
    from transformers import PrinterCallback

    started = time.perf_counter()
    read_checkpoint(checkpoint)
    taught = [checkpoint] if teacher is None or how.target == "token" else [checkpoint, teacher]
    require_memory(*taught, bytes_each=2 if torch.cuda.is_available() else 4, doing="training")
    tokenizer = load_tokenizer(checkpoint)
    with silenced(), tempfile.TemporaryDirectory() as scratch:
        model = _load(checkpoint)
        rows_of = frontier_rows if how.rejected == "token" else dpo_rows
        rows = rows_of(pairs, tokenizer, how, [_ended(pair) for pair in pairs])
        unseen = _rows_to_validate(rows_of, validation, tokenizer, how)
        if how.rejected == "token":
            full = _teacher(teacher, model) if teacher and how.target != "token" else None
            if packed is not None and how.method == "scales":
                model = with_trainable_scales(model, packed, zero_points=how.zero_points)
            else:
                model = with_adapter(model, how)
            trainer = frontier_trainer(
                model, tokenizer, rows, how, Path(scratch), teacher=full, validation=unseen
            )
        else:
            trainer = dpo_trainer(model, tokenizer, rows, how, Path(scratch), validation=unseen)
        trainer.remove_callback(PrinterCallback)
        recorder = _recorder(progress, how.time_limit)
        trainer.add_callback(recorder)
        best = best_epoch(how.patience)
        trainer.add_callback(best)
        trainer.train()
        if unseen:
            best.put_back(trainer.model)
        with replacing_folder(out) as folder:
            if packed is not None and how.method == "scales":
                packed.write(folder, trained_layers(trainer.model, packed))
            else:
                _save(trainer.model, checkpoint, folder)
            _write_account(folder, checkpoint, pairs, how, recorder.curve, best.losses)
    trainable = sum(p.numel() for p in trainer.model.parameters() if p.requires_grad)
    return Restored(
        folder=out,
        curve=recorder.curve,
        pairs=len(pairs),
        trainable=trainable,
        seconds=time.perf_counter() - started,
        validation=best.losses,
    )


def _packed(checkpoint: Path, config: RestoreConfig) -> PackedCheckpoint | None:
    """The checkpoint's layers, where they may be trained in place."""
    if config.method == "adapter":
        return None
    try:
        return open_packed(checkpoint)
    except ModelError:
        if config.method == "auto":
            return None
        raise


def _rows_to_validate(
    rows_of: Callable[..., list[dict[str, Any]]], pairs: Sequence[Pair], tokenizer: Any, config: Settled
) -> list[dict[str, Any]]:
    if not pairs:
        return []
    try:
        return rows_of(pairs, tokenizer, config, [_ended(pair) for pair in pairs])
    except InputError:
        # All are longer than what is trained on: the pairs to train on are not, and need no validation.
        return []


def _ended(pair: Pair) -> bool:
    return pair.finish is Finish.STOP and pair.subtype not in _NEVER_ENDS


def _load(checkpoint: Path) -> Any:
    import torch

    model: Any = load_model(checkpoint, unpack=load_unpacked, activations=False).model
    # Processors without units for bfloat16 take twice as long with it; the values are the same.
    return model if torch.cuda.is_available() else model.float()


def _teacher(folder: Path, student: Any) -> Any:
    model = _load(folder).eval().requires_grad_(False).to(student.device)
    for what in ("vocab_size", "hidden_size", "num_hidden_layers"):
        there, wanted = getattr(model.config, what), getattr(student.config, what)
        if there != wanted:
            raise ModelError(
                f"{folder}: its {what} is {there}, the quantized model's {wanted}", hint=_OTHER_BASE
            )
    # No method changes the embeddings; storing them in another type does by a few thousandths.
    ours, theirs = (one.get_input_embeddings().weight.float() for one in (student, model))
    away = float((ours - theirs).norm() / theirs.norm())
    if away > _SAME_EMBEDDINGS:
        raise ModelError(
            f"{folder}: its embeddings are {away:.0%} apart from the quantized model's", hint=_OTHER_BASE
        )
    return model


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
            values = (logs["loss"], logs.get("rewards/accuracies", 0.0), logs.get("rewards/margins", 0.0))
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
    folder: Path,
    checkpoint: Path,
    pairs: Sequence[Pair],
    config: Settled,
    curve: list[Step],
    validation: list[float],
) -> None:
    account = {
        "checkpoint": checkpoint.name,
        "checkpoint_sha256": weights_sha256(checkpoint),
        "format": read_checkpoint(checkpoint).format,
        "pairs": len(pairs),
        "config": config.model_dump(mode="json"),
        "curve": [step._asdict() for step in curve],
        "validation": validation,
    }
    (folder / "training.json").write_text(json.dumps(account, indent=1) + "\n", encoding="utf-8")
