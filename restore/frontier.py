"""Training at the failure frontier: the first token in which the variant left the right solution.

Up to that token both sides of a pair are the same, so it can't tell them apart; behind it the variant
mostly reasons rightly from what it got wrong, so pushing that down unlearns what is right. What is left
of the preference is one token against one token after the same text, and that takes one pass over the
right solution where whole continuations take two.
"""

from __future__ import annotations

from collections.abc import Generator, Iterable, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from ..datasets.records import Pair
from .adapter import arguments, nothing_to_learn
from .config import Settled
from .distillation import Teacher, apart, divergence

NOWHERE = -1
"""Place of the frontier of a pair that has none."""

_IGNORED = -100


def frontier_rows(
    pairs: Sequence[Pair], tokenizer: Any, config: Settled, ended: Sequence[bool]
) -> list[dict[str, Any]]:
    """Return the tokens of every pair's right solution, and where the variant left it.

    Args:
        pairs: Preferences.
        tokenizer: Of the model that is trained.
        config: How much of the right solution is learnt, and the longest text.
        ended: Whether the variant's solution stopped by itself: only then its end is a token of its own.

    Returns:
        `input_ids`; `labels`, which are the tokens that are learnt and -100 for the others;
        `frontier`, the index of the first token that differs, or `NOWHERE` if the rejected side
        only breaks off earlier; and `wrong`, the token that stands there in the rejected one. Pairs
        whose prompt alone is the longest text are left out, since a batch of them would teach nothing.

    Raises:
        InputError: If that leaves none.
    """

    def tokens(text: str) -> list[int]:
        # The template has written the start token.
        return tokenizer(text, add_special_tokens=False)["input_ids"]

    rows: list[dict[str, Any]] = []
    for pair, stopped in zip(pairs, ended, strict=True):
        unlearnt = pair.prompt.removesuffix(pair.prefix) if config.learn == "solution" else pair.prompt
        right = [*tokens(pair.prompt + pair.chosen), tokenizer.eos_token_id]
        wrong = tokens(pair.prompt + pair.rejected)
        wrong = [*wrong, tokenizer.eos_token_id] if stopped else wrong
        start = shared(tokens(unlearnt), right)
        place = shared(right, wrong)
        right = right[: config.max_tokens]
        if start >= len(right):
            continue
        differs = 0 < place < min(len(right), len(wrong))
        rows.append(
            {
                "input_ids": right,
                "labels": [_IGNORED] * start + right[start:],
                "frontier": place if differs else NOWHERE,
                "wrong": wrong[place] if differs else 0,
            }
        )
    if not rows:
        raise nothing_to_learn(config)
    return rows


def shared(first: list[int], second: list[int]) -> int:
    """Number of tokens that two texts have in common from the start."""
    for place, (one, other) in enumerate(zip(first, second, strict=False)):
        if one != other:
            return place
    return min(len(first), len(second))


def frontier_trainer(
    model: Any,
    tokenizer: Any,
    rows: list[dict[str, Any]],
    config: Settled,
    scratch: Path,
    *,
    teacher: Any = None,
    validation: Sequence[dict[str, Any]] = (),
) -> Any:
    """Make the trainer of `preference_weight` x DPO at the frontier + `sft_weight` x likelihood.

    With x the text before the frontier, c and r the tokens there, and m = log p(c|x) - log p(r|x), the
    preference loss is -log sigmoid(beta (m - m0)), m0 being the margin before training. That is DPO
    (arXiv 2305.18290, eq. 7) of the pair (c, r) given x.

    With a teacher, the place of the likelihood is taken by the Kullback-Leibler divergence of its
    distribution from the model's, per token; and, where its states are the target, by how far the model's
    are from these as well (`distillation`).

    Args:
        model: What is trained, with its adapter or scales at their start.
        tokenizer: Its tokenizer.
        rows: Of `frontier_rows`.
        config: How to train.
        scratch: An empty folder.
        teacher: The full-precision model.
        validation: Rows that the same loss is told of after every epoch.
    """
    import torch
    import transformers

    import datasets  # pyright: ignore[reportMissingTypeStubs]

    states = teacher is not None and config.target == "states"
    pad = tokenizer.pad_token_id if tokenizer.pad_token_id is not None else tokenizer.eos_token_id
    collate = _Collator(pad)
    given = [{**row, "number": number} for number, row in enumerate([*rows, *validation])]
    batches = partial(_batches, given, collate, config.batch_size, model.device)
    told = None if teacher is None else Teacher(teacher, states=states, batches=batches())
    before = _margins_before(model, batches())
    given = [{**row, "before": before[row["number"]]} for row in given]

    class FrontierTrainer(transformers.Trainer):
        """Computes both losses from one pass over the right solutions."""

        gains: torch.Tensor | None = None
        """m - m0 of the last batch's pairs with a frontier."""

        def compute_loss(
            self, model: Any, inputs: Any, return_outputs: bool = False, num_items_in_batch: Any = None
        ) -> Any:
            labels = inputs.pop("labels")
            place, wrong, before, number = (
                inputs.pop(name) for name in ("frontier", "wrong", "before", "number")
            )
            outputs = model(**inputs, output_hidden_states=states)
            learnt = labels[:, 1:] != _IGNORED
            said = outputs.logits[:, :-1][learnt]
            if told is None:
                loss = torch.nn.functional.cross_entropy(said, labels[:, 1:][learnt])
            else:
                wanted = told({**inputs, "number": number})
                loss = divergence(wanted.logits[:, :-1][learnt], said)
                if states:
                    away = apart(wanted.states, outputs.hidden_states[1:], inputs["attention_mask"])
                    loss = loss + config.states_weight * away
            loss = config.sft_weight * loss
            there = place != NOWHERE
            gains = margins(outputs.logits, inputs["input_ids"], place, wrong)[there] - before[there]
            if len(gains) and config.preference_weight:
                preference = -torch.nn.functional.logsigmoid(config.beta * gains).mean()
                loss = loss + config.preference_weight * preference
            self.gains = gains.detach()
            return (loss, outputs) if return_outputs else loss

        def log(self, logs: dict[str, float], start_time: float | None = None) -> None:
            if self.gains is not None and len(self.gains):
                logs["rewards/accuracies"] = float((self.gains > 0).float().mean())
                logs["rewards/margins"] = float(config.beta * self.gains.mean())
            super().log(logs, start_time)

    listed: Any = datasets.Dataset
    return FrontierTrainer(
        model=model,
        args=transformers.TrainingArguments(**arguments(config, scratch, validated=bool(validation))),
        train_dataset=listed.from_list(given[: len(rows)]),
        eval_dataset=listed.from_list(given[len(rows) :]) if validation else None,
        processing_class=tokenizer,
        data_collator=collate,
    )


def margins(logits: Any, input_ids: Any, place: Any, wrong: Any) -> Any:
    """Return log p(right token) - log p(wrong token) at each row's frontier.

    Args:
        logits: (rows, tokens, vocabulary).
        input_ids: (rows, tokens).
        place: (rows,) index of the frontier; the value for `NOWHERE` means nothing.
        wrong: (rows,) token of the rejected side.

    Returns:
        (rows,) tensor. The normalisers of the two cancel.
    """
    import torch

    row = torch.arange(len(place), device=logits.device)
    place = place.clamp(min=1)
    said = logits[row, place - 1]
    return said[row, input_ids[row, place]] - said[row, wrong]


def _batches(
    rows: Sequence[dict[str, Any]], collate: _Collator, size: int, device: Any
) -> Generator[dict[str, Any]]:
    """All rows once, those of like length together."""
    order = sorted(rows, key=lambda row: len(row["input_ids"]))
    for start in range(0, len(order), size):
        yield {name: values.to(device) for name, values in collate(order[start : start + size]).items()}


def _margins_before(model: Any, batches: Iterable[dict[str, Any]]) -> dict[int, float]:
    """Margins of the model before training, by row: what is trained starts without an effect."""
    import torch

    model.eval()
    found: dict[int, float] = {}
    with torch.no_grad():
        for batch in batches:
            logits = model(input_ids=batch["input_ids"], attention_mask=batch["attention_mask"]).logits
            values = margins(logits, batch["input_ids"], batch["frontier"], batch["wrong"])
            found.update(zip(batch["number"].tolist(), values.tolist(), strict=True))
    return found


class _Collator:
    """Pads at the end."""

    def __init__(self, pad: int) -> None:
        self._pad = pad

    def __call__(self, rows: Sequence[dict[str, Any]]) -> dict[str, Any]:
        import torch
        from torch.nn.utils.rnn import pad_sequence

        def padded(rows: list[list[int]], fill: int) -> Any:
            return pad_sequence([torch.tensor(row) for row in rows], batch_first=True, padding_value=fill)

        ids = [row["input_ids"] for row in rows]
        batch = {
            "input_ids": padded(ids, self._pad),
            "attention_mask": padded([[1] * len(row) for row in ids], 0),
            "labels": padded([row["labels"] for row in rows], _IGNORED),
        }
        for name in ("frontier", "wrong", "before", "number"):
            if name in rows[0]:
                batch[name] = torch.tensor([row[name] for row in rows])
        return batch
