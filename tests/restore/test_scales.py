"""Restoring in place: only scales change, and what was trained is what is written."""

import json
from pathlib import Path

import pytest
from firstfault.datasets.errors import ConfigError, ModelError
from firstfault.datasets.records import Pair
from firstfault.quant.checkpoint import weights_sha256
from firstfault.quant.recipes import Recipe
from firstfault.restore.adapter import placed
from firstfault.restore.config import RestoreConfig

pytest.importorskip("trl", reason="needs the extra `local`")

import torch
from firstfault.annotate.engines.loading import load_model
from firstfault.quant.formats.loading import load_unpacked
from firstfault.quant.formats.packed_checkpoint import open_packed
from firstfault.quant.quantize import quantize
from firstfault.restore.preference import train
from firstfault.restore.scales import trained_layers, with_trainable_scales

CONFIG = RestoreConfig(method="scales", epochs=3, batch_size=2, learning_rate=1e-2)
PAIRS = [
    Pair(
        prompt=f"<|im_start|>user\nWhat is {n} + 1?<|im_end|>\n<|im_start|>assistant\n",
        chosen=f"Answer: {n + 1}",
        rejected=f"Answer: {n}",
        problem_id=f"p{n}",
        solution_id=f"s{n}",
        model="rtn",
        step=0,
        steps=1,
    )
    for n in range(4)
]
IDS = torch.tensor([list(range(3, 60))])
RECIPES = {
    "symmetric": Recipe(method="rtn", scheme="W3A16", group_size=32),
    "asymmetric": Recipe(method="rtn", scheme="W4A16", group_size=32, symmetric=False),
    "two bits": Recipe(method="rtn", scheme="W2A16", group_size=64),
}


OTHERS = Path(__file__).parents[1] / "quant" / "fixtures"


ASYMMETRIC = ("asymmetric", "awq", "gptq-v2-act-order")


def made(name, tiny_model, tmp_path_factory):
    if name not in RECIPES:
        return OTHERS / name
    return quantize(tiny_model, RECIPES[name], [], tmp_path_factory.mktemp("made") / "variant").folder


@pytest.fixture(scope="module", params=[*RECIPES, "awq", "gptq", "gptq-v2-act-order"])
def checkpoint(request, tiny_model, tmp_path_factory):
    return made(request.param, tiny_model, tmp_path_factory)


@pytest.fixture(scope="module", params=ASYMMETRIC)
def asymmetric(request, tiny_model, tmp_path_factory):
    return made(request.param, tiny_model, tmp_path_factory)


def loaded(folder):
    return load_model(folder, unpack=load_unpacked)


def logits(model):
    with torch.no_grad():
        return model.float()(IDS).logits


def test_layers_with_scales_to_train_do_what_the_unpacked_ones_do(checkpoint):
    model = loaded(checkpoint).model.float()
    expected = logits(model)
    scaled = with_trainable_scales(model, open_packed(checkpoint))
    assert torch.equal(logits(scaled), expected)
    assert {name.rsplit(".", 1)[-1] for name, p in scaled.named_parameters() if p.requires_grad} == {"change"}


def test_what_is_trained_is_what_is_written_and_nothing_else_changes(checkpoint, tmp_path):
    before = {path.name: path.read_bytes() for path in checkpoint.iterdir()}
    result = train(checkpoint, PAIRS, CONFIG, tmp_path / "out")
    assert result.curve[-1].loss < result.curve[0].loss
    assert {path.name: path.read_bytes() for path in checkpoint.iterdir()} == before
    after = {path.name: path.read_bytes() for path in result.folder.iterdir()}
    assert after.keys() == before.keys() | {"training.json"}
    changed = {name for name in before if after[name] != before[name]}
    assert changed
    assert all(name.endswith(".safetensors") for name in changed)
    assert all(len(after[name]) == len(before[name]) for name in changed)
    old, new = open_packed(checkpoint), open_packed(result.folder)
    for name in old.layers:
        one, other = old.layer(name), new.layer(name)
        assert torch.equal(one.integers, other.integers)
        assert torch.equal(one.zero_points, other.zero_points)
        assert not torch.equal(one.scales, other.scales)
    assert all(torch.equal(old.tensor(name), new.tensor(name)) for name in old.plain)
    account = json.loads(after["training.json"])
    assert account["config"]["method"] == "scales"
    assert placed(checkpoint, result.folder) == (result.folder, None)


def test_the_model_in_memory_and_the_one_read_back_say_the_same(checkpoint, tmp_path):
    packed = open_packed(checkpoint)
    model = with_trainable_scales(loaded(checkpoint).model.float(), packed)
    generator = torch.Generator().manual_seed(3)
    with torch.no_grad():
        for parameter in model.parameters():
            if parameter.requires_grad:
                parameter += 0.1 * torch.randn(parameter.shape, generator=generator)
    packed.write(tmp_path / "out", trained_layers(model, packed))
    read_back = logits(loaded(tmp_path / "out").model)
    assert (read_back - logits(model)).abs().max().item() == 0.0
    assert (read_back - logits(loaded(checkpoint).model)).abs().max().item() > 0


def test_gradients_pass_the_rounding(checkpoint):
    model = with_trainable_scales(loaded(checkpoint).model.float(), open_packed(checkpoint))
    model(IDS, labels=IDS).loss.backward()
    gradients = [p.grad for p in model.parameters() if p.requires_grad]
    assert all(gradient is not None and bool(gradient.abs().sum() > 0) for gradient in gradients)


def test_the_same_seed_gives_the_same_bytes_and_another_does_not(checkpoint, tmp_path):
    def trained(name, seed):
        config = CONFIG.model_copy(update={"seed": seed})
        return weights_sha256(train(checkpoint, PAIRS, config, tmp_path / name).folder)

    assert trained("a", 0) == trained("b", 0) != trained("c", 1)


def test_what_has_no_scales_is_refused_before_anything_is_loaded(tiny_model, tmp_path):
    with pytest.raises(ModelError, match="not quantized"):
        train(tiny_model, PAIRS, CONFIG, tmp_path / "out")
    assert not (tmp_path / "out").exists()
    with pytest.raises(ValueError, match="method: scales goes with rejected: token only"):
        RestoreConfig(method="scales", rejected="step")


def test_zero_points_are_trained_where_asked_and_integers_stay(asymmetric, tmp_path):
    config = CONFIG.model_copy(update={"zero_points": True, "learning_rate": 0.6})
    restored = train(asymmetric, PAIRS, config, tmp_path / "out")
    sizes = {path.name: path.stat().st_size for path in asymmetric.iterdir()}
    assert {name: (restored.folder / name).stat().st_size for name in sizes} == sizes
    old, new = open_packed(asymmetric), open_packed(restored.folder)
    moved = 0
    for name in old.layers:
        one, other = old.layer(name), new.layer(name)
        assert torch.equal(one.integers, other.integers)
        assert int(other.zero_points.max()) < 1 << one.bits
        moved += int((one.zero_points != other.zero_points).sum())
    assert moved > 0


def test_zero_points_in_memory_are_those_read_back_wherever_they_went(asymmetric, tmp_path):
    packed = open_packed(asymmetric)
    model = with_trainable_scales(loaded(asymmetric).model.float(), packed, zero_points=True)
    generator = torch.Generator().manual_seed(4)
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            if parameter.requires_grad:
                # Zero points go beyond what can be stored, so that they are kept within it.
                size = 24 if name.endswith("shift") else 0.1
                parameter += size * torch.randn(parameter.shape, generator=generator)
    packed.write(tmp_path / "out", trained_layers(model, packed))
    read_back = loaded(tmp_path / "out").model
    assert (logits(read_back) - logits(model)).abs().max().item() == 0.0
    new = open_packed(tmp_path / "out")
    for name in new.layers:
        zeros, before = new.layer(name).zero_points, packed.layer(name).zero_points
        assert int(zeros.min()) == min(1, int(before.min()))
        assert int(zeros.max()) == (1 << packed.scheme.bits) - 1


def test_gradients_reach_zero_points_and_untrained_they_change_nothing(asymmetric):
    expected = logits(loaded(asymmetric).model)
    model = with_trainable_scales(loaded(asymmetric).model.float(), open_packed(asymmetric), zero_points=True)
    assert torch.equal(logits(model), expected)
    model(IDS, labels=IDS).loss.backward()
    shifts = [p for name, p in model.named_parameters() if name.endswith("shift")]
    assert shifts
    assert all(bool(p.grad.abs().sum() > 0) for p in shifts)


def test_zero_points_are_refused_where_there_are_none(tiny_model, tmp_path):
    folder = quantize(tiny_model, RECIPES["symmetric"], [], tmp_path / "variant").folder
    config = CONFIG.model_copy(update={"zero_points": True})
    with pytest.raises(ConfigError, match="variant is symmetric and has none"):
        train(folder, PAIRS, config, tmp_path / "out")
    assert not (tmp_path / "out").exists()
    with pytest.raises(ValueError, match="zero_points: goes with method: scales only"):
        RestoreConfig(zero_points=True)


def test_auto_trains_in_place_what_is_written_here_and_an_adapter_on_what_is_not(tiny_model, tmp_path):
    config = CONFIG.model_copy(update={"method": "auto", "epochs": 1.0})
    for scheme, method in (("W4A16", "scales"), ("W8A8", "adapter")):
        recipe = Recipe(method="rtn" if scheme == "W4A16" else "smoothquant", scheme=scheme)
        texts = [pair.prompt + pair.chosen for pair in PAIRS]
        folder = quantize(tiny_model, recipe, texts, tmp_path / scheme).folder
        out = train(folder, PAIRS, config, tmp_path / f"{scheme}-out", teacher=tiny_model).folder
        assert json.loads((out / "training.json").read_text())["config"]["method"] == method
        assert placed(folder, out) == ((out, None) if method == "scales" else (folder, out))
    # Without full precision there are tokens only, and those an adapter learns better.
    alone = train(tmp_path / "W4A16", PAIRS, config, tmp_path / "alone").folder
    assert placed(tmp_path / "W4A16", alone) == (tmp_path / "W4A16", alone)
