import json
import shutil

import pytest
from firstfault.annotate.engines.engine import Prompt, Sampling
from firstfault.datasets.errors import ConfigError, ModelError
from firstfault.quant.checkpoint import read_checkpoint, size_on_disk, weights_sha256
from firstfault.quant.recipes import Recipe

pytest.importorskip("llmcompressor", reason="needs the extra `local`")

from firstfault.annotate.engines.loading import load_model
from firstfault.annotate.engines.transformers import TransformersEngine
from firstfault.quant.formats.packed_checkpoint import open_packed
from firstfault.quant.quantize import quantize

TEXTS = [
    f"<|im_start|>user\nWhat is {n} + 5?<|im_end|>\n<|im_start|>assistant\nAnswer: {n + 5}" for n in range(10)
]


@pytest.mark.parametrize(
    "recipe",
    [
        Recipe(method="rtn", scheme="W2A16", group_size=32),
        Recipe(method="gptq", scheme="W3A16", samples=4),
        Recipe(method="awq", scheme="W4A16", group_size=64, symmetric=False, samples=4),
        Recipe(method="smoothquant", scheme="W8A8", samples=4),
    ],
    ids=lambda recipe: recipe.name,
)
def test_a_quantized_checkpoint_is_smaller_and_says_what_it_is_and_generates(
    recipe, tiny_model, tmp_path, capfd
):
    made = quantize(tiny_model, recipe, TEXTS, tmp_path / "out")
    read = read_checkpoint(made.folder)
    assert capfd.readouterr() == ("", "")
    assert (made.name, made.scheme) == (recipe.name, read.scheme)
    assert (read.quantized, read.group_size, read.symmetric) == (True, recipe.group, recipe.symmetric)
    assert made.size_bytes == read.size_bytes < size_on_disk(tiny_model)
    assert Recipe.model_validate_json((made.folder / "recipe.json").read_text()) == recipe
    engine = TransformersEngine.load(made.folder, name=made.name)
    (completion,) = engine.generate([Prompt("p", "What is 2 + 2?")], Sampling(max_tokens=4))
    assert completion.tokens > 0


@pytest.mark.parametrize("method", ["rtn", "gptq"])
def test_the_same_inputs_give_the_same_bytes(method, tiny_model, tmp_path):
    recipe = Recipe(method=method, scheme="W3A16", samples=4)
    folders = [quantize(tiny_model, recipe, TEXTS, tmp_path / name, seed=1).folder for name in "ab"]
    first, second = ({p.name: p.read_bytes() for p in folder.iterdir()} for folder in folders)
    assert first == second


def test_a_group_size_that_does_not_divide_a_layer_is_refused_and_nothing_written(tiny_model, tmp_path):
    with pytest.raises(ConfigError, match=r"group_size 96 does not divide 128"):
        quantize(tiny_model, Recipe(method="rtn", group_size=96), [], tmp_path / "out")
    assert list(tmp_path.iterdir()) == []


def test_a_method_that_needs_texts_is_refused_without_them(tiny_model, tmp_path):
    with pytest.raises(ConfigError, match="gptq-w4g128: no calibration texts"):
        quantize(tiny_model, Recipe(method="gptq"), [], tmp_path / "out")


def test_a_failure_leaves_the_older_result_as_it_was(tiny_model, tmp_path):
    out = quantize(tiny_model, Recipe(method="rtn"), [], tmp_path / "out").folder
    before = weights_sha256(out)
    with pytest.raises(ConfigError):
        quantize(tiny_model, Recipe(method="rtn", group_size=96), [], out)
    assert (weights_sha256(out), list(tmp_path.iterdir())) == (before, [out])


def test_a_quantized_model_is_not_quantized_again(tiny_model, tmp_path):
    made = quantize(tiny_model, Recipe(method="rtn"), [], tmp_path / "out")
    with pytest.raises(ModelError, match="quantized already"):
        quantize(made.folder, Recipe(method="rtn"), [], tmp_path / "again")


def test_full_precision_is_told_by_its_data_type(tiny_model):
    read = read_checkpoint(tiny_model)
    assert (read.scheme, read.quantized) == ("bfloat16", False)


@pytest.mark.parametrize("quantization", [{"quant_method": "gptq"}, {"quant_method": "compressed-tensors"}])
def test_a_checkpoint_in_an_unknown_format_is_refused(quantization, tiny_model, tmp_path):
    folder = shutil.copytree(tiny_model, tmp_path / "odd")
    config = json.loads((folder / "config.json").read_text()) | {"quantization_config": quantization}
    (folder / "config.json").write_text(json.dumps(config))
    with pytest.raises(ModelError, match="quantiz"):
        read_checkpoint(folder)


@pytest.mark.parametrize(("content", "message"), [("{", "not JSON"), ("[]", "not a JSON object")])
def test_a_broken_configuration_is_refused(content, message, tiny_model, tmp_path):
    folder = shutil.copytree(tiny_model, tmp_path / "broken")
    (folder / "config.json").write_text(content)
    with pytest.raises(ModelError, match=message):
        read_checkpoint(folder)


@pytest.mark.parametrize("method", ["rtn", "gptq", "awq"])
def test_kept_layers_have_their_own_bits_and_the_others_theirs(method, tiny_model, tmp_path):
    kept = ("model.layers.0.self_attn.v_proj", "model.layers.1.mlp.down_proj")
    recipe = Recipe(method=method, scheme="W3A16", group_size=32, samples=4, keep={"layers": kept})
    made = quantize(tiny_model, recipe, TEXTS, tmp_path / "out")
    packed = open_packed(made.folder)
    bits = {name: packed.layer(name).bits for name in packed.layers}
    assert bits == {name: 8 if name in kept else 3 for name in packed.layers}
    sizes = {name: packed.layer(name).integers.numel() for name in packed.layers}
    stored = sum((8.5 if name in kept else 3.5) * size for name, size in sizes.items())
    assert made.bits_per_weight == pytest.approx(stored / sum(sizes.values()))
    # transformers reads what we do.
    model, _ = load_model(made.folder, dtype="float32")
    for name, weight in packed.weights().items():
        if name.removesuffix(".weight") in kept:
            found = model.get_parameter(name)
            assert float((found - weight).abs().max()) <= 0.01 * float(found.abs().max())


def test_a_layer_to_keep_that_is_not_there_is_refused_and_nothing_written(tiny_model, tmp_path):
    recipe = Recipe(method="rtn", keep={"layers": ["model.layers.7.mlp.down_proj"]})
    with pytest.raises(ConfigError, match=r"keep: 'model.layers.7.mlp.down_proj' is none"):
        quantize(tiny_model, recipe, [], tmp_path / "out")
    assert list(tmp_path.iterdir()) == []
