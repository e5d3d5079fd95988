"""Shards done in this process."""

from pathlib import Path

import pyarrow.dataset as ds
import pytest
from firstfault.datasets.errors import ConfigError
from firstfault.loop.executors.executor import cut, shards_of
from firstfault.loop.executors.local import LocalExecutor
from squares import Square, Squared, numbers


def test_every_shard_is_done_once_and_comes_in_order(tmp_path: Path):
    executor, work = LocalExecutor(str(tmp_path / "at")), Square(tmp_path / "notes")
    done = list(executor.map("squares", work, numbers(10, 4)))
    assert [(shard.number, shard.size) for shard in done] == [(0, 4), (1, 4), (2, 2)]
    shards = shards_of(executor, "squares", Squared)
    assert [row.square for shard in done for row in shards.read(shard)] == [n * n for n in range(10)]
    assert work.done() == {"opened": 1, **{str(n): 1 for n in range(10)}}


def test_what_is_there_is_not_done_again_and_nothing_is_loaded_for_it(tmp_path: Path):
    executor, work = LocalExecutor(str(tmp_path / "at")), Square(tmp_path / "notes", refused=9)
    with pytest.raises(ConfigError, match="not a number of ours"):
        list(executor.map("squares", work, numbers(10, 4)))
    whole = Square(tmp_path / "more")
    assert len(list(executor.map("squares", whole, numbers(10, 4)))) == 3
    assert whole.done() == {"opened": 1, "8": 1, "9": 1}
    assert len(list(executor.map("squares", whole, numbers(10, 4)))) == 3
    assert whole.done()["opened"] == 1


@pytest.mark.parametrize("other", ["items", "work", "fewer"])
def test_shards_of_other_work_are_not_taken_for_this(tmp_path: Path, other: str):
    executor, work = LocalExecutor(str(tmp_path / "at")), Square(tmp_path / "notes")
    list(executor.map("squares", work, numbers(10, 4)))
    parts = {"items": numbers(11, 4), "work": numbers(10, 4), "fewer": numbers(8, 4)}[other]
    changed = Square(tmp_path / "notes", power=3) if other == "work" else work
    with pytest.raises(ConfigError, match="of other items, or was made in another way"):
        list(executor.map("squares", changed, parts))


def test_items_are_cut_in_order_and_the_last_part_is_shorter():
    assert list(cut(iter(range(5)), 2)) == [[0, 1], [2, 3], [4]]
    assert list(cut([], 2)) == []


def test_a_shard_that_lacks_something_is_there_and_done_again(tmp_path: Path):
    executor, lacking = LocalExecutor(str(tmp_path / "at")), Square(tmp_path / "notes", absent=5)
    shards = shards_of(executor, "squares", Squared)
    for times in (1, 2):
        done = list(executor.map("squares", lacking, numbers(10, 4)))
        assert [row.square for shard in done for row in shards.read(shard)] == [n * n for n in range(10)]
        assert [lacking.done()[str(n)] for n in (0, 4, 5, 8)] == [1, times, times, 1]
    whole = Square(tmp_path / "more")
    list(executor.map("squares", whole, numbers(10, 4)))
    list(executor.map("squares", whole, numbers(10, 4)))
    assert whole.done() == {"opened": 1, **{str(n): 1 for n in range(4, 8)}}


def test_what_another_executor_has_left_is_no_result(tmp_path: Path):
    executor, work = LocalExecutor(str(tmp_path / "at")), Square(tmp_path / "notes")
    shards = shards_of(executor, "squares", Squared)
    (first, *_) = executor.map("squares", work, numbers(10, 4))
    shards.write_items(first, [{"number": 1}])
    assert ds.dataset(tmp_path / "at" / "squares").count_rows() == 10
    assert len(list(executor.map("squares", work, numbers(10, 4)))) == 3
