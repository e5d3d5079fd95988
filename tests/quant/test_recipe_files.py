from pathlib import Path

import pytest
from firstfault.datasets.errors import ConfigError
from firstfault.loop.config import read_config
from firstfault.quant.checkpoint import weights_sha256
from firstfault.quant.recipe_files import read_recipe
from firstfault.quant.recipes import Recipe
from pydantic import ValidationError

EXAMPLES = Path(__file__).resolve().parents[2] / "examples" / "recipes"
TEXTS = [
    f"<|im_start|>user\nWhat is {n} + 5?<|im_end|>\n<|im_start|>assistant\nAnswer: {n + 5}" for n in range(8)
]
GPTQ = """
quant_stage:
  quant_modifiers:
    GPTQModifier:
      ignore: [lm_head]
      dampening_frac: 0.3
      config_groups:
        group_0:
          targets: [Linear]
          weights: {num_bits: 3, type: int, symmetric: true, strategy: group, group_size: 32}
"""


def gptq(arguments: str) -> str:
    return f"a_stage: {{a_modifiers: {{GPTQModifier: {{{arguments}}}}}}}"


def recipe_of(folder: Path, text: str) -> Path:
    path = folder / "recipe.yaml"
    path.write_text(text)
    return path


@pytest.mark.parametrize(
    ("file", "name"),
    [
        ("rtn", "rtn-w4g128"),
        ("gptq", "gptq-w3g128"),
        ("awq", "awq-w4g128-asym"),
        ("smoothquant", "smoothquant-w8a8"),
    ],
)
def test_the_examples_are_recipes_with_plain_names(file, name):
    assert Recipe.model_validate(read_recipe(EXAMPLES / f"{file}.yaml")).name == name


def test_a_file_may_hold_a_recipes_own_fields(tmp_path):
    path = recipe_of(tmp_path, "{method: rtn, scheme: W3A16, keep: {layers: ['re:.*down_proj']}}")
    assert Recipe.model_validate(read_recipe(path)).keep is not None


@pytest.mark.parametrize("example", ["rtn", "awq", "smoothquant", None])
def test_a_recipe_makes_the_checkpoint_that_llm_compressor_makes_of_the_file(example, tiny_model, tmp_path):
    llmcompressor = pytest.importorskip("llmcompressor", reason="needs the extra `local`")
    import torch
    from firstfault.quant.quantize import quantize
    from transformers import AutoModelForCausalLM, AutoTokenizer

    from datasets import Dataset

    path = EXAMPLES / f"{example}.yaml" if example else recipe_of(tmp_path, GPTQ)
    recipe = Recipe.model_validate(read_recipe(path))
    made = quantize(tiny_model, recipe, TEXTS, tmp_path / "ours")
    tokenizer = AutoTokenizer.from_pretrained(tiny_model)
    encoded = [tokenizer(text, add_special_tokens=False)["input_ids"] for text in TEXTS]
    rows = [{"input_ids": ids, "attention_mask": [1] * len(ids)} for ids in sorted(encoded, key=len)]
    data = {
        "dataset": Dataset.from_list(rows),
        "max_seq_length": 2048,
        "num_calibration_samples": len(rows),
        "shuffle_calibration_samples": False,
        "batch_size": 8,
    }
    model = AutoModelForCausalLM.from_pretrained(tiny_model)
    torch.manual_seed(0)
    llmcompressor.oneshot(model=model, recipe=str(path), **(data if recipe.needs_data else {}))
    model.save_pretrained(tmp_path / "theirs", save_compressed=True)
    assert weights_sha256(made.folder) == weights_sha256(tmp_path / "theirs")


def test_a_setting_changes_the_weights_and_the_name(tiny_model, tmp_path):
    pytest.importorskip("llmcompressor", reason="needs the extra `local`")
    from firstfault.quant.quantize import quantize

    told = Recipe.model_validate(read_recipe(recipe_of(tmp_path, GPTQ)))
    plain = told.model_copy(update={"settings": Recipe(method="gptq").settings})
    assert (told.name, plain.name) == ("gptq-w3g32-dampening-frac-0-3", "gptq-w3g32")
    first, second = (quantize(tiny_model, one, TEXTS, tmp_path / one.name).folder for one in (told, plain))
    assert weights_sha256(first) != weights_sha256(second)


def test_a_run_names_a_recipe_and_may_change_it_and_keeps_what_it_said(tmp_path):
    recipe_of(tmp_path, GPTQ)
    run = tmp_path / "run.yaml"
    run.write_text(
        "variants:\n  - {recipe: recipe.yaml, samples: 16}\n  - {recipe: recipe.yaml, scheme: W4A16}\n"
    )
    first, second = read_config(run).variants
    assert (first.samples, first.group, first.settings.dampening_frac) == (16, 32, 0.3)
    assert second.scheme == "W4A16"
    (only,) = read_config(run, ["variants=[{recipe: recipe.yaml}]"]).variants
    assert only.name == first.name
    run.write_text("variants:\n  - {recipe: none.yaml}\n")
    with pytest.raises(ConfigError, match=r"none\.yaml: no such file"):
        read_config(run)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("[", "not YAML"),
        ("- 1", "no llm-compressor recipe"),
        ("a_stage: {a_modifiers: {}}", "no modifier is not made here"),
        ("a: {b_modifiers: {}}", "a: not a name that ends in _stage"),
        ("a_stage: {b: {}}", "b: not a name that ends in _modifiers"),
        ("a_stage: {a_modifiers: {PruningModifier: {}}}", "PruningModifier is not made here"),
        (gptq(""), "GPTQModifier: needs either scheme or config_groups"),
        (
            gptq("scheme: NVFP4"),
            "'NVFP4' is not one of W4A16, W4A16_ASYM",
        ),
        (
            gptq("scheme: W4A16, targets: [Conv2d]"),
            "targets: ['Conv2d'], not Linear",
        ),
        (
            gptq("scheme: W4A16, actorder: group"),
            "actorder: not read for gptq",
        ),
        (
            gptq("config_groups: {x: {}, y: {}}"),
            "2 config_groups, not one",
        ),
        (
            GPTQ.replace("type: int", "type: float"),
            "only type int with strategy group",
        ),
        (GPTQ.replace("type: int", "dynamic: true"), "weights: dynamic: not read here"),
        (GPTQ + "b_stage: {quant_modifiers: {GPTQModifier: {scheme: W8A8}}}", "GPTQModifier occurs twice"),
    ],
)
def test_what_a_recipe_can_not_say_is_refused_by_name(tmp_path, text, said):
    with pytest.raises(ConfigError) as error:
        read_recipe(recipe_of(tmp_path, text))
    assert said in str(error.value)
    assert str(error.value).startswith(str(tmp_path))
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"method": "rtn", "settings": {"n_grid": 3}}, "rtn has no setting n_grid"),
        (
            {"method": "gptq", "scheme": "W8A8", "settings": {"observer": "mse"}},
            "W8A8 has no setting observer",
        ),
        ({"method": "gptq", "settings": {"dampening": 1}}, "dampening"),
    ],
)
def test_a_setting_of_another_method_is_refused(given, said):
    with pytest.raises(ValidationError, match=said):
        Recipe.model_validate(given)
