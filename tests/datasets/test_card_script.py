"""The lines of plain TRL on the card are run as they stand, on a quantized model, without our package."""

import re
import subprocess
import sys

import pytest
from firstfault.datasets.release import build, write_folder
from firstfault.loop.release import assemble
from firstfault.quant.recipes import Recipe
from mined import VARIANT
from mined_run import write_run

pytest.importorskip("trl", reason="needs the extra `local`")

from firstfault.quant.quantize import quantize


def test_the_ten_lines_train_an_adapter(tiny_model, tmp_path):
    release = assemble(write_run(tmp_path / "run", tiny_model, count=12))
    quantize(tiny_model, Recipe(method="rtn", scheme="W4A16", group_size=32), [], tmp_path / VARIANT)
    files = build(release.made, release.parts, release.config, repo="me/set", licence="apache-2.0")
    # Where the id of a repository stands, a folder of the same name does as well.
    write_folder(files, tmp_path / "me" / "set")
    (script,) = re.findall(r"```python\n(.*?)```", files["README.md"].decode(), re.DOTALL)
    script = script.replace("num_train_epochs=4", "max_steps=1")
    done = subprocess.run(
        [sys.executable, "-c", script], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "restored" / "adapter_model.safetensors").is_file()
