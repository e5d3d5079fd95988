"""`firstfault publish` of a checkpoint that was restored in place: whole, from disk."""

import json
import shutil
from pathlib import Path

import pytest
from firstfault.cli.main import main
from firstfault.datasets.release import CHANGELOG, CHECKSUMS
from firstfault.restore.card import write_card
from firstfault.restore.gate import Check, Gate, write_gate
from firstfault.restore.restoration import Restoration, read_restoration
from firstfault.restore.sources import find_checkpoint
from hub_server import Fault
from huggingface_hub import HfApi, ModelCard
from mended import mend_in_place
from mined import VARIANT
from mined_run import write_run
from publisher import publish, refused

pytest.importorskip("trl", reason="needs the extra `local`")

REPO = "me/restored"
KEY = f"models/{REPO}"
OURS = {"README.md", "training.json", "provenance.json"}
TOKEN = "hf_" + "abcd1234" * 4
AWQ = Path(__file__).parents[1] / "quant" / "fixtures" / "awq"
GATE = Gate(checks=(Check(what="held-out problems", said="recovery 0.75 (0.50 to 0.90)", passed=True),))
IDS = ("--base", "me/full", "--checkpoint", "me/awq", "--dataset", "me/silver")


@pytest.fixture(scope="module")
def mended(tmp_path_factory) -> Path:
    return mend_in_place(AWQ, tmp_path_factory.mktemp("mended"), GATE)


@pytest.fixture
def restored(mended, tmp_path) -> Path:
    return Path(shutil.copytree(mended, tmp_path / "restored"))


def contents(hub) -> dict[str, bytes]:
    there = {path: file.content for path, file in hub.repos[KEY].commits[-1][1].items()}
    del there[".gitattributes"]
    return there


def logits(folder: Path):
    import torch
    from firstfault.annotate.engines.loading import load_model
    from firstfault.quant.formats.loading import load_unpacked

    model = load_model(folder, dtype="float32", unpack=load_unpacked).model
    with torch.no_grad():
        return model(torch.tensor([list(range(3, 40))])).logits


@pytest.mark.parametrize("part_size", [None, 20_000])
def test_it_goes_up_whole_and_comes_back_the_same(hub, restored, capsys, part_size):
    hub.part_size = part_size
    found = publish(capsys, restored, "--repo", REPO, *IDS)
    assert (found["kind"], found["version"], found["private"]) == ("model", "v1", True)
    assert bool(hub.parts) == (part_size is not None)
    before = {path.name: path.read_bytes() for path in AWQ.iterdir()}
    files = contents(hub)
    assert files.keys() == before.keys() | OURS | {CHECKSUMS, CHANGELOG}
    changed = {name for name in before if files[name] != before[name]}
    assert changed
    assert all(name.endswith(".safetensors") for name in changed)
    assert all(len(files[name]) == len(before[name]) for name in changed)
    assert found["files"] == {name: len(content) for name, content in files.items()}
    folder, commit = find_checkpoint(REPO)
    assert commit == found["revision"]
    assert {name: (folder / name).read_bytes() for name in files} == files
    assert (logits(folder) - logits(restored)).abs().max().item() == 0.0
    assert (logits(folder) - logits(AWQ)).abs().max().item() > 0.0


def test_the_card_says_what_it_is_made_of_and_how_it_is_served(hub, restored, capsys):
    ids = {"checkpoint": "me/awq", "checkpoint_revision": "c" * 40}
    known = read_restoration(restored).model_copy(update=ids)
    write_card(restored, known)
    publish(capsys, restored, "--repo", REPO, *IDS)
    card = ModelCard(contents(hub)["README.md"].decode())
    assert card.data.to_dict() == {
        "base_model": "me/full",
        "base_model_relation": "quantized",
        "datasets": ["me/silver"],
        "library_name": "transformers",
        "license": "apache-2.0",
        "pipeline_tag": "text-generation",
        "tags": ["firstfault", "quantization", "mathematics"],
    }
    said = " ".join(card.text.split())
    assert "`me/awq`, a quantized `me/full`" in said
    assert f"commit `{'c' * 40}`" in said
    assert "It passed the gate" in said
    assert "- held-out problems: recovery 0.75" in said
    assert "```sh vllm serve me/restored ```" in said
    assert 'snapshot_download("me/restored")' in said
    told = Restoration.model_validate_json(contents(hub)["provenance.json"])
    assert (told.base_model, told.checkpoint_revision, told.checks) == ("me/full", "c" * 40, GATE.checks)
    publish(capsys, restored, "--repo", REPO, *IDS[:2], "--checkpoint", "me/other", *IDS[4:])
    assert "c" * 40 not in contents(hub)["README.md"].decode()


def test_a_card_links_the_quantized_model_where_the_full_one_is_not_known(hub, restored, capsys):
    publish(capsys, restored, "--repo", REPO, "--checkpoint", "me/awq")
    data = ModelCard(contents(hub)["README.md"].decode()).data
    assert (data.base_model, data.base_model_relation) == ("me/awq", "finetune")
    page = restored / "README.md"
    page.write_text("---\nlanguage: en\n---\n\n# Mine\n")
    publish(capsys, restored, "--repo", REPO, *IDS)
    card = ModelCard(contents(hub)["README.md"].decode())
    assert card.text.strip() == "# Mine"
    assert (card.data.library_name, card.data.base_model_relation) == ("transformers", "quantized")


def test_weights_go_up_by_where_they_lie_and_are_never_read_whole(hub, restored, capsys, monkeypatch):
    asked: list[object] = []
    commit, read = HfApi.create_commit, Path.read_bytes

    def told(self, repo, operations, **more):
        asked.extend(operations)
        return commit(self, repo, operations, **more)

    def small(self):
        assert self.suffix != ".safetensors", "weights were read whole"
        return read(self)

    monkeypatch.setattr(HfApi, "create_commit", told)
    monkeypatch.setattr(Path, "read_bytes", small)
    publish(capsys, restored, "--repo", REPO)
    sources = {one.path_in_repo: one.path_or_fileobj for one in asked}
    weights = {path.name: str(path) for path in restored.glob("*.safetensors")}
    assert {name: sources[name] for name in weights} == weights
    assert sources["tokenizer.json"] == str(restored / "tokenizer.json")


def test_the_same_again_sends_nothing_and_a_dry_run_neither(hub, restored, capsys):
    planned = publish(capsys, restored, "--repo", REPO, "--dry-run")
    assert hub.repos == {}
    first = publish(capsys, restored, "--repo", REPO)
    assert first["files"] == planned["files"]
    hub.requests.clear()
    again = publish(capsys, restored, "--repo", REPO)
    assert (again["committed"], again["revision"]) == (False, first["revision"])
    second = publish(capsys, restored, "--repo", REPO, *IDS)
    assert set(second["changed"]) == OURS
    assert not [line for line in hub.requests if line.startswith("PUT")]


@pytest.mark.parametrize("part_size", [None, 20_000])
def test_an_upload_that_breaks_leaves_no_revision_and_the_next_try_sends_the_rest(
    hub, restored, capsys, part_size
):
    hub.part_size = part_size
    hub.faults = [Fault(r"PUT /lfs" if part_size is None else r"PUT /lfs/part/\w+/2", cut=10)]
    assert "connection broke" in refused(capsys, restored, "--repo", REPO)
    assert contents(hub) == {}
    hub.faults = []
    publish(capsys, restored, "--repo", REPO)
    assert {path.name: path.read_bytes() for path in AWQ.parent.glob("awq/t*")}.items() <= contents(
        hub
    ).items()
    assert hub.repos[KEY].tags == {"v1": hub.repos[KEY].head}


def test_only_what_serves_the_checkpoint_leaves(hub, restored, capsys):
    write_gate(GATE, restored)
    (restored / "notes.txt").write_text("mine")
    (restored / ".env").write_text(f"HF_TOKEN={TOKEN}")
    (restored / "left.safetensors").write_bytes((restored / "model-00001-of-00003.safetensors").read_bytes())
    (restored / "LICENSE").write_text("Apache License")
    assert main(["publish", str(restored), "--repo", REPO, "--json"]) == 0
    said = " ".join(capsys.readouterr().err.split())
    assert "left out: .env, gate.json, left.safetensors, notes.txt." in said
    assert not {".env", "gate.json", "left.safetensors", "notes.txt"} & contents(hub).keys()
    assert contents(hub)["LICENSE"] == b"Apache License"


def test_places_on_the_machine_that_made_it_become_names(hub, restored, capsys):
    path = restored / "config.json"
    config = json.loads(path.read_text())
    noted = {**config, "_name_or_path": "/data/priya/full", "meta": {"offload_to_disk_path": "/tmp/off"}}
    path.write_text(json.dumps(noted))
    publish(capsys, restored, "--repo", REPO)
    published = json.loads(contents(hub)["config.json"])
    assert published == {**config, "_name_or_path": "full", "meta": {"offload_to_disk_path": "off"}}
    assert json.loads(path.read_text()) == noted
    (restored / "chat_template.jinja").write_text("{# see /home/priya/templates #}")
    said = refused(capsys, restored, "--repo", "me/other")
    assert "chat_template.jinja, line 1: looks like a path of a machine" in said
    assert "priya" not in said
    assert "models/me/other" not in hub.repos


def test_a_key_or_a_name_stops_it_but_not_in_a_vocabulary(hub, restored, capsys, tmp_path):
    names = tmp_path / "names"
    names.write_text("Priya\n")
    vocabulary = restored / "tokenizer.json"
    vocabulary.write_text(vocabulary.read_text().rstrip() + "\n\n")
    (restored / "merges.txt").write_text("Priya s\n")
    publish(capsys, restored, "--repo", REPO, "--names", names)
    for name, text in (("recipe.yaml", f"key: {TOKEN}"), ("chat_template.jinja", "by Priya")):
        before = (restored / name).read_text() if (restored / name).is_file() else ""
        (restored / name).write_text(text)
        said = refused(capsys, restored, "--repo", "me/other", "--names", names)
        assert f"{name}, line 1: looks like" in said
        assert not any(secret in said for secret in (TOKEN, "Priya"))
        (restored / name).write_text(before)
    from safetensors.torch import load_file, save_file

    weights = restored / "model-00003-of-00003.safetensors"
    save_file(load_file(weights), weights, metadata={"by": "who@example.org"})
    said = refused(capsys, restored, "--repo", "me/other")
    assert "model-00003-of-00003.safetensors (header)" in said


def test_a_rejected_one_and_a_damaged_one_are_one_line(hub, restored, capsys):
    weights = restored / "model-00002-of-00003.safetensors"
    content = weights.read_bytes()
    weights.unlink()
    assert "of 3 files missing" in refused(capsys, restored, "--repo", REPO)
    weights.write_bytes(content[:-100])
    assert "cut off" in refused(capsys, restored, "--repo", REPO)
    weights.write_bytes(content)
    made = read_restoration(restored).model_copy(update={"rejected": "second set: -5.0 points"})
    (restored / "provenance.json").write_text(made.model_dump_json())
    assert "the gate rejected this model: second set" in refused(capsys, restored, "--repo", REPO)
    assert hub.repos == {}


def test_a_folder_gets_the_same_files_unless_it_is_the_model_s_own(hub, restored, capsys, tmp_path):
    publish(capsys, restored, "--repo", REPO, "--to", tmp_path / "out")
    assert {path.name: path.read_bytes() for path in (tmp_path / "out").iterdir()} == contents(hub)
    (restored / CHECKSUMS).write_text('{"files": {}}')
    assert "holds what is to be published" in refused(capsys, restored, "--to", restored)


def test_of_a_run_it_is_published_with_its_gate_and_a_rejected_one_is_not(
    hub, tiny_model, mended, capsys, tmp_path
):
    run = write_run(tmp_path / "run", tiny_model)
    shutil.copytree(mended, run.restored(VARIANT))
    write_gate(GATE, run.restored(VARIANT))
    licence = ("--licence", "apache-2.0")
    publish(capsys, run.path, "--restored", *licence, "--repo", REPO)
    assert "It passed the gate" in contents(hub)["README.md"].decode()
    assert "model-00003-of-00003.safetensors" in contents(hub)
    failed = GATE.checks[0].model_copy(update={"passed": False})
    write_gate(Gate(checks=(failed,)), run.restored(VARIANT))
    said = refused(capsys, run.path, "--restored", *licence, "--repo", "me/other")
    assert "the gate rejected this model: held-out problems: recovery 0.75" in said


def test_a_published_one_is_restored_again_by_its_id(hub, restored, mended, capsys, tmp_path):
    found = publish(capsys, restored, "--repo", REPO)
    pairs = mended.parent / "pairs.jsonl"
    asked = ["restore", "--model", REPO, "--dataset", str(pairs), "--out", str(tmp_path / "again")]
    assert main([*asked, "--set", "method=scales", "--set", "epochs=2", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["model_revision"] == found["revision"]
    made = read_restoration(tmp_path / "again")
    assert (made.checkpoint, made.checkpoint_revision) == (REPO, found["revision"])
    again = publish(capsys, tmp_path / "again", "--repo", "me/again")
    assert "model-00001-of-00003.safetensors" in again["changed"]


def test_where_the_client_s_own_protocol_fails_it_is_one_line(hub, restored, capsys, monkeypatch):
    import huggingface_hub.constants

    pytest.importorskip("hf_xet")
    # This Hub doesn't speak it.
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_DISABLE_XET", False)
    assert "connection broke" in refused(capsys, restored, "--repo", REPO)
    assert contents(hub) == {}
