"""Shards done on a Ray cluster of three nodes, with nodes and workers that are really killed."""

import sys
import threading
from pathlib import Path

import pytest

pytest.importorskip("ray", reason="needs the extra `ray`")

import squares
from cluster import Nodes
from firstfault.datasets.errors import ConfigError, InputError
from firstfault.loop.executors.executor import shards_of
from firstfault.loop.executors.local import LocalExecutor
from firstfault.loop.executors.ray import RayExecutor
from firstfault.loop.executors.shards import MOST_TRIES
from squares import Square, Squared, numbers


@pytest.fixture(autouse=True)
def carried():
    """Workers have the package, but not these tests."""
    from ray import cloudpickle as of_ray

    of_ray.register_pickle_by_value(squares)
    yield
    of_ray.unregister_pickle_by_value(squares)


def results(executor: RayExecutor | LocalExecutor, done: list) -> list[Squared]:
    shards = shards_of(executor, "squares", Squared)
    return [row for shard in sorted(done) for row in shards.read(shard)]


def locally(tmp_path: Path, parts: list) -> list[Squared]:
    executor = LocalExecutor(str(tmp_path / "local"))
    return results(executor, list(executor.map("squares", Square(tmp_path / "local-notes"), parts)))


def test_three_nodes_make_what_one_process_makes(nodes: Nodes, tmp_path: Path):
    work, parts = Square(tmp_path / "notes"), numbers(60, 5)
    with RayExecutor(str(tmp_path / "at"), nodes.address) as executor:
        assert not executor.is_here
        assert results(executor, list(executor.map("squares", work, parts))) == locally(tmp_path, parts)
        done = work.done()
        assert len(list(executor.map("squares", work, parts))) == 12
    assert work.done() == done
    assert {one.name for one in (tmp_path / "at" / "squares").iterdir() if one.is_dir()} == set()


def test_a_killed_node_loses_no_finished_shard_and_its_others_are_done_elsewhere(
    nodes: Nodes, tmp_path: Path
):
    work, parts = Square(tmp_path / "notes", seconds=0.2), numbers(200, 5)
    with RayExecutor(str(tmp_path / "at"), nodes.address) as executor:
        done, there = [], {}
        for shard in executor.map("squares", work, parts):
            done.append(shard)
            if len(done) == 8:
                there = {path: path.stat().st_mtime_ns for path in (tmp_path / "at").rglob("shard-*.parquet")}
                nodes.kill()
        assert results(executor, done) == locally(tmp_path, parts)
    assert len(there) >= 8
    assert all(path.stat().st_mtime_ns == time for path, time in there.items())
    # Done twice is at most what the lost node was at, and had not written.
    again = sum(count - 1 for name, count in work.done().items() if name != "opened")
    assert again <= 5


def test_a_killed_worker_is_replaced_and_its_shard_done_again(nodes: Nodes, tmp_path: Path):
    work, parts = Square(tmp_path / "notes", deadly=12, deaths=2), numbers(30, 5)
    with RayExecutor(str(tmp_path / "at"), nodes.address) as executor:
        assert results(executor, list(executor.map("squares", work, parts))) == locally(tmp_path, parts)
    assert work.done()["died"] == 2


def test_workers_that_die_while_they_start_are_replaced(nodes: Nodes, tmp_path: Path):
    work, parts = Square(tmp_path / "notes", stillborn=2), numbers(30, 5)
    with RayExecutor(str(tmp_path / "at"), nodes.address) as executor:
        assert results(executor, list(executor.map("squares", work, parts))) == locally(tmp_path, parts)
    assert work.done()["unborn"] == 2


def test_nodes_without_the_package_end_the_work(nodes: Nodes, tmp_path: Path):
    work = Square(tmp_path / "notes", stillborn=-1)
    with (
        RayExecutor(str(tmp_path / "at"), nodes.address) as executor,
        pytest.raises(ConfigError, match="the workers of the cluster don't start"),
    ):
        list(executor.map("squares", work, numbers(30, 5)))


def test_a_shard_that_kills_every_worker_ends_the_work_with_its_number(nodes: Nodes, tmp_path: Path):
    work, parts = Square(tmp_path / "notes", deadly=12, deaths=1000), numbers(30, 5)
    with RayExecutor(str(tmp_path / "at"), nodes.address) as executor:
        with pytest.raises(InputError, match=f"shard 2: {MOST_TRIES} processes died"):
            list(executor.map("squares", work, parts))
        assert work.done()["died"] == MOST_TRIES
        # Mended, it goes on with what is missing.
        mended = Square(tmp_path / "mended")
        assert results(executor, list(executor.map("squares", mended, parts))) == locally(tmp_path, parts)
        assert mended.done()["12"] == 1


def test_what_the_user_has_to_mend_comes_back_from_the_nodes_as_it_was(nodes: Nodes, tmp_path: Path):
    work = Square(tmp_path / "notes", refused=7)
    with RayExecutor(str(tmp_path / "at"), nodes.address) as executor:
        before = set(threading.enumerate())
        with pytest.raises(ConfigError, match="7: not a number of ours") as raised:
            list(executor.map("squares", work, numbers(30, 5)))
        # One that went on, and asked Ray for something after its end, would end this process.
        assert set(threading.enumerate()) <= before
    assert raised.value.hint == "Give another."


def test_what_wants_an_accelerator_gets_one_to_itself_where_there_are_any(nodes: Nodes, tmp_path: Path):
    work, parts = Square(tmp_path / "notes", wants_accelerator=True, devices=2), numbers(60, 5)
    with nodes.accelerators(2), RayExecutor(str(tmp_path / "at"), nodes.address) as executor:
        assert results(executor, list(executor.map("squares", work, parts))) == locally(tmp_path, parts)
    devices = {name for name in work.done() if name.startswith("on:")}
    assert devices
    assert devices <= {"on:0", "on:1"}
    # Without any, processors do it.
    work = Square(tmp_path / "others", wants_accelerator=True)
    with RayExecutor(str(tmp_path / "there"), nodes.address) as executor:
        assert results(executor, list(executor.map("squares", work, parts))) == locally(tmp_path, parts)


@pytest.mark.parametrize(
    ("address", "said"),
    [
        ("127.0.0.1:1", "no Ray cluster can be reached there"),
        ("nowhere", "not HOST:PORT"),
        ("ray://127.0.0.1:10001", "Ray's client is not supported"),
    ],
)
def test_a_cluster_that_is_not_there_is_said_at_once(tmp_path: Path, address: str, said: str):
    with pytest.raises(ConfigError, match=said), RayExecutor(str(tmp_path), address):
        pass


def test_without_ray_the_extra_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setitem(sys.modules, "ray", None)
    with pytest.raises(ConfigError, match="Ray can't be imported") as raised, RayExecutor(str(tmp_path)):
        pass
    assert "firstfault[ray]" in raised.value.hint
