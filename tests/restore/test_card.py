"""The lines of a card load what was restored, whatever the format and the method."""

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from firstfault.datasets.provenance import FormatTuned
from firstfault.restore.config import RestoreConfig
from firstfault.restore.restoration import Restoration

pytest.importorskip("trl", reason="needs the extra `local`")

import torch
from firstfault.annotate.engines.loading import load_model
from firstfault.quant.formats.loading import load_unpacked
from firstfault.restore.adapter import placed
from firstfault.restore.card import render, write_card
from firstfault.restore.preference import train
from mended import own_pairs
from safetensors.torch import load_file

FIXTURES = Path(__file__).parents[1] / "quant" / "fixtures"
IDS = torch.tensor([list(range(3, 40))])
PAIR = own_pairs(1)[0]
AFTER = """
import torch
from safetensors.torch import save_file
with torch.no_grad():
    save_file({"logits": model.float()(torch.tensor([list(range(3, 40))])).logits}, "logits.safetensors")
"""


def test_a_card_says_what_a_taught_full_precision_model_was_made_of():
    account = {"config": RestoreConfig().settled(teacher=False).model_dump(), "curve": [], "pairs": 3}
    made = Restoration(
        checkpoint="gptq",
        base_model="tiny-format-tuned",
        dataset="pairs",
        dataset_sha256="0" * 64,
        format_tuned=FormatTuned(
            model="tiny", sha256="ab" * 32, given=True, read=9, right=8, rewritten=0, learnt=7
        ),
    )
    account["checkpoint_sha256"] = "0" * 64
    said = "`tiny-format-tuned` is `tiny` (`sha256:abababababababab`), taught the step format on\n7 right"
    assert said in render(made, account)
    assert "taught" not in render(made.model_copy(update={"format_tuned": None}), account)


@pytest.mark.parametrize("method", ["adapter", "scales"])
def test_the_lines_of_a_gptq_checkpoints_card_load_it(method, tmp_path):
    checkpoint = tmp_path / "gptq"
    shutil.copytree(FIXTURES / "gptq", checkpoint)
    config = RestoreConfig(method=method, epochs=2, rank=4, learning_rate=1e-2)
    folder = train(checkpoint, [PAIR], config, tmp_path / "restored", validation=[PAIR]).folder
    made = Restoration(checkpoint="gptq", base_model="tiny", dataset="pairs", dataset_sha256="0" * 64)
    card = write_card(folder, made).read_text()
    [script] = re.findall(r"```python\n(.*?)```", card, re.DOTALL)
    assert re.search(r"Kept is epoch \d of 2, [^.]* set aside, \d+\.\d+\.\n\n```yaml", card)
    if method == "scales":
        assert "same integers" in card
        assert "load_unpacked" in script
        assert "peft" not in script
    (folder / "gptq").symlink_to(checkpoint)
    (folder / "load.py").write_text(script + AFTER)
    subprocess.run([sys.executable, "load.py"], cwd=folder, check=True, capture_output=True)
    said = load_file(folder / "logits.safetensors")["logits"]
    loaded, adapter = placed(checkpoint, folder)
    own = load_model(loaded, adapter=adapter, dtype="float32", unpack=load_unpacked).model
    with torch.no_grad():
        assert (said - own(IDS).logits).abs().max() < 1e-4
        untouched = load_model(checkpoint, dtype="float32", unpack=load_unpacked).model
        assert (said - untouched(IDS).logits).abs().max() > 1e-3
