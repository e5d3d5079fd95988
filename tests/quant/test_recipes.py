import pytest
from firstfault.quant.recipes import SCHEMES, Recipe
from pydantic import ValidationError


@pytest.mark.parametrize(
    ("given", "named"),
    [
        ({"method": "magic"}, "'rtn', 'gptq', 'awq' or 'smoothquant'"),
        ({"method": "rtn", "scheme": "W5A16"}, "'W5A16'"),
        ({"method": "smoothquant", "scheme": "W4A16"}, "not W4A16"),
        ({"method": "awq", "scheme": "W8A8"}, "W8A8"),
        ({"method": "rtn", "scheme": "W8A8", "group_size": 64}, "not 64"),
        ({"method": "gptq", "scheme": "W8A8", "symmetric": False}, "symmetric=false"),
        ({"method": "rtn", "group_size": 0}, "group_size"),
        ({"method": "rtn", "bits": 4}, "bits"),
    ],
)
def test_an_impossible_recipe_is_refused_and_the_value_named(given, named):
    with pytest.raises(ValidationError) as error:
        Recipe.model_validate(given)
    assert named in str(error.value)


@pytest.mark.parametrize(
    ("recipe", "name", "bits"),
    [
        (Recipe(method="gptq", scheme="W3A16"), "gptq-w3g128", 3.125),
        (Recipe(method="rtn", scheme="w2a16", group_size=32), "rtn-w2g32", 2.5),
        (Recipe(method="awq", group_size=64, symmetric=False), "awq-w4g64-asym", 4.3125),
        (Recipe(method="smoothquant", scheme="W8A8"), "smoothquant-w8a8", 8.0),
        (
            Recipe(method="rtn", ignore=("lm_head", "re:.*down_proj")),
            "rtn-w4g128-except-lm-head-re-down-proj",
            4.125,
        ),
    ],
)
def test_name_and_bits_follow_from_the_recipe(recipe, name, bits):
    assert (recipe.name, recipe.bits_per_weight) == (name, bits)


def test_names_tell_recipes_apart():
    recipes = [
        Recipe(method="rtn", scheme=s, symmetric=y)
        for s in SCHEMES
        for y in (True, False)
        if y or s != "W8A8"
    ]
    assert len({recipe.name for recipe in recipes}) == len(recipes)


def test_kept_layers_are_in_the_name_the_description_and_the_bits():
    recipe = Recipe(
        method="rtn", scheme="W3A16", group_size=32, keep={"layers": ["a.q_proj", "b"], "scheme": "w8a16"}
    )
    other = recipe.model_copy(update={"keep": recipe.keep.model_copy(update={"layers": ("a.q_proj", "c")})})
    assert recipe.name.startswith("rtn-w3g32-keep-w8-2-")
    assert recipe.name != other.name
    assert recipe.description == "W3A16 g32, 2 layers W8A16"
    assert (recipe.bits_per_weight, recipe.kept_bits_per_weight) == (3.5, 8.5)


@pytest.mark.parametrize(
    ("changes", "named"),
    [
        ({"keep": {"layers": []}}, "layers"),
        ({"keep": {"layers": ["a"], "scheme": "W8A8"}}, "leave activations alone"),
        ({"keep": {"layers": ["a"], "scheme": "W5A16"}}, "W5A16"),
        ({"keep": {"layers": ["a"], "scheme": "W3A16"}}, "no more than W4A16"),
        ({"keep": {"layers": ["a"]}, "scheme": "W8A8"}, "not beside W8A8"),
    ],
)
def test_impossible_kept_layers_are_refused(changes, named):
    with pytest.raises(ValidationError, match=named):
        Recipe.model_validate({"method": "rtn"} | changes)


def test_many_ignored_layers_still_make_a_name_that_a_folder_can_have():
    layers = tuple(f"model.layers.{n}.self_attn.q_proj" for n in range(40))
    one, other = (Recipe(method="rtn", ignore=("lm_head", *some)) for some in (layers, layers[1:]))
    assert len(one.name) < 60
    assert one.name != other.name
