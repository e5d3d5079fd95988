"""`firstfault publish` of a restored model, from its folder, a matrix or a run."""

import hashlib
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from firstfault.annotate.argilla.people import Pseudonyms
from firstfault.cli.main import main
from firstfault.datasets.abacus import generate
from firstfault.datasets.injector import right_solution
from firstfault.datasets.records import Pair, Review, Split
from firstfault.datasets.release import CHANGELOG, CHECKSUMS
from firstfault.datasets.store import file_sha256, read_records, write_records
from firstfault.loop.folder import FULL_PRECISION
from firstfault.loop.models import restored_name
from firstfault.loop.restored import describe
from hub_server import READER, WRITER, Fault
from huggingface_hub import ModelCard, snapshot_download
from mended import mend
from mined import VARIANT
from mined_run import write_run
from publisher import publish, refused

pytest.importorskip("trl", reason="needs the extra `local`")

REPO = "me/restored"
KEY = f"models/{REPO}"
OPEN = ("--licence", "apache-2.0")
TREE = {"README.md", "adapter_config.json", "adapter_model.safetensors", "training.json", "provenance.json"}


@pytest.fixture(scope="module")
def mended(tiny_model, tmp_path_factory) -> tuple[Path, Path]:
    return mend(tiny_model, tmp_path_factory.mktemp("mended"))


@pytest.fixture
def adapter(mended, tmp_path) -> Path:
    return Path(shutil.copytree(mended[1], tmp_path / "adapter"))


@pytest.fixture
def run(tiny_model, mended, tmp_path):
    """A run that has restored, with an adapter of another training for the time it saves."""
    folder = write_run(tmp_path / "run", tiny_model)
    shutil.copytree(mended[1], folder.restored(VARIANT))
    problems = generate(Split.HELD_OUT, 5)
    right = [right_solution(problem) for problem in problems]
    for model, solved in ((FULL_PRECISION, 5), (VARIANT, 1), (restored_name(VARIANT), 4)):
        graded = [
            one.model_copy(update={"model": model, "correct": place < solved})
            for place, one in enumerate(right)
        ]
        write_records(folder.solutions_path(model, Split.HELD_OUT), graded)
    describe(folder.read_config(), folder)
    return folder


def contents(hub) -> dict[str, bytes]:
    there = {path: file.content for path, file in hub.repos[KEY].commits[-1][1].items()}
    del there[".gitattributes"]
    return there


LOAD = """
import json, re, sys
from huggingface_hub import ModelCard
exec(re.search(r"```python\\n(.*?)```", ModelCard.load("me/restored").text, re.DOTALL)[1])
import torch
with torch.no_grad():
    restored = model(**tokenizer("2 + 2", return_tensors="pt")).logits[0, -1]
    with model.disable_adapter():
        quantized = model(**tokenizer("2 + 2", return_tensors="pt")).logits[0, -1]
print(json.dumps([restored.tolist(), quantized.tolist()]))
"""


def test_what_was_published_loads_on_the_quantized_model_by_the_lines_of_its_card(
    hub, mended, capsys, tmp_path
):
    import torch
    from peft import PeftModel
    from transformers import AutoModelForCausalLM, AutoTokenizer, CompressedTensorsConfig

    checkpoint, adapter = mended
    hub.add("models/me/tiny-w3", {one.name: one.read_bytes() for one in checkpoint.iterdir()})
    publish(capsys, adapter, "--repo", REPO, "--checkpoint", "me/tiny-w3")
    environment = {**os.environ, "HF_ENDPOINT": hub.url, "HF_HOME": str(tmp_path / "home")}
    environment |= {"HF_HUB_DISABLE_XET": "1", "OMP_NUM_THREADS": "1", "HF_TOKEN": WRITER}
    # Without our package: what anybody would do.
    done = subprocess.run(
        [sys.executable, "-c", LOAD], env=environment, cwd=tmp_path, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    restored, quantized = json.loads(done.stdout)
    tokenizer = AutoTokenizer.from_pretrained(checkpoint)
    whole = CompressedTensorsConfig(dequantize=True)
    model = AutoModelForCausalLM.from_pretrained(checkpoint, dtype="float32", quantization_config=whole)
    with torch.no_grad():
        model = PeftModel.from_pretrained(model, adapter)
        expected = model(**tokenizer("2 + 2", return_tensors="pt")).logits[0, -1].tolist()
    assert restored == pytest.approx(expected, abs=1e-5)
    assert restored != pytest.approx(quantized, abs=1e-5)


def test_a_model_goes_up_in_one_commit_privately_with_a_tag_checksums_and_a_card(hub, adapter, capsys):
    found = publish(capsys, adapter, "--repo", REPO, "--checkpoint", "me/w3", "--dataset", "me/silver")
    repo = hub.repos[KEY]
    assert (found["kind"], found["committed"], found["private"], found["version"]) == (
        "model",
        True,
        True,
        "v1",
    )
    assert found["url"] == f"{hub.url}/{REPO}"
    assert repo.private
    assert [message.split(":")[0] for _, _, message in repo.commits] == ["initial commit", "v1"]
    assert repo.tags == {"v1": found["revision"]} == {"v1": repo.head}
    files = contents(hub)
    assert files.keys() == TREE | {CHECKSUMS, CHANGELOG}
    sums = json.loads(files[CHECKSUMS])["files"]
    assert sums == {path: hashlib.sha256(files[path]).hexdigest() for path in TREE}
    assert files["adapter_model.safetensors"] == (adapter / "adapter_model.safetensors").read_bytes()
    card = ModelCard(files["README.md"].decode())
    assert "POST /api/validate-yaml" in hub.requests
    assert card.data.to_dict() == {
        "base_model": "me/w3",
        "base_model_relation": "adapter",
        "datasets": ["me/silver"],
        "library_name": "peft",
        "license": "apache-2.0",
        "pipeline_tag": "text-generation",
        "tags": ["firstfault", "quantization", "lora", "mathematics"],
    }
    assert json.loads(files["adapter_config.json"])["base_model_name_or_path"] == "me/w3"
    folder = Path(snapshot_download(REPO, revision="v1"))
    assert {path.name: path.read_bytes() for path in folder.iterdir() if path.name in files} == files


def test_a_model_and_a_set_of_one_name_do_not_meet(hub, adapter, capsys):
    hub.add(REPO, {"README.md": b"a dataset of that name"})
    publish(capsys, adapter, "--repo", REPO)
    assert len(hub.repos[REPO].commits) == 1
    assert contents(hub).keys() >= TREE


def test_the_same_again_makes_no_commit_and_a_change_makes_a_revision(hub, adapter, capsys):
    first = publish(capsys, adapter, "--repo", REPO)
    hub.requests.clear()
    assert not publish(capsys, adapter, "--repo", REPO)["committed"]
    assert not [line for line in hub.requests if line.split()[0] in ("POST", "PUT")]
    second = publish(capsys, adapter, "--repo", REPO, "--checkpoint", "me/w3")
    assert hub.repos[KEY].tags == {"v1": first["revision"], "v2": second["revision"]}
    assert set(second["changed"]) == TREE - {"adapter_model.safetensors"}


def test_a_dry_run_sends_nothing_and_lists_every_file_that_would_go_up(hub, adapter, capsys):
    (adapter / "optimizer.pt").write_bytes(b"not ours")
    (adapter / ".env").write_text("nothing of the kind goes up")
    assert main(["publish", str(adapter), "--repo", REPO, "--dry-run"]) == 0
    captured = capsys.readouterr()
    head, *lines = captured.out.strip().splitlines()
    assert "(private, new): v1, not sent (dry run)" in head
    assert hub.repos == {}
    assert {line.split()[0] for line in hub.requests} == {"GET"}
    assert "rtn-w3 is not known to be on the Hub" in captured.err
    publish(capsys, adapter, "--repo", REPO)
    assert {line.split()[1] for line in lines} == contents(hub).keys() == TREE | {CHECKSUMS, CHANGELOG}
    sizes = {line.split()[1]: int(line.split()[0].replace(",", "")) for line in lines}
    assert sizes == {path: len(content) for path, content in contents(hub).items()}


def test_a_folder_gets_the_same_files(hub, adapter, capsys, tmp_path):
    publish(capsys, adapter, "--repo", REPO, "--to", tmp_path / "out")
    assert {path.name: path.read_bytes() for path in (tmp_path / "out").iterdir()} == contents(hub)
    assert "holds files that are not of a release" in refused(capsys, adapter, "--to", adapter)


@pytest.mark.parametrize(
    ("token", "message"),
    [("hf_" + "nobody" * 4, "does not know the token"), (READER, "may not write there")],
)
def test_a_token_without_permission_is_one_line(hub, adapter, capsys, monkeypatch, token, message):
    monkeypatch.setenv("HF_TOKEN", token)
    said = refused(capsys, adapter, "--repo", REPO)
    assert message in said
    assert token not in said
    assert hub.repos == {}


def test_a_branch_that_moved_on_is_not_overwritten(hub, adapter, capsys):
    publish(capsys, adapter, "--repo", REPO)
    repo = hub.repos[KEY]
    moved = Fault("commit/main", before=lambda: repo.commit(dict(repo.commits[-1][1]), "else"), times=1)
    hub.faults = [moved]
    said = refused(capsys, adapter, "--repo", REPO, "--checkpoint", "me/w3")
    assert "nothing was overwritten" in said
    assert repo.commits[-1][2] == "else"


@pytest.mark.parametrize("at", ["preupload", "objects/batch", "PUT /lfs", "commit/main"])
def test_an_upload_that_breaks_leaves_the_old_revision_and_the_next_try_finishes(hub, adapter, capsys, at):
    publish(capsys, adapter, "--repo", REPO)
    before = contents(hub)
    weights = adapter / "adapter_model.safetensors"
    changed = bytearray(weights.read_bytes())
    changed[-1] ^= 1
    weights.write_bytes(changed)
    hub.faults = [Fault(at, cut=10)]
    assert "connection broke" in refused(capsys, adapter, "--repo", REPO)
    assert contents(hub) == before
    hub.faults = []
    publish(capsys, adapter, "--repo", REPO)
    assert contents(hub)[weights.name] == bytes(changed)


def test_a_name_that_another_model_has_and_a_public_one_are_refused(hub, adapter, capsys):
    hub.add(KEY, {"README.md": b"my thesis"})
    assert "taken by a model that firstfault did not publish" in refused(capsys, adapter, "--repo", REPO)
    publish(capsys, adapter, "--repo", "me/other", "--public")
    assert "is public" in refused(capsys, adapter, "--repo", "me/other")


def test_a_run_s_restored_model_is_published_with_what_the_run_measured(run, capsys, tmp_path):
    by_run = publish(capsys, run.path, "--restored", *OPEN, "--to", tmp_path / "out")
    card = (tmp_path / "out" / "README.md").read_text()
    assert "| restored | 80.0% |" in card
    assert "**0.75**" in card
    assert f"`Silver Bullet: {run.read_config().model.name}, {VARIANT}`" in card
    by_folder = publish(capsys, run.restored(VARIANT), *OPEN, "--to", tmp_path / "out")
    assert by_folder["files"] == by_run["files"]
    assert "data/preference/train.parquet" in publish(capsys, run.path, "--to", tmp_path / "set")["files"]


def test_a_run_keeps_reviewers_and_late_reviews_out_of_its_model(run, capsys, tmp_path):
    pair = read_records(run.pairs_path(VARIANT), Pair)[0]
    people = Pseudonyms(run.people_path)
    review = Review(
        solution_id=pair.solution_id,
        reviewer=people.of("priya.raman"),
        status="faulty",
        first_fault=pair.step,
        error_type=pair.error_type,
    )
    people.save()
    path = run.reviews_path(VARIANT, Split.MINING)
    write_records(path, [review])
    assert "people reviewed after" in refused(capsys, run.path, "--restored", "--to", tmp_path / "out")
    run.write_facts("curate", {**run.facts("curate"), "reviews_sha256": file_sha256(path)})
    card = run.restored(VARIANT) / "README.md"
    card.write_text(card.read_text() + "\nChecked by Priya.Raman.\n")
    for which in ([run.path, "--restored"], [run.restored(VARIANT)]):
        said = refused(capsys, *which, *OPEN, "--to", tmp_path / "out")
        assert "README.md, line" in said
        assert "looks like a reviewer's name" in said
        assert "riya" not in said
    assert not (tmp_path / "out").exists()


def test_a_run_that_has_not_restored_and_a_matrix_are_one_line(tiny_model, capsys, tmp_path):
    run = write_run(tmp_path / "run", tiny_model)
    assert "nothing is restored yet" in refused(capsys, run.path, "--restored", "--to", tmp_path / "out")
    matrix = tmp_path / "matrix"
    matrix.mkdir()
    rows = [
        {"model": "w3", "dataset": name, "seed": seed, "is_best": (name, seed) == ("b", 1)}
        for name in "ab"
        for seed in (0, 1)
    ]
    (matrix / "matrix.json").write_text(json.dumps(rows))
    said = refused(capsys, matrix, "--to", tmp_path / "out")
    assert f"{matrix}/w3/b/seed-1/adapter" in said
    (matrix / "matrix.json").write_text("[]")
    assert "Give one: " in refused(capsys, matrix, "--to", tmp_path / "out")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--size", "3"], "--size says nothing about a model"),
        (["--licence-of", "a=mit"], "--licence-of says nothing about a model"),
        (["--checkpoint", "w3"], "--checkpoint w3: not the id of a repository"),
        (["--licence", "my own!"], "is no identifier"),
    ],
)
def test_options_that_can_not_be_meant_are_refused(adapter, capsys, tmp_path, arguments, message):
    assert message in refused(capsys, adapter, "--to", tmp_path / "out", *arguments)
    assert not (tmp_path / "out").exists()
