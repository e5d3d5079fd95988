"""DPO of whole continuations, or of the faulty step, with TRL's DPOTrainer."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from ..annotate.steps import prefix_before, split_steps
from ..datasets.records import Pair
from .adapter import arguments, known_targets, lora, nothing_to_learn
from .config import Settled


def dpo_rows(
    pairs: Sequence[Pair], tokenizer: Any, config: Settled, ended: Sequence[bool]
) -> list[dict[str, Any]]:
    """Return TRL's columns, whether each rejected continuation ends the solution by itself, and characters.

    The right steps before the fault stand in front of both continuations and not in the prompt, unless
    `config.learn` says otherwise: they cancel in the preference loss and count in the likelihood.

    Args:
        pairs: Preferences.
        tokenizer: Of the model that is trained.
        config: How much of either side is trained on.
        ended: Whether the variant's solution stopped by itself.

    Raises:
        InputError: If every prompt alone is as long as the longest text.
    """
    # The template has written the start token; a tokenizer that adds one would double it.
    start: str = tokenizer.bos_token or ""
    opens = bool(start) and tokenizer("x")["input_ids"][:1] == [tokenizer.bos_token_id]
    rows: list[dict[str, Any]] = []
    for pair, stopped in zip(pairs, ended, strict=True):
        rejected = pair.rejected if config.rejected == "solution" else _first_step(pair.rejected)
        shared = pair.prefix if config.learn == "solution" else ""
        prompt = pair.prompt.removesuffix(shared)
        asked = prompt.removeprefix(start) if opens else prompt
        # TRL leaves these out as well, but stumbles when none is left.
        if len(tokenizer(asked)["input_ids"]) >= config.max_tokens:
            continue
        rows.append(
            {
                "prompt": asked,
                "chosen": shared + pair.chosen,
                "rejected": shared + rejected,
                "rejected_ends": stopped and rejected == pair.rejected,
                "length": len(prompt + shared) + max(len(pair.chosen), len(rejected)),
            }
        )
    if not rows:
        raise nothing_to_learn(config)
    return rows


def _first_step(text: str) -> str:
    steps = split_steps(text).steps
    return prefix_before(text, steps, 1) if len(steps) > 1 else text


def dpo_trainer(
    model: Any,
    tokenizer: Any,
    rows: list[dict[str, Any]],
    config: Settled,
    scratch: Path,
    *,
    validation: Sequence[dict[str, Any]] = (),
) -> Any:
    """Make the trainer of `preference_weight` x DPO + `sft_weight` x likelihood.

    Args:
        model: The unpacked checkpoint.
        tokenizer: Its tokenizer.
        rows: Of `dpo_rows`.
        config: How to train.
        scratch: An empty folder.
        validation: Rows that the same loss is told of after every epoch.

    Raises:
        ConfigError: If the adapter's targets are not in the model.
    """
    import transformers
    import trl

    import datasets  # pyright: ignore[reportMissingTypeStubs]

    libraries: Any = trl
    listed: Any = datasets.Dataset
    pad = tokenizer.pad_token_id if tokenizer.pad_token_id is not None else tokenizer.eos_token_id
    # The adapter's start is drawn before TRL sets the seed.
    transformers.set_seed(config.seed)
    with known_targets(config):
        return libraries.DPOTrainer(
            model=model,
            args=libraries.DPOConfig(
                **arguments(config, scratch, validated=bool(validation)),
                max_length=config.max_tokens,
                beta=config.beta,
                loss_type=["sigmoid", "sft"],
                loss_weights=[config.preference_weight, config.sft_weight],
                # The reference is the model before training: one pass over the pairs, not one an epoch.
                precompute_ref_log_probs=True,
            ),
            train_dataset=listed.from_list(rows),
            eval_dataset=listed.from_list(list(validation)) if validation else None,
            processing_class=tokenizer,
            peft_config=lora(config),
            data_collator=_Collator(pad, config.max_tokens),
        )


class _Collator:
    """TRL's collator, behind what `trimmed` says of ends."""

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
