"""`firstfault sensitivity` on a run with a random model and its real 3-bit variant."""

import json
import shutil
from pathlib import Path

import pytest
from firstfault.cli.main import main
from firstfault.datasets.records import Pair
from firstfault.datasets.store import read_records, write_records
from firstfault.loop.config import RunConfig, write_config
from firstfault.loop.folder import RunFolder
from firstfault.quant.recipes import Recipe

pytest.importorskip("llmcompressor", reason="needs the extra `local`")

from firstfault.annotate.engines.loading import load_tokenizer
from firstfault.quant.quantize import quantize

NAME = "rtn-w3g32"
COUNT = 6


@pytest.fixture(scope="module")
def made(tiny_model, tmp_path_factory) -> Path:
    """A run with a variant and its pairs."""
    path = tmp_path_factory.mktemp("runs") / "run"
    recipe = {"method": "rtn", "scheme": "W3A16", "group_size": 32}
    config = RunConfig.model_validate({"model": tiny_model, "variants": [recipe], "threads": 1})
    folder = RunFolder(path)
    path.mkdir()
    folder.config_path.write_text(write_config(config))
    quantize(tiny_model, config.main, [], folder.variant(NAME))
    tokenizer = load_tokenizer(tiny_model)
    pairs = [
        Pair(
            prompt=config.prompt.render(tokenizer, f"{n} + 1?", "Step 1: add\n"),
            chosen=f"Answer: {n + 1}",
            rejected=f"Answer: {n}",
            prefix="Step 1: add\n",
            problem_id=f"p{n}",
            solution_id=f"s{n}",
            model=NAME,
            step=1,
            steps=2,
        )
        for n in range(COUNT)
    ]
    write_records(folder.pairs_path(NAME), pairs)
    return path


@pytest.fixture
def run(made: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(made, tmp_path / "run"))


@pytest.fixture(autouse=True)
def _numbers_as_before():
    """The command sets how this process computes, which other tests must not notice."""
    import torch

    yield
    torch.set_flush_denormal(False)


def told(capsys: pytest.CaptureFixture[str], *arguments: object) -> dict:
    assert main([*map(str, arguments), "--json"]) == 0
    return json.loads(capsys.readouterr().out)


def refused(capsys: pytest.CaptureFixture[str], *arguments: object) -> str:
    assert main([*map(str, arguments)]) == 2
    line = capsys.readouterr().err.strip()
    assert len(line.splitlines()) == 1
    return line


def test_it_measures_every_module_once_and_goes_by_the_file_after_that(run, capsys):
    found = told(capsys, "sensitivity", run)
    assert (found["pairs"], found["of"], len(found["modules"])) == (COUNT, COUNT, 14)
    assert list(found["layers"]) == ["0", "1"]
    gap = found["full_precision"]["value"] - found["quantized"]["value"]
    assert found["loss"]["value"] == pytest.approx(gap)
    for way in ("lost", "regained"):
        cells = [one[way]["value"] for one in found["modules"]]
        assert any(cells)
        assert sum(cells) == pytest.approx(found["whole"][way]["value"])
        assert sum(one[way]["value"] for one in found["kinds"].values()) == pytest.approx(sum(cells))
        assert all(one[way]["low"] <= one[way]["value"] <= one[way]["high"] for one in found["modules"])
    assert json.loads((run / "sensitivity.json").read_text()) == found
    # Neither model is needed any more, nor is anything measured anew.
    shutil.rmtree(run / "variants")
    assert told(capsys, "sensitivity", run) == found


def test_a_smaller_sample_is_measured_anew(run, capsys):
    told(capsys, "sensitivity", run)
    found = told(capsys, "sensitivity", run, "--pairs", 2)
    assert (found["pairs"], found["of"]) == (2, COUNT)


def test_a_budget_gives_a_recipe_that_quantize_applies(run, capsys, tmp_path, tiny_model):
    found = told(capsys, "sensitivity", run, "--budget", 5)["mixed"]
    assert 3.5 < found["bits_per_weight"] <= 5
    out = tmp_path / "mixed"
    made = told(capsys, "quantize", tiny_model, "--recipe", run / "mixed.yaml", "--out", out)
    assert made["bits_per_weight"] == pytest.approx(found["bits_per_weight"])
    assert json.loads((out / "recipe.json").read_text()) == found["recipe"]
    assert Recipe.model_validate(found["recipe"]).name == made["name"]


def test_a_module_in_full_precision_is_left_out_of_quantizing(run, capsys):
    found = told(capsys, "sensitivity", run, "--budget", 9, "--keep-bits", 16)["mixed"]
    assert found["recipe"]["keep"] is None
    assert found["recipe"]["ignore"][0] == "lm_head"
    assert len(found["recipe"]["ignore"]) > 1


def test_bad_input_is_one_line_and_writes_nothing(run, capsys, tmp_path):
    folder = RunFolder(run)
    before = sorted(run.rglob("*"))
    assert "itself has 3.5 bits" in refused(capsys, "sensitivity", run, "--budget", 3)
    assert "not 8 or 16" in refused(capsys, "sensitivity", run, "--keep-bits", 5)
    assert "not a run folder" in refused(capsys, "sensitivity", tmp_path / "none")
    nowhere = refused(capsys, "sensitivity", run, "--pairs-from", tmp_path / "none.parquet")
    assert "no such file" in nowhere
    pairs = read_records(folder.pairs_path(NAME), Pair)
    write_records(tmp_path / "none.jsonl", [], Pair)
    assert "no pairs" in refused(capsys, "sensitivity", run, "--pairs-from", tmp_path / "none.jsonl")
    other = [one.model_copy(update={"prompt": "[INST] 1 + 1? [/INST]" + one.prefix}) for one in pairs]
    write_records(tmp_path / "other.jsonl", other)
    line = refused(capsys, "sensitivity", run, "--pairs-from", tmp_path / "other.jsonl")
    assert "tokenizer and chat template" in line
    assert [one for one in sorted(run.rglob("*")) if ".lock" not in one.name] == before


def test_a_damaged_file_is_named(run, capsys):
    (run / "sensitivity.json").write_text('{"variant": 3}')
    assert "sensitivity.json: not a sensitivity" in refused(capsys, "sensitivity", run)
