"""Where pairs come from, and whether a released set fits the checkpoint."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from firstfault.datasets.errors import InputError
from firstfault.datasets.records import Pair
from firstfault.datasets.release import build, write_folder
from firstfault.datasets.store import read_records, write_records
from firstfault.loop.release import assemble
from firstfault.restore.sources import find_checkpoint, misfits, read_source
from hub_server import WRITER, HubServer
from huggingface_hub import ModelCard
from mined import VARIANT
from mined_run import write_run

REPO = "me/silver-bullet"


@pytest.fixture(scope="module")
def run(tiny_model, tmp_path_factory):
    return write_run(tmp_path_factory.mktemp("runs") / "run", tiny_model)


@pytest.fixture(scope="module")
def files(run):
    release = assemble(run)
    return build(release.made, release.parts, release.config, repo=REPO, licence=release.licence)


@pytest.fixture
def released(files, tmp_path: Path) -> Path:
    write_folder(files, tmp_path / "released")
    return tmp_path / "released"


def test_the_same_pairs_from_a_run_a_released_folder_and_a_file(run, released, tmp_path):
    pairs = read_records(run.pairs_path(VARIANT), Pair)
    write_records(tmp_path / "pairs.jsonl", pairs)
    origins = [read_source(str(one)) for one in (run.path, released, tmp_path / "pairs.jsonl")]
    assert all(one.pairs == pairs for one in origins)
    set_aside = read_records(run.test_pairs_path(VARIANT), Pair)
    assert set_aside
    assert [one.test for one in origins] == [set_aside, set_aside, []]
    assert [one.name for one in origins] == ["run", "released", "pairs.jsonl"]
    assert [one.made is not None for one in origins] == [False, True, False]
    assert all(one.revision is None and len(one.sha256) == 64 for one in origins)


@pytest.mark.parametrize("what", ["nowhere", "no such/thing at all", "empty"])
def test_what_holds_no_pairs_is_one_line(what, tmp_path):
    (tmp_path / "empty").mkdir()
    with pytest.raises(InputError, match=r"no such folder or file|neither a released set nor a run"):
        read_source(str(tmp_path / what))


def test_a_set_that_was_altered_is_refused(released):
    (released / "data" / "preference" / "train.parquet").write_bytes(b"other")
    with pytest.raises(InputError, match="altered"):
        read_source(str(released))


def test_a_set_of_another_checkpoint_or_template_is_used_with_a_note(released, tiny_model, tmp_path):
    origin = read_source(str(released))
    assert misfits(origin, tiny_model) == []
    other = tmp_path / "other"
    shutil.copytree(tiny_model, other)
    (other / "chat_template.jinja").write_text("{{ messages[0].content }}")
    assert misfits(origin, other) == [
        "The set's prompts are written with another chat template than this checkpoint's."
    ]
    weights = other / "model.safetensors"
    content = bytearray(weights.read_bytes())
    content[-1] ^= 1
    weights.write_bytes(content)
    first, _ = misfits(origin, other)
    assert "this checkpoint is" in first or "this checkpoint has other weights" in first


def test_a_model_is_a_folder_or_an_id(tiny_model, tmp_path):
    assert find_checkpoint(str(tiny_model)) == (tiny_model, None)
    with pytest.raises(InputError, match="no such folder"):
        find_checkpoint(str(tmp_path / "nowhere"))


def test_restoring_a_model_from_the_hub_by_a_set_from_the_hub_pins_the_commit(files, tiny_model, tmp_path):
    with HubServer() as hub:
        model = {one.name: one.read_bytes() for one in tiny_model.iterdir()}
        hub.add("models/me/tiny", model)
        hub.add(REPO, _tree(files, tmp_path))
        commit, of_model = hub.repos[REPO].head, hub.repos["models/me/tiny"].head
        command = [sys.executable, "-m", "firstfault.cli.main", "restore", "--json"]
        asked = ["--model", "me/tiny", "--dataset", REPO, "--revision", "main", "--set", "epochs=1"]
        done = subprocess.run(
            [*command, *asked, "--out", str(tmp_path / "out")],
            env={
                **os.environ,
                "HF_ENDPOINT": hub.url,
                "HF_HOME": str(tmp_path / "hf"),
                "HF_TOKEN": WRITER,
                "HF_HUB_OFFLINE": "0",
            },
            capture_output=True,
            text=True,
        )
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout)
    assert (told["dataset"], told["revision"], told["warnings"]) == (REPO, commit, [])
    assert (tmp_path / "out" / "adapter_model.safetensors").is_file()
    card = (tmp_path / "out" / "README.md").read_text()
    assert f"commit `{commit}`" in card
    assert told["model_revision"] == of_model != commit
    assert f"`, commit `{of_model}`)" in card
    assert json.loads((tmp_path / "out" / "provenance.json").read_text())["checkpoint_revision"] == of_model
    metadata = ModelCard(card).data
    assert (metadata.library_name, metadata.datasets) == ("peft", [REPO])
    assert "# me/tiny, restored" in card


def _tree(files, tmp_path: Path) -> dict[str, bytes]:
    folder = tmp_path / "tree"
    write_folder(files, folder)
    return {
        one.relative_to(folder).as_posix(): one.read_bytes() for one in folder.rglob("*") if one.is_file()
    }
