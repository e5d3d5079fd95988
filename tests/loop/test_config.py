from pathlib import Path

import pytest
from firstfault.datasets.errors import ConfigError
from firstfault.loop.config import QUICKSTART, RunConfig, parse_config, read_config, write_config

MINIMAL = "variants:\n  - {method: rtn, scheme: W3A16}\n"


def config_file(folder: Path, text: str) -> Path:
    path = folder / "run.yaml"
    path.write_text(text)
    return path


def test_the_quickstart_names_all_four_methods_and_its_headline():
    config = read_config(QUICKSTART)
    assert {recipe.method for recipe in config.variants} == {"rtn", "gptq", "awq", "smoothquant"}
    assert config.main.name == config.headline
    assert config.curate.size <= 332


def test_a_resolved_configuration_reads_back_as_itself(tmp_path: Path):
    config = read_config(QUICKSTART)
    assert read_config(config_file(tmp_path, write_config(config))) == config


def test_overrides_win_over_the_file(tmp_path: Path):
    path = config_file(tmp_path, MINIMAL)
    config = read_config(path, ["curate.size=7", "problems.abacus={mining: 5, held_out: 6}"])
    assert (config.curate.size, config.problems.abacus.mining) == (7, 5)


def test_paths_are_relative_to_the_file(tmp_path: Path):
    config = read_config(config_file(tmp_path, MINIMAL + "model: weights/mine\n"))
    assert config.model == tmp_path / "weights" / "mine"


@pytest.mark.parametrize(
    ("text", "said", "hint"),
    [
        (MINIMAL + "modle: x\n", "modle: unknown key", "`model`"),
        (MINIMAL + "judge: {sampels: 3}\n", "judge.sampels: unknown key", "`samples`"),
        ("variants:\n  - {method: rtn, schema: W3A16}\n", "variants.0.schema: unknown key", "`scheme`"),
        ("variants:\n  - {method: magic}\n", "'magic'", "configuration"),
        ("variants:\n  - {method: smoothquant, scheme: W4A16}\n", "W4A16", "configuration"),
        ("variants: []\n", "variants", "configuration"),
        ("curate: {size: 3}\n", "variants: missing", "Add it"),
        (MINIMAL + "batch_size: 0\n", "batch_size", "configuration"),
        (MINIMAL + "headline: gptq-w4g128\n", "gptq-w4g128", "configuration"),
        (MINIMAL + "problems: {}\n", "either abacus or files", "configuration"),
        ("variants: [\n", "not YAML", "Mend"),
        ("- 1\n", "not a mapping", "examples"),
    ],
)
def test_a_wrong_configuration_names_the_field_and_the_mend(tmp_path: Path, text: str, said: str, hint: str):
    path = config_file(tmp_path, text)
    with pytest.raises(ConfigError) as caught:
        read_config(path)
    assert said in str(caught.value)
    assert str(path) in str(caught.value)
    assert "\n" not in str(caught.value)
    assert hint in caught.value.hint


@pytest.mark.parametrize("override", ["curate", "=3", "variants.x.y=1"])
def test_a_wrong_override_is_named(tmp_path: Path, override: str):
    with pytest.raises(ConfigError, match="override"):
        read_config(config_file(tmp_path, MINIMAL), [override])


def test_a_missing_file_is_named(tmp_path: Path):
    with pytest.raises(ConfigError, match="no such file"):
        read_config(tmp_path / "none.yaml")


def test_every_field_is_documented():
    def undocumented(model: type, place: str = "") -> list[str]:
        missing: list[str] = []
        for name, field in model.model_fields.items():
            inner = [field.annotation, *getattr(field.annotation, "__args__", ())]
            models = [kind for kind in inner if hasattr(kind, "model_fields")]
            for kind in models:
                missing += undocumented(kind, f"{place}{name}.")
            if not models and not field.description:
                missing.append(place + name)
        return missing

    assert undocumented(RunConfig) == []


def test_a_plain_mapping_is_validated_the_same_way():
    with pytest.raises(ConfigError, match=r"here: variants: missing"):
        parse_config({}, RunConfig, "here")
