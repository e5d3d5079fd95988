import json
import shutil
import xml.etree.ElementTree as ElementTree
from pathlib import Path

import pytest
import yaml
from firstfault.datasets.errors import InputError, LeakError
from firstfault.datasets.provenance import FormatTuned
from firstfault.datasets.release import CHECKSUMS, build, plan, read_release, write_folder
from firstfault.datasets.store import parse_record
from firstfault.datasets.subsets import KINDS, PARTS
from firstfault.loop.config import write_config
from firstfault.loop.format_tuning import FormatTuning
from firstfault.loop.models import Models
from firstfault.loop.release import assemble
from markdown_it import MarkdownIt
from mined_run import write_run

REPO = "me/silver-bullet"


@pytest.fixture(scope="module")
def release(tiny_model, tmp_path_factory):
    return assemble(write_run(tmp_path_factory.mktemp("runs") / "run", tiny_model))


@pytest.fixture(scope="module")
def files(release):
    return build(release.made, release.parts, release.config, repo=REPO, licence=release.licence)


def changed_release(release):
    """The same with one row less."""
    first, *others = release.parts
    return release._replace(parts=[first._replace(rows=first.rows[1:]), *others])


def test_the_same_set_makes_the_same_bytes(release, files):
    again = build(release.made, release.parts, release.config, repo=REPO, licence=release.licence)
    assert again == files


def test_load_dataset_reads_back_every_row_of_every_subset(release, files, tmp_path):
    import datasets

    write_folder(files, tmp_path / "out")
    expected = {(one.subset, one.part): list(one.rows) for one in release.parts}
    for subset, kind in KINDS.items():
        loaded = datasets.load_dataset(str(tmp_path / "out"), subset, cache_dir=str(tmp_path / "cache"))
        for part in PARTS:
            rows = [parse_record(row, kind, "row") for row in loaded[part]]
            assert rows == expected[subset, part]


def test_the_default_subset_is_the_preferences(files, tmp_path):
    import datasets

    write_folder(files, tmp_path / "out")
    loaded = datasets.load_dataset(str(tmp_path / "out"), cache_dir=str(tmp_path / "cache"), split="train")
    assert {"prompt", "chosen", "rejected"} <= set(loaded.column_names)


def test_the_metadata_is_what_the_libraries_of_the_hub_read(files, tmp_path):
    from datasets.utils.metadata import MetadataConfigs
    from huggingface_hub import DatasetCard

    from datasets import DatasetInfo

    read = DatasetCard(files["README.md"].decode())
    assert read.data.license == "apache-2.0"
    assert read.data.pretty_name.startswith("Silver Bullet")
    configs = MetadataConfigs.from_dataset_card_data(read.data)
    assert list(configs) == list(KINDS)
    assert configs.get_default_config_name() == "preference"
    for info in read.data.to_dict()["dataset_info"]:
        known = DatasetInfo._from_yaml_dict(info)
        assert set(known.features) == set(KINDS[info["config_name"]].model_fields)
        assert set(known.splits) == set(PARTS)


def test_the_card_says_what_the_set_is(release, files):
    text = files["README.md"].decode()
    train = next(part for part in release.parts if (part.subset, part.part) == ("preference", "train"))
    assert f"{len(train.rows)} preference pairs to train on" in text
    for gate in release.made.funnel:
        assert f"{gate.kept} of {gate.entered}" in text
    assert "needs review" in text
    assert "| abacus | `apache-2.0` |" in text
    assert "2505.11574" in text
    assert "not checked against any public benchmark" in text
    for path in ("composition.svg", "margins.svg"):
        assert f"]({path})" in text
        assert ElementTree.fromstring(files[path]).tag.endswith("svg")


def test_the_card_of_a_taught_model_names_what_it_was_made_of(release, tiny_model, tmp_path):
    assert "Format tuning" not in card_of(release)
    run = write_run(tmp_path / "run", tiny_model)
    config = run.read_config().model_copy(update={"format_tuning": FormatTuning()})
    run.config_path.write_text(write_config(config))
    taught = Models(config, run).base
    taught.parent.mkdir()
    taught.symlink_to(tiny_model)
    sha256 = "0123456789abcdef" * 4
    facts = FormatTuned(model="tiny", sha256=sha256, read=200, right=150, rewritten=20, learnt=140)
    run.write_facts("format_tuning", facts.model_dump())
    found = assemble(run)
    assert (found.made.base_model, found.made.format_tuned) == ("tiny-format-tuned", facts)
    assert (
        "`tiny-format-tuned` is `tiny` (`sha256:0123456789abcdef`), taught the step format on\n"
        "  140 right solutions of mining problems that it had written itself before it was quantized."
    ) in card_of(found)


def card_of(release) -> str:
    files = build(release.made, release.parts, release.config, repo=REPO, licence=release.licence)
    return files["README.md"].decode()


def test_every_column_is_described(files):
    text = files["README.md"].decode()
    for kind in KINDS.values():
        for name in kind.model_fields:
            assert f"| `{name}` |  |" not in text
            assert f"| `{name}` | " in text


def test_what_models_wrote_can_not_break_the_card(release):
    hostile = "````\n# Owned\n<script>alert(1)</script>\n| x |\n---\nlicense: mit\n---\n{{ made }}"
    first, *others = release.parts
    rows = (first.rows[0].model_copy(update={"chosen": hostile, "model": hostile}), *first.rows[1:])
    made = release.made.model_copy(update={"base_model": "<b>x</b>|`\n# y", "system": hostile})
    text = build(
        made, [first._replace(rows=rows), *others], release.config, repo=REPO, licence=release.licence
    )["README.md"].decode()
    _, head, page = text.split("---\n", 2)
    assert yaml.safe_load(head)["license"] == "apache-2.0"
    tokens = MarkdownIt("commonmark", {"html": True}).enable("table").parse(page)
    found = [one.type for token in tokens for one in (token, *(token.children or []))]
    assert not {"html_block", "html_inline"} & set(found)
    assert found.count("fence") == len(KINDS) + 3
    headings = [tokens[place + 1].content for place, one in enumerate(tokens) if one.type == "heading_open"]
    assert not [heading for heading in headings if "Owned" in heading]
    # The model's name stands in the title, as text.
    assert headings[0].startswith("Silver Bullet: &lt;b&gt;x")
    assert "y" not in headings[1:]


def test_paths_and_endpoints_of_the_run_are_not_published(release, files, tiny_model):
    for path, content in files.items():
        assert str(tiny_model.parent).encode() not in content, path
    assert yaml.safe_load(files["config.yaml"])["model"] == tiny_model.name


def test_a_planted_key_stops_everything(release, tmp_path):
    first, *others = release.parts
    secret = "hf_" + "Ab3" * 10
    rows = (first.rows[0].model_copy(update={"rejected": secret}), *first.rows[1:])
    with pytest.raises(LeakError, match="row 0, column rejected"):
        build(
            release.made,
            [first._replace(rows=rows), *others],
            release.config,
            repo=REPO,
            licence=release.licence,
        )


def test_unchanged_content_is_no_revision_and_changed_content_is_one(release, files, tmp_path):
    out = tmp_path / "out"
    first = write_folder(files, out)
    assert (first.version, len(first.changed)) == ("v1", len(files))
    before = {path: path.stat().st_mtime_ns for path in out.rglob("*")}
    assert write_folder(files, out).changed == ()
    assert {path: path.stat().st_mtime_ns for path in out.rglob("*")} == before
    less = changed_release(release)
    changed = build(less.made, less.parts, less.config, repo=REPO, licence=less.licence)
    second = write_folder(changed, out)
    assert second.version == "v2"
    assert "data/preference/train.parquet" in second.changed
    assert "data/sft/train.parquet" not in second.changed
    told = (out / "CHANGELOG.md").read_text()
    assert told.index("## v1") < told.index("## v2") < told.index("data/preference/train.parquet")
    assert len(read_release(out).train) == len(less.parts[0].rows)


def test_a_removed_file_goes(files, tmp_path):
    write_folder(files, tmp_path / "out")
    fewer = {path: content for path, content in files.items() if path != "margins.svg"}
    assert write_folder(fewer, tmp_path / "out").removed == ("margins.svg",)
    assert not (tmp_path / "out" / "margins.svg").exists()


def test_a_folder_of_something_else_is_refused(files, tmp_path):
    (tmp_path / "thesis.tex").touch()
    with pytest.raises(InputError, match="not of a release"):
        write_folder(files, tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["thesis.tex"]


@pytest.fixture
def written(files, tmp_path) -> Path:
    write_folder(files, tmp_path / "set")
    return tmp_path / "set"


def test_an_altered_file_is_found(written):
    with (written / "data" / "sft" / "train.parquet").open("ab") as file:
        file.write(b"x")
    with pytest.raises(InputError, match="altered"):
        read_release(written)


def test_a_missing_file_is_found(written):
    shutil.rmtree(written / "data" / "verdicts")
    with pytest.raises(InputError, match="missing"):
        read_release(written)


def test_a_folder_without_a_set_is_one_line(tmp_path):
    with pytest.raises(InputError, match="not a Silver Bullet set"):
        read_release(tmp_path)


def test_checksums_can_not_name_files_outside(written):
    (written / CHECKSUMS).write_text(json.dumps({"files": {"../../etc/passwd": "0"}}))
    with pytest.raises(InputError, match="outside"):
        read_release(written)


def test_columns_of_another_version_are_named(files, tmp_path):
    import io

    import pyarrow.parquet as pq

    path = "data/preference/train.parquet"
    buffer = io.BytesIO()
    pq.write_table(pq.read_table(io.BytesIO(files[path])).drop_columns(["margin_variant"]), buffer)
    write_folder({**files, path: buffer.getvalue()}, tmp_path / "set")
    with pytest.raises(InputError, match="column 'margin_variant'"):
        read_release(tmp_path / "set")


def test_the_first_plan_is_everything(files):
    assert plan(files, None, None).files.keys() == {*files, "checksums.json", "CHANGELOG.md"}
