import copy

import pytest
from firstfault.datasets.errors import ConfigError, ModelError
from firstfault.datasets.records import Pair
from firstfault.quant.mixed import Unit, bits_per_weight, choose, mixed_recipe
from firstfault.quant.recipes import Recipe
from firstfault.quant.sensitivity import Module, decoder_modules, measure_effects, passes
from hypothesis import given
from hypothesis import strategies as st

pytest.importorskip("transformers", reason="needs the extra `local`")

from firstfault.annotate.engines.loading import load_model
from firstfault.restore.margins import pair_batches

KINDS = ("q", "k", "v", "o", "gate", "up", "down")


def pair(n: int) -> Pair:
    return Pair(
        prompt=f"<|im_start|>user\nWhat is {n} + 1?<|im_end|>\n<|im_start|>assistant\n",
        chosen=f"Answer: {n + 1}",
        rejected=f"Answer: {n} or so",
        problem_id=f"p{n}",
        solution_id=f"s{n}",
        model="rtn",
        step=0,
        steps=1,
    )


def two_models(folder):
    """Full precision, a copy to be damaged, and what margins are measured on."""
    full, tokenizer = load_model(folder, dtype="float32")
    batches = pair_batches(full, tokenizer, [pair(n) for n in range(6)])
    return full, copy.deepcopy(full), [batch.margins for batch in batches]


def damage(model, name: str, by: float, seed: int = 0) -> None:
    import torch

    weight = model.get_submodule(name).weight.data
    noise = torch.randn(weight.shape, generator=torch.Generator().manual_seed(seed))
    weight += by * float(weight.std()) * noise


def measured(model, parts) -> list[float]:
    return [margin for part in parts for margin in part(model)]


def test_modules_are_named_by_layer_and_kind(tiny_model):
    full, _, _ = two_models(tiny_model)
    modules = decoder_modules(full)
    assert [(one.layer, one.kind) for one in modules] == [(layer, kind) for layer in (0, 1) for kind in KINDS]
    assert modules[4].name == "model.layers.0.mlp.gate_proj"
    assert modules[4].weights == 128 * 256


@pytest.mark.parametrize("broken", ["model.layers.1.self_attn.v_proj", "model.layers.0.mlp.down_proj"])
def test_a_broken_module_is_the_most_fragile_one_both_ways(broken, tiny_model):
    full, damaged, parts = two_models(tiny_model)
    for module in decoder_modules(full):
        damage(damaged, module.name, 0.02)
    damage(damaged, broken, 5.0, seed=1)
    found = measure_effects(full, damaged, parts)
    for effects in (found.lost, found.regained):
        sizes = [sum(abs(value) for value in one) for one in effects]
        assert found.modules[sizes.index(max(sizes))].name == broken


def test_each_effect_is_what_exchanging_the_weight_by_hand_gives(tiny_model):
    full, damaged, parts = two_models(tiny_model)
    for number, module in enumerate(decoder_modules(full)):
        damage(damaged, module.name, 0.5, seed=number)
    before = {name: value.clone() for name, value in full.state_dict().items()}
    told: list[int] = []
    found = measure_effects(full, damaged, parts, told.append)
    assert sum(told) == passes(full, parts)
    assert found.full_precision == measured(full, parts)
    assert found.quantized == measured(damaged, parts)
    for number, module in enumerate(found.modules):
        own, other = (model.get_submodule(module.name).weight.data for model in (full, damaged))
        exchanged = copy.deepcopy(full)
        exchanged.get_submodule(module.name).weight.data = other
        by_hand = [a - b for a, b in zip(found.full_precision, measured(exchanged, parts), strict=True)]
        assert found.lost[number] == pytest.approx(by_hand, abs=1e-4)
        exchanged = copy.deepcopy(damaged)
        exchanged.get_submodule(module.name).weight.data = own
        by_hand = [a - b for a, b in zip(measured(exchanged, parts), found.quantized, strict=True)]
        assert found.regained[number] == pytest.approx(by_hand, abs=1e-4)
    # Nothing of the exchange is left in the model.
    assert all(bool((value == before[name]).all()) for name, value in full.state_dict().items())


def test_restoring_the_only_damaged_module_gives_full_precisions_margins_exactly(tiny_model):
    full, damaged, parts = two_models(tiny_model)
    damage(damaged, "model.layers.1.mlp.up_proj", 1.0)
    found = measure_effects(full, damaged, parts)
    place = [one.name for one in found.modules].index("model.layers.1.mlp.up_proj")
    loss = [a - b for a, b in zip(found.full_precision, found.quantized, strict=True)]
    assert any(loss)
    assert found.regained[place] == loss == found.lost[place]
    # What quantization left alone has no effect at all, and costs no pass.
    assert not any(any(one) for n, one in enumerate(found.lost + found.regained) if n % 14 != place)


def test_restoring_all_modules_gives_full_precisions_margins_exactly(tiny_model):
    full, damaged, parts = two_models(tiny_model)
    modules = decoder_modules(full)
    for module in modules:
        damage(damaged, module.name, 0.5)
    for module in modules:
        damaged.get_submodule(module.name).weight.data = full.get_submodule(module.name).weight.data.clone()
    found = measure_effects(full, damaged, parts)
    assert found.quantized == found.full_precision


def test_scales_moved_between_modules_are_refused(tiny_model):
    full, damaged, parts = two_models(tiny_model)
    damaged.model.layers[0].input_layernorm.weight.data *= 2
    with pytest.raises(ModelError, match=r"input_layernorm.weight: differs") as error:
        measure_effects(full, damaged, parts)
    assert "AWQ" in error.value.hint


def test_a_model_of_another_shape_is_refused(tiny_model):
    from transformers import Qwen2ForCausalLM

    full, _, parts = two_models(tiny_model)
    config = copy.deepcopy(full.config)
    config.intermediate_size = 128
    with pytest.raises(ModelError, match="not the same in both models"):
        measure_effects(full, Qwen2ForCausalLM(config), parts)


UNITS = st.lists(
    st.tuples(st.integers(1, 12), st.floats(-2, 5, allow_subnormal=False)), min_size=1, max_size=9
).map(lambda found: [Unit((f"m{n}",), 8 * size, value) for n, (size, value) in enumerate(found)])


@given(UNITS, st.integers(0, 500))
def test_the_choice_is_the_best_of_all_that_fit(units, spare):
    kept = [unit for unit in units if unit.names[0] in choose(units, spare)]
    assert sum(unit.weights for unit in kept) <= spare
    assert all(unit.value > 0 for unit in kept)
    best = 0.0
    for chosen in range(1 << len(units)):
        tried = [unit for n, unit in enumerate(units) if chosen >> n & 1]
        if sum(unit.weights for unit in tried) <= spare:
            best = max(best, sum(unit.value for unit in tried))
    assert sum(unit.value for unit in kept) == pytest.approx(best)


MODULES = [
    Module(f"model.layers.{layer}.x.{kind}_proj", layer, kind, size)
    for layer in range(3)
    for kind, size in zip(KINDS, (64, 32, 32, 64, 96, 96, 96), strict=True)
]
VALUES = st.lists(st.floats(0.01, 5), min_size=len(MODULES), max_size=len(MODULES)).map(
    lambda values: {module.name: value for module, value in zip(MODULES, values, strict=True)}
)


@given(VALUES, st.floats(4.5, 17), st.sampled_from([8, 16]), st.booleans())
def test_a_recipe_never_exceeds_its_budget_and_fused_modules_go_together(values, budget, bits, fused):
    base = Recipe(method="rtn", scheme="W3A16", group_size=32)
    recipe = mixed_recipe(base, MODULES, values, budget, bits=bits, fused=fused)
    assert base.bits_per_weight < bits_per_weight(recipe, MODULES) <= budget + 1e-9
    kept = set(recipe.keep.layers if recipe.keep else recipe.ignore[1:])
    if fused:
        for layer in range(3):
            for together in (("q", "k", "v"), ("gate", "up")):
                names = {f"model.layers.{layer}.x.{kind}_proj" for kind in together}
                assert names <= kept or not names & kept


def test_more_room_never_brings_less():
    values = {module.name: float(n % 5 + 1) for n, module in enumerate(MODULES)}
    base = Recipe(method="rtn", scheme="W3A16", group_size=32)
    brought = [
        sum(values[name] for name in mixed_recipe(base, MODULES, values, 4 + step / 4).keep.layers)
        for step in range(16)
    ]
    assert brought == sorted(brought)
    assert brought[-1] > brought[0]


@pytest.mark.parametrize(
    ("budget", "bits", "said"),
    [(3.2, 8, "rtn-w3g32 itself has 3.5"), (3.51, 8, "no room"), (4.0, 6, "6 bits")],
)
def test_an_impossible_budget_is_one_line_with_a_hint(budget, bits, said):
    base = Recipe(method="rtn", scheme="W3A16", group_size=32)
    with pytest.raises(ConfigError, match=said) as error:
        mixed_recipe(base, MODULES, {module.name: 1.0 for module in MODULES}, budget, bits=bits)
    assert error.value.hint


def test_the_least_budget_that_the_hint_names_is_enough():
    base = Recipe(method="rtn", scheme="W3A16", group_size=32)
    values = {module.name: 1.0 for module in MODULES}
    with pytest.raises(ConfigError) as error:
        mixed_recipe(base, MODULES, values, 3.51)
    least = float(error.value.hint.split()[1])
    assert mixed_recipe(base, MODULES, values, least).keep is not None
