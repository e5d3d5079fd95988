"""A batch restore on three nodes, one of which is killed: the same rows as on one machine."""

import threading
from pathlib import Path

import pytest

pytest.importorskip("trl", reason="needs the extra `local`")

from cluster import Nodes
from firstfault.datasets.abacus import generate
from firstfault.datasets.records import Solution, Split
from firstfault.datasets.store import read_records, write_records
from firstfault.loop.config import parse_config
from firstfault.loop.executors.local import LocalExecutor
from firstfault.loop.executors.ray import RayExecutor
from firstfault.loop.executors.restoring import spread_matrix
from firstfault.loop.matrix import restore_matrix
from firstfault.loop.matrix_config import MatrixConfig
from firstfault.loop.matrix_row import Row
from firstfault.loop.progress import Reporter
from firstfault.quant.recipes import Recipe
from firstfault.restore.sources import read_source
from mended import pairs_of


@pytest.fixture(scope="module")
def config(tiny_model: Path, tmp_path_factory: pytest.TempPathFactory) -> MatrixConfig:
    from firstfault.quant.quantize import quantize

    folder = tmp_path_factory.mktemp("parts")
    quantize(tiny_model, Recipe(method="rtn", scheme="W3A16"), [], folder / "rtn")
    write_records(folder / "good.jsonl", pairs_of(generate(Split.MINING, 3, levels=(2,), seed=1)))
    write_records(folder / "leaked.jsonl", pairs_of(generate(Split.HELD_OUT, 4)[:2]))
    base = str(tiny_model)
    content = {
        "models": [
            {"name": "rtn", "checkpoint": str(folder / "rtn"), "base": base},
            {"name": "none", "checkpoint": str(folder / "none"), "base": base},
        ],
        "datasets": [{"name": name, "pairs": str(folder / f"{name}.jsonl")} for name in ("leaked", "good")],
        "seeds": [0, 1, 2],
        "validation": {"abacus": 3, "seed": 7},
        "held_out": {"abacus": 4},
        "sampling": {"max_tokens": 4},
        "restore": {"epochs": 1, "rank": 4, "batch_size": 2},
        "threads": 1,
    }
    return parse_config(content, MatrixConfig, "matrix")


@pytest.fixture(scope="module")
def rows(config: MatrixConfig, tmp_path_factory: pytest.TempPathFactory) -> list[Row]:
    """On one machine, one after the other."""
    return restore_matrix(config, tmp_path_factory.mktemp("here") / "out", read_source, Reporter())


def timeless(rows: list[Row]) -> list[Row]:
    return [row.model_copy(update={"seconds": None}) for row in rows]


def test_rows_done_by_an_executor_are_the_same(config: MatrixConfig, rows: list[Row], tmp_path: Path):
    out = tmp_path / "out"
    made = spread_matrix(config, out, read_source, Reporter(), LocalExecutor(str(out / ".shards")))
    assert timeless(made) == timeless(rows)
    assert [row.failed is None for row in made] == [*[False] * 3, *[True] * 3, *[False] * 6]
    assert len(read_records(out / "rtn" / "good" / "seed-2" / "held_out.parquet", Solution)) == 4
    # The folder is a matrix like any other, and nothing in it is done again.
    assert restore_matrix(config, out, read_source, Reporter()) == made


def test_three_nodes_make_the_same_rows_with_one_killed(
    config: MatrixConfig, rows: list[Row], tmp_path: Path, nodes: Nodes
):
    out = tmp_path / "out"
    killed = threading.Event()

    def kill() -> None:
        while not killed.wait(0.05):
            if list((out / "rtn" / "good").glob("seed-*")):
                nodes.kill()
                killed.set()

    killer = threading.Thread(target=kill)
    killer.start()
    try:
        with RayExecutor(str(out / ".shards"), nodes.address) as executor:
            made = spread_matrix(config, out, read_source, Reporter(), executor)
        assert killed.is_set()
    finally:
        killed.set()
        killer.join()
    assert timeless(made) == timeless(rows)
