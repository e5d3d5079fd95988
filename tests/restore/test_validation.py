"""The epoch that is kept, and when training stops."""

import json
from types import SimpleNamespace

import pytest
from firstfault.datasets.records import Pair
from firstfault.restore.config import RestoreConfig
from mended import own_pairs

pytest.importorskip("trl", reason="needs the extra `local`")

import torch
from firstfault.restore.preference import train
from firstfault.restore.validation import best_epoch
from hypothesis import given
from hypothesis import strategies as st

PAIRS = own_pairs(4)
BRIEFLY = RestoreConfig(epochs=6, batch_size=4, rank=4, learning_rate=1e-2, preference_weight=0.0)


def otherwise(pair: Pair) -> Pair:
    """One whose right side is what the others teach not to say."""
    return pair.model_copy(update={"chosen": "zqj " * 40, "rejected": "Answer: 0"})


@given(losses=st.lists(st.integers(0, 9), min_size=1, max_size=12), patience=st.none() | st.integers(1, 4))
def test_the_weights_of_the_lowest_loss_are_put_back_and_training_stops_by_patience(losses, patience):
    model = torch.nn.Linear(2, 2)
    model.bias.requires_grad_(False)
    callback, control = best_epoch(patience), SimpleNamespace(should_training_stop=False)
    seen = []
    for epoch, loss in enumerate(losses):
        model.weight.data.fill_(float(epoch))
        callback.on_evaluate(None, None, control, metrics={"eval_loss": float(loss)}, model=model)
        seen.append(loss)
        if control.should_training_stop:
            break
    model.weight.data.fill_(-1.0)
    model.bias.data.fill_(-1.0)
    callback.put_back(model)
    best = seen.index(min(seen))
    assert callback.losses == [float(loss) for loss in seen]
    assert callback.epoch == best + 1
    assert bool((model.weight == best).all())
    assert bool((model.bias == -1).all())  # what is not trained is not kept
    since = len(seen) - 1 - best
    assert control.should_training_stop == (patience is not None and since >= patience)


@pytest.mark.parametrize("rejected", ["token", "solution"])
def test_training_stops_when_validation_pairs_get_worse(rejected, tiny_model, tmp_path):
    config = BRIEFLY.model_copy(update={"rejected": rejected, "patience": 1, "learning_rate": 3e-2})
    unlike = [otherwise(pair) for pair in PAIRS]
    stopped = train(tiny_model, PAIRS, config, tmp_path / "stopped", validation=unlike)
    assert 1 < len(stopped.validation) < 6
    assert stopped.validation[-1] > stopped.validation[-2]
    assert len(stopped.curve) == len(stopped.validation)
    account = json.loads((stopped.folder / "training.json").read_text())
    assert account["validation"] == stopped.validation
    # What was kept is an earlier epoch: trained on, it would have another adapter.
    whole = train(tiny_model, PAIRS, config, tmp_path / "whole")
    assert len(whole.curve) == 6
    assert whole.validation == []
    first = (stopped.folder / "adapter_model.safetensors").read_bytes()
    assert first != (whole.folder / "adapter_model.safetensors").read_bytes()


def test_where_it_only_falls_the_last_epoch_is_kept_as_without_validation(tiny_model, tmp_path):
    validated = train(tiny_model, PAIRS, BRIEFLY, tmp_path / "validated", validation=PAIRS)
    assert len(validated.validation) == 6
    assert validated.validation == sorted(validated.validation, reverse=True)
    plain = train(tiny_model, PAIRS, BRIEFLY, tmp_path / "plain")
    for name in ("adapter_model.safetensors", "adapter_config.json"):
        assert (validated.folder / name).read_bytes() == (plain.folder / name).read_bytes()


def test_scales_are_put_back_too(tiny_model, tmp_path):
    from firstfault.quant.quantize import quantize
    from firstfault.quant.recipes import Recipe

    made = quantize(tiny_model, Recipe(method="rtn", scheme="W3A16", group_size=32), [], tmp_path / "rtn")
    config = BRIEFLY.model_copy(update={"method": "scales", "patience": 2, "epochs": 8.0})
    unlike = [otherwise(pair) for pair in PAIRS]
    restored = train(made.folder, PAIRS, config, tmp_path / "out", validation=unlike)
    best = restored.validation.index(min(restored.validation)) + 1
    assert len(restored.validation) == min(8, best + 2)


def test_validation_pairs_longer_than_what_is_trained_on_are_none(tiny_model, tmp_path):
    config = BRIEFLY.model_copy(update={"epochs": 1.0, "max_tokens": 256})
    long = [pair.model_copy(update={"prompt": pair.prompt * 20}) for pair in PAIRS]
    assert train(tiny_model, PAIRS, config, tmp_path / "out", validation=long).validation == []
