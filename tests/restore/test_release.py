"""A restored model as files: what goes up, and what stops it."""

import json
import shutil
from pathlib import Path

import pytest
from firstfault.datasets.errors import InputError, LeakError
from firstfault.datasets.licences import LicenceError
from firstfault.datasets.provenance import Source
from firstfault.restore.card import read_account, render, write_card
from firstfault.restore.release import build, published
from firstfault.restore.restoration import read_restoration, stated_licence
from huggingface_hub import ModelCard
from mended import mend

pytest.importorskip("trl", reason="needs the extra `local`")

KEY = "hf_" + "abcd1234" * 4


@pytest.fixture(scope="module")
def trained(tiny_model, tmp_path_factory) -> Path:
    return mend(tiny_model, tmp_path_factory.mktemp("mended"))[1]


@pytest.fixture
def adapter(trained, tmp_path) -> Path:
    return Path(shutil.copytree(trained, tmp_path / "adapter"))


def tree(adapter: Path, names=(), **more) -> dict[str, bytes]:
    before = read_restoration(adapter)
    return build(adapter, before, published(before, **more), repo="me/restored", names=names).files


def test_the_same_model_gives_the_same_bytes(adapter, tmp_path):
    elsewhere = Path(shutil.copytree(adapter, tmp_path / "elsewhere" / "renamed"))
    assert tree(adapter) == tree(elsewhere)


def test_the_card_is_made_for_its_repository_unless_a_person_wrote_on_it(adapter):
    assert 'PeftModel.from_pretrained(model, "me/restored")' in tree(adapter)["README.md"].decode()
    path = adapter / "README.md"
    mine = "---\nlanguage: en\nlibrary_name: other\n---\n\n# Mine\n\nRead this first.\n"
    path.write_text(mine)
    card = ModelCard(tree(adapter, checkpoint="me/w3")["README.md"].decode())
    assert card.text.strip() == "# Mine\n\nRead this first."
    assert (card.data.language, card.data.library_name, card.data.base_model) == ("en", "peft", "me/w3")
    path.write_text("---\n: [\n---\n# Mine\n")
    with pytest.raises(InputError, match="metadata is not understood"):
        tree(adapter)


def test_a_key_a_mail_address_or_a_name_anywhere_stops_it(adapter):
    card = (adapter / "README.md").read_text()
    for planted, kind in ((KEY, "a Hugging Face token"), ("who@example.org", "an e-mail address")):
        (adapter / "README.md").write_text(f"{card}\n{planted}\n")
        with pytest.raises(LeakError, match=rf"README\.md, line \d+: looks like {kind}") as caught:
            tree(adapter)
        assert planted not in str(caught.value) + caught.value.hint
    (adapter / "README.md").write_text(card)
    with pytest.raises(LeakError, match="looks like a reviewer's name"):
        tree(adapter, names=["rtn-w3"])
    config = json.loads((adapter / "adapter_config.json").read_text())
    (adapter / "adapter_config.json").write_text(json.dumps({**config, "note": KEY}))
    with pytest.raises(LeakError, match=r"adapter_config\.json"):
        tree(adapter)


def test_what_is_noted_in_the_weights_file_is_looked_at_too(adapter):
    from safetensors.torch import load_file, save_file

    weights = adapter / "adapter_model.safetensors"
    save_file(load_file(weights), weights, metadata={"trained_by": "who@example.org"})
    with pytest.raises(LeakError, match=r"adapter_model\.safetensors"):
        tree(adapter)


@pytest.mark.parametrize("content", [b"", b"1234", b"\xff" * 64, (9).to_bytes(8, "little") + b"not json!"])
def test_weights_that_are_no_safetensors_are_refused(adapter, content):
    (adapter / "adapter_model.safetensors").write_bytes(content)
    with pytest.raises(InputError, match="not a safetensors file"):
        tree(adapter)


@pytest.mark.parametrize(
    "name", ["adapter_model.safetensors", "adapter_config.json", "training.json", "provenance.json"]
)
def test_a_folder_that_is_not_whole_is_refused_by_name(adapter, name):
    (adapter / name).unlink()
    with pytest.raises(InputError, match=name):
        tree(adapter)


def test_what_lies_beside_a_model_stays_there(adapter):
    (adapter / "notes.txt").write_text("mine")
    (adapter / "adapter_model.bin").write_bytes(b"pickle")
    assert not {"notes.txt", "adapter_model.bin"} & tree(adapter).keys()


def test_the_licence_is_the_model_s_own_or_has_to_be_stated(adapter):
    before = read_restoration(adapter)
    assert published(before).licence == "apache-2.0"
    assert published(before, licence="mit").licence == "mit"
    unknown = before.model_copy(update={"licence": None})
    with pytest.raises(LicenceError, match="licence of tiny is not known"):
        published(unknown)
    assert published(unknown, licence="llama3.1").licence == "llama3.1"
    shared = before.model_copy(update={"licence": "cc-by-nc-4.0"})
    assert published(shared).licence == "cc-by-nc-4.0"
    with pytest.raises(LicenceError, match="does not allow mit"):
        published(shared, licence="mit")
    with pytest.raises(LicenceError, match="forbids"):
        published(before.model_copy(update={"licence": "cc-by-nd-4.0"}), licence="mit")


def test_a_commit_is_not_carried_over_to_another_set(adapter):
    before = read_restoration(adapter).model_copy(update={"dataset": "me/silver", "revision": "a" * 40})
    assert published(before).revision == "a" * 40
    assert published(before, dataset="me/silver").revision == "a" * 40
    assert published(before, dataset="me/gold").revision is None


def test_the_card_names_sources_and_notes_and_links_nothing_that_is_not_on_the_hub(adapter):
    made = read_restoration(adapter).model_copy(
        update={
            "sources": (Source(name="<b>own</b>", licence="mit", problems=3),),
            "warnings": ("[Other](x) weights.",),
        }
    )
    write_card(adapter, made)
    card = (adapter / "README.md").read_text()
    assert card == render(made, read_account(adapter))
    assert "&lt;b&gt;own&lt;/b&gt;" in card
    assert "\\[Other\\]" in card
    data = ModelCard(card).data.to_dict()
    assert not {"base_model", "base_model_relation", "datasets"} & data.keys()


def test_a_model_s_licence_is_what_its_card_states(tmp_path):
    cards = {"a": None, "b": "# no metadata", "c": "---\nlicense: [mit]\n---\n", "d": "---\n: [\n---\n"}
    for name, text in {**cards, "e": "---\nlicense: mit\n---\n"}.items():
        (tmp_path / name).mkdir()
        if text is not None:
            (tmp_path / name / "README.md").write_text(text)
    assert stated_licence(*(tmp_path / name for name in "abcd")) is None
    assert stated_licence(*(tmp_path / name for name in "abcde")) == "mit"
