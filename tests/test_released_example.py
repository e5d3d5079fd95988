"""The released set in `examples/`: whole, of this model and quantization, and enough for TRL alone."""

import json
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from firstfault.datasets.abacus import generate
from firstfault.datasets.records import Split
from firstfault.datasets.release import read_release
from firstfault.models import BUNDLED
from firstfault.quant.checkpoint import weights_sha256
from firstfault.quant.recipes import Recipe
from firstfault.restore.sources import misfits, read_source
from hub_server import card_errors

EXAMPLE = Path(__file__).parent.parent / "examples" / "silver-bullet"

pytestmark = pytest.mark.skipif(not BUNDLED.is_dir(), reason="needs the bundled model")


@pytest.fixture(scope="module")
def variant(tmp_path_factory) -> Path:
    """The quantized model that the set is of, as the quickstart makes it."""
    pytest.importorskip("llmcompressor", reason="needs the extra `local`")
    from firstfault.quant.quantize import quantize

    out = tmp_path_factory.mktemp("variants") / "rtn-w3g32"
    return quantize(BUNDLED, Recipe(method="rtn", scheme="W3A16", group_size=32), [], out).folder


def test_it_is_whole_small_and_clear_of_the_held_out_problems():
    found = read_release(EXAMPLE)
    assert 100 <= len(found.train) <= 332
    assert found.test
    held_out = {problem.id for problem in generate(Split.HELD_OUT, found.made.held_out)}
    assert held_out.isdisjoint(pair.problem_id for pair in (*found.train, *found.test))
    trained = {pair.problem_id for pair in found.train}
    assert trained.isdisjoint(pair.problem_id for pair in found.test)
    assert card_errors((EXAMPLE / "README.md").read_text()) == []


def test_it_is_of_the_bundled_model_and_of_what_the_quickstart_makes_of_it(variant):
    origin = read_source(str(EXAMPLE))
    assert origin.made.base_sha256 == weights_sha256(BUNDLED)
    assert misfits(origin, variant) == []


def test_plain_trl_learns_from_it_without_this_package(variant, tmp_path):
    shutil.copytree(variant, tmp_path / "rtn-w3g32")
    shutil.copytree(EXAMPLE, tmp_path / "silver-bullet")
    (script,) = re.findall(r"```python\n(.*?)```", (EXAMPLE / "README.md").read_text(), re.DOTALL)
    script = script.replace("num_train_epochs=4", "max_steps=6, logging_steps=1")
    script += """
import json, sys
assert not any(name.partition(".")[0] == "firstfault" for name in sys.modules)
losses = [row["loss"] for row in trainer.state.log_history if "loss" in row]
json.dump(losses, open("losses.json", "w"))
"""
    done = subprocess.run(
        [sys.executable, "-c", script], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "restored" / "adapter_model.safetensors").is_file()
    losses = json.loads((tmp_path / "losses.json").read_text())
    assert len(losses) == 6
    assert sum(losses[-3:]) < sum(losses[:3])
