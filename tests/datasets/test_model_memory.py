"""A model that does not fit into memory is refused before it is loaded."""

import json
import shutil

import pytest
from firstfault.datasets.errors import ModelError
from firstfault.datasets.model_memory import free_memory, parameters, require_memory
from mended import own_pairs

pytest.importorskip("transformers", reason="needs the extra `local`")

from firstfault.annotate.engines.loading import load_model
from firstfault.quant.quantize import quantize
from firstfault.quant.recipes import Recipe
from firstfault.restore.config import RestoreConfig
from firstfault.restore.preference import train

RTN = Recipe(method="rtn", scheme="W3A16", group_size=32)


@pytest.fixture
def vast(tiny_model, tmp_path):
    """A model of some trillion weights, by its configuration."""
    folder = tmp_path / "vast"
    shutil.copytree(tiny_model, folder)
    config = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps({**config, "vocab_size": 10**11}))
    return folder


def test_weights_are_counted_as_unpacked(tiny_model, tmp_path):
    loaded = load_model(tiny_model).model
    count = sum(weight.numel() for weight in loaded.parameters())
    assert parameters(tiny_model) == count
    assert parameters(quantize(tiny_model, RTN, [], tmp_path / "rtn").folder) == count


def test_what_is_needed_is_weighed_against_what_is_free(tiny_model, vast):
    assert 1 << 20 < free_memory() < 1 << 50
    require_memory(tiny_model, bytes_each=4, doing="loading it")
    with pytest.raises(
        ModelError, match=r"tiny and vast: training takes [\d.]+ GiB of memory, and [\d.]+ GiB"
    ):
        require_memory(tiny_model, vast, bytes_each=4, doing="training")


def test_it_is_said_before_anything_is_loaded(vast, tiny_model, tmp_path):
    for started in (
        lambda: load_model(vast),
        lambda: quantize(vast, RTN, [], tmp_path / "out"),
        lambda: train(vast, own_pairs(), RestoreConfig(), tmp_path / "out"),
        lambda: train(tiny_model, own_pairs(), RestoreConfig(), tmp_path / "out", teacher=vast),
    ):
        with pytest.raises(ModelError, match="of memory, and") as refused:
            started()
        assert "more memory" in str(refused.value.hint)
    assert not (tmp_path / "out").exists()


def test_an_architecture_that_is_not_known_is_left_to_whoever_loads_it(tiny_model, tmp_path):
    shutil.copytree(tiny_model, tmp_path / "odd")
    (tmp_path / "odd" / "config.json").write_text(json.dumps({"model_type": "no-such-thing"}))
    assert parameters(tmp_path / "odd") is None
    require_memory(tmp_path / "odd", bytes_each=2, doing="loading it")
    with pytest.raises(ModelError, match="the model can't be loaded"):
        load_model(tmp_path / "odd")
