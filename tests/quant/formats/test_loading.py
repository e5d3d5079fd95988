import json
import shutil
from pathlib import Path

import pytest
from firstfault.datasets.errors import ModelError

pytest.importorskip("transformers", reason="needs the extra `local`")

import torch
from firstfault.annotate.engines.engine import Prompt, Sampling
from firstfault.annotate.engines.transformers import TransformersEngine
from firstfault.quant.formats.loading import load_unpacked
from safetensors.torch import load_file, save_file

MADE = Path(__file__).parent.parent / "fixtures"
NAMES = ["awq", "gptq", "gptq-v2-act-order", "gptq-3bit"]


def logits(model, ids):
    with torch.no_grad():
        return model.eval()(ids).logits.float()


@pytest.mark.parametrize("name", NAMES)
def test_logits_equal_those_of_the_library_that_made_the_checkpoint(name):
    theirs = load_file(MADE / f"{name}.logits.safetensors")
    assert theirs["logits"].std() > 1
    ours = logits(load_unpacked(MADE / name, "float32"), theirs["input_ids"])
    assert (ours - theirs["logits"]).abs().max() < 1e-3
    # In half precision the order in which a kernel sums is seen: a few units in the last place.
    half = logits(load_unpacked(MADE / name), theirs["input_ids"])
    assert (half - theirs["half"]).abs().max() < 0.03


@pytest.mark.parametrize("name", NAMES)
def test_the_engine_generates(name):
    engine = TransformersEngine.load(MADE / name, name=name, unpack=load_unpacked)
    (completion,) = engine.generate([Prompt("p", "What is 2 + 2?")], Sampling(max_tokens=4))
    assert completion.tokens > 0


def test_what_transformers_reads_by_itself_is_left_to_it(tiny_model):
    assert load_unpacked(tiny_model) is None


def test_a_checkpoint_of_another_model_is_refused(tmp_path):
    folder = shutil.copytree(MADE / "gptq", tmp_path / "gptq")
    config = json.loads((folder / "config.json").read_text())
    config["num_hidden_layers"] = 3
    config["layer_types"] = ["full_attention"] * 3
    (folder / "config.json").write_text(json.dumps(config))
    with pytest.raises(ModelError, match=r"model.layers.2\S* is missing"):
        load_unpacked(folder)
    config["num_hidden_layers"] = 2
    config["layer_types"] = ["full_attention"] * 2
    config["intermediate_size"] = 512
    (folder / "config.json").write_text(json.dumps(config))
    with pytest.raises(ModelError, match="can't be loaded"):
        load_unpacked(folder)


def test_one_file_without_an_index_and_with_a_name_of_its_own_is_read(tmp_path):
    folder = shutil.copytree(MADE / "gptq", tmp_path / "gptq")
    held = {}
    for path in folder.glob("*.safetensors"):
        held |= load_file(path)
        path.unlink()
    (folder / "model.safetensors.index.json").unlink()
    save_file(held, folder / "gptq_model-4bit-32g.safetensors")
    theirs = load_file(MADE / "gptq.logits.safetensors")
    ours = logits(load_unpacked(folder, "float32"), theirs["input_ids"])
    assert (ours - theirs["logits"]).abs().max() < 1e-3
