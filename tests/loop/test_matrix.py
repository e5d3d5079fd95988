"""Batch restore on a model that is small enough to be restored in a second."""

import json
import multiprocessing
import subprocess
import sys
from pathlib import Path

import pytest
from firstfault.datasets.abacus import generate
from firstfault.datasets.errors import ConfigError, InputError
from firstfault.datasets.records import Solution, Split
from firstfault.datasets.store import read_records, write_records
from firstfault.loop.config import parse_config
from firstfault.loop.matrix import restore_matrix
from firstfault.loop.matrix_config import MatrixConfig
from firstfault.loop.matrix_means import Mean, write_means
from firstfault.loop.matrix_row import Row, choose
from firstfault.loop.progress import Reporter
from firstfault.quant.recipes import Recipe
from firstfault.restore.sources import read_source
from hypothesis import given
from hypothesis import strategies as st
from mended import pairs_of

pytest.importorskip("trl", reason="needs the extra `local`")

SMALL = {
    "validation": {"abacus": 3, "seed": 7},
    "held_out": {"abacus": 4},
    "sampling": {"max_tokens": 4},
    "restore": {"epochs": 1, "rank": 4, "batch_size": 2},
    "threads": 1,
}


@pytest.fixture(scope="module")
def parts(tiny_model, tmp_path_factory) -> dict[str, str]:
    from firstfault.quant.quantize import quantize

    folder = tmp_path_factory.mktemp("parts")
    quantize(tiny_model, Recipe(method="rtn", scheme="W3A16"), [], folder / "rtn")
    write_records(folder / "good.jsonl", pairs_of(generate(Split.MINING, 3, levels=(2,), seed=1)))
    write_records(folder / "leaked.jsonl", pairs_of(generate(Split.HELD_OUT, 4)[:2]))
    return {
        "base": str(tiny_model),
        "rtn": str(folder / "rtn"),
        "good": str(folder / "good.jsonl"),
        "leaked": str(folder / "leaked.jsonl"),
    }


def matrix_of(parts, datasets=("good",), models=("rtn",), seeds=(0,), **more) -> MatrixConfig:
    content = {
        **SMALL,
        "models": [{"name": one, "checkpoint": parts.get(one, one), "base": parts["base"]} for one in models],
        "datasets": [{"name": one, "pairs": parts.get(one, one)} for one in datasets],
        "seeds": list(seeds),
        **more,
    }
    return parse_config(content, MatrixConfig, "matrix")


def test_every_row_is_measured_and_a_row_that_fails_stops_no_other(parts, tmp_path):
    config = matrix_of(parts, ("leaked", "nowhere.jsonl", "good"), ("rtn", "no-such-folder"), seeds=(0, 1))
    rows = restore_matrix(config, tmp_path / "out", read_source, Reporter())
    assert len(rows) == 12
    through = [row for row in rows if row.failed is None]
    assert [(row.model, row.dataset, row.seed, row.pairs) for row in through] == [
        ("rtn", "good", 0, 3),
        ("rtn", "good", 1, 3),
    ]
    assert all(row.restored is not None and row.validation is not None for row in through)
    why = {(row.model, row.dataset): row.failed for row in rows if row.failed is not None}
    assert "2 of 2 pairs are about held-out problems" in why["rtn", "leaked"]
    assert "no such folder or file" in why["rtn", "nowhere.jsonl"]
    assert why["no-such-folder", "good"]
    assert [row.seed for row in rows if row.is_best] == [0]
    kept = json.loads((tmp_path / "out" / "matrix.json").read_text())
    assert [Row.model_validate(one) for one in kept] == rows
    cell = tmp_path / "out" / "rtn" / "good" / "seed-0"
    assert len(read_records(cell / "held_out.parquet", Solution)) == 4
    card = (cell / "adapter" / "README.md").read_text()
    assert "3 preference pairs of `good.jsonl`" in card
    assert "on 4 held-out problems" in card


def test_what_is_done_is_not_done_again_and_rows_may_be_added(parts, tmp_path):
    out = tmp_path / "out"
    first = restore_matrix(matrix_of(parts), out, read_source, Reporter())
    adapter = out / "rtn" / "good" / "seed-0" / "adapter" / "training.json"
    before = adapter.stat().st_mtime_ns

    def refuse(source, revision):
        raise AssertionError("asked for again")

    assert restore_matrix(matrix_of(parts), out, refuse, Reporter()) == first
    grown = restore_matrix(matrix_of(parts, seeds=(0, 1)), out, read_source, Reporter())
    assert [row.seed for row in grown] == [0, 1]
    assert adapter.stat().st_mtime_ns == before
    with pytest.raises(ConfigError, match=r"another configuration \(restore differ\)"):
        restore_matrix(matrix_of(parts, restore={"epochs": 2}), out, read_source, Reporter())
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "thesis.txt").write_text("mine")
    with pytest.raises(ConfigError, match="not of a matrix"):
        restore_matrix(matrix_of(parts), tmp_path / "other", read_source, Reporter())


def test_a_dataset_may_be_trained_with_in_its_own_way(parts, tmp_path):
    datasets = [
        {"name": "plain", "pairs": parts["good"], "restore": {"target": "token"}},
        {"name": "twice", "pairs": parts["good"], "restore": {"epochs": 2, "target": "distribution"}},
    ]
    config = parse_config({**matrix_of(parts).model_dump(), "datasets": datasets}, MatrixConfig, "matrix")
    restore_matrix(config, tmp_path, read_source, Reporter())
    for name, epochs, target in (("plain", 1, "token"), ("twice", 2, "distribution")):
        account = json.loads((tmp_path / "rtn" / name / "seed-0" / "adapter" / "training.json").read_text())
        assert (account["config"]["epochs"], account["config"]["target"]) == (epochs, target)
        assert len(account["curve"]) == epochs * 2
    datasets[1]["restore"] = {"epochs": -1}
    with pytest.raises(ConfigError, match=r"dataset twice: restore.epochs: Input should be greater than 0"):
        parse_config({**matrix_of(parts).model_dump(), "datasets": datasets}, MatrixConfig, "matrix")


def test_means_are_over_the_seeds_that_came_through(parts, tmp_path):
    config = matrix_of(parts, ("leaked", "good"), seeds=(0, 1))
    rows = restore_matrix(config, tmp_path, read_source, Reporter())
    [mean] = write_means(rows, tmp_path)
    assert (mean.dataset, mean.seeds, mean.pairs, mean.difference) == ("good", 2, 3, None)
    assert mean.restored == pytest.approx(sum(row.restored for row in rows if row.restored is not None) / 2)
    assert [Mean.model_validate(one) for one in json.loads((tmp_path / "means.json").read_text())] == [mean]


def test_the_command_shows_rows_and_means(parts, tmp_path):
    config = matrix_of(parts, seeds=(0, 1))
    rows = restore_matrix(config, tmp_path / "out", read_source, Reporter())
    (tmp_path / "matrix.yaml").write_text(config.model_dump_json())
    command = [sys.executable, "-c", "from firstfault.cli.main import entry; entry()", "restore"]
    command += ["--matrix", str(tmp_path / "matrix.yaml"), "--out", str(tmp_path / "out")]
    said = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    # Twice as a row, once as a mean; and the random model is rejected.
    assert said.count("good") == 4
    assert "Rejected: rtn with good, seed 0: held-out problems: " in said
    assert "Over seeds" in said
    found = json.loads(
        subprocess.run([*command, "--json"], capture_output=True, text=True, check=True).stdout
    )
    assert [Row.model_validate(row) for row in found["rows"]] == rows
    assert [mean["seeds"] for mean in found["means"]] == [2]


def go(config: MatrixConfig, out: Path) -> None:
    restore_matrix(config, out, read_source, Reporter())


def test_a_matrix_that_was_killed_ends_with_the_same_rows(parts, tmp_path):
    config = matrix_of(parts, seeds=(0, 1))
    whole = restore_matrix(config, tmp_path / "whole", read_source, Reporter())
    out = tmp_path / "killed"
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["firstfault.loop.matrix", "trl", "peft"])
    process = context.Process(target=go, args=(config, out))
    process.start()
    # Killed with one row done and the next begun.
    while process.is_alive() and not (out / "rtn" / "good" / "seed-0" / "row.json").is_file():
        process.join(0.01)
    process.kill()
    process.join()
    assert not (out / "rtn" / "good" / "seed-1" / "row.json").is_file()
    timeless = [row.model_copy(update={"seconds": None}) for row in whole]
    again = restore_matrix(config, out, read_source, Reporter())
    assert [row.model_copy(update={"seconds": None}) for row in again] == timeless


def test_splits_that_are_the_same_leave_nothing_to_choose_by(parts, tmp_path):
    write_records(tmp_path / "p.jsonl", generate(Split.HELD_OUT, 3))
    same = {"file": str(tmp_path / "p.jsonl")}
    config = matrix_of(parts, validation=same, held_out=same)
    with pytest.raises(InputError, match="no problem is left"):
        restore_matrix(config, tmp_path / "out", read_source, Reporter())


rows = st.builds(
    Row,
    model=st.sampled_from("ab"),
    dataset=st.sampled_from("xyz"),
    seed=st.integers(0, 3),
    pairs=st.integers(1, 3),
    validation=st.none() | st.sampled_from([0.1, 0.5, 0.9]),
    restored=st.none() | st.floats(0, 1),
)


@given(st.lists(rows, max_size=16, unique_by=lambda row: (row.model, row.dataset, row.seed)))
def test_the_best_is_of_the_dataset_that_does_best_where_every_seed_came_through(rows):
    chosen = choose(rows)
    for model in "ab":
        own = [row for row in chosen if row.model == model]
        best = [row for row in own if row.is_best]
        groups = [[row for row in own if row.dataset == name] for name in "xyz"]
        whole = [group for group in groups if group and all(row.validation is not None for row in group)]
        assert len(best) == (1 if whole else 0)
        if best:
            group = next(group for group in whole if best[0] in group)
            assert best[0].validation == max(row.validation for row in group)
            means = [sum(row.validation for row in one) / len(one) for one in whole]
            assert sum(row.validation for row in group) / len(group) == pytest.approx(max(means))
    # What held-out problems say decides nothing.
    blind = [row.model_copy(update={"restored": None}) for row in rows]
    assert [row.is_best for row in choose(blind)] == [row.is_best for row in chosen]
