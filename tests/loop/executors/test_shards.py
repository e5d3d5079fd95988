"""Shard files: whole or not there, and never taken for those of other work."""

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from firstfault.datasets.errors import ConfigError, InputError
from firstfault.datasets.records import Record, Verdict, VerdictStatus
from firstfault.loop.executors.shards import MOST_TRIES, Shard, Shards, absolute
from fsspec.implementations.memory import MemoryFileSystem


class Named(Record):
    name: str


@pytest.fixture(params=["file", "memory"])
def place(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """A folder, and an object store of fsspec's in memory, which knows no folders."""
    return str(tmp_path / "shards") if request.param == "file" else f"memory://{tmp_path}/shards"


def shard(number: int, *items: str) -> Shard:
    return Shard.of(number, [{"item": item} for item in items], "work")


def test_records_come_back_and_the_list_of_names_tells_what_is_done(place: str):
    shards = Shards(place, Verdict)
    vote = Verdict(solution_id="s", judge="symbolic", status=VerdictStatus.UNSURE, reason="é\u2028")
    verdicts = [vote, vote.model_copy(update={"judge": "panel", "votes": (vote,)})]
    assert shards.finished() == {}
    first, second = shard(0, "a", "b"), shard(3, "c")
    shards.write(first, verdicts)
    shards.write(second, [])
    assert (shards.read(first), shards.read(second)) == (verdicts, [])
    assert shards.finished() == {0: first.key, 3: second.key}
    assert shards.has(first)
    assert not shards.has(shard(0, "a", "c"))
    shards.remove()
    assert shards.finished() == {}


def test_items_for_other_machines_are_no_shards_and_can_be_forgotten(place: str):
    shards = Shards(place, Named)
    one = shard(0, "a")
    shards.write_items(one, [{"text": "half a pair: \ud800", "number": 1}])
    assert shards.read_items(one) == [{"text": "half a pair: ?", "number": 1}]
    assert shards.finished() == {}
    shards.write(one, [Named(name="a")])
    shards.remove_items()
    assert shards.finished() == {0: one.key}
    with pytest.raises(ConfigError):
        shards.read_items(one)


def test_what_is_cut_off_while_being_written_is_not_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    shards = Shards(str(tmp_path), Named)
    one = shard(0, "a")
    monkeypatch.setattr(Path, "replace", lambda self, target: (_ for _ in ()).throw(OSError("disk full")))
    with pytest.raises(ConfigError, match="disk full"):
        shards.write(one, [Named(name="a")])
    assert shards.finished() == {}
    assert not list(tmp_path.iterdir())


def test_two_shards_of_one_number_are_refused(place: str):
    shards = Shards(place, Named)
    shards.write(shard(0, "a"), [])
    shards.write(shard(0, "b"), [])
    with pytest.raises(InputError, match="shard 0 twice"):
        shards.finished()


def test_a_key_changes_with_the_items_their_order_and_the_work():
    keys = {
        Shard.of(0, items, work).key
        for items in ([{"a": 1}, {"a": 2}], [{"a": 2}, {"a": 1}], [{"a": 1}])
        for work in ({"judge": "x"}, {"judge": "y"})
    }
    assert len(keys) == 6


def test_a_shard_that_kills_every_process_is_given_up(place: str):
    shards = Shards(place, Named)
    one = shard(7, "a")
    with shards.tried(one):
        pass  # comes to its end, and leaves nothing
    # Kept, so that none of them comes to its end, as in a process that is killed.
    died = [shards.tried(one) for _ in range(MOST_TRIES)]
    for one_try in died:
        one_try.__enter__()
    with pytest.raises(InputError, match=f"shard 7: {MOST_TRIES} processes died"):
        shards.tried(one).__enter__()
    with shards.tried(shard(8, "a")):
        pass
    with Shards(place, Named, "another").tried(one):
        pass


def test_a_driver_that_ends_takes_nothing_from_another(place: str):
    ending, going_on = Shards(place, Named, "ending"), Shards(place, Named, "going-on")
    one = shard(0, "a")
    for shards in (ending, going_on):
        shards.write_items(one, [{"text": "a"}])
    died = [going_on.tried(one) for _ in range(MOST_TRIES - 1)]
    for one_try in died:
        one_try.__enter__()
    with going_on.tried(one), ending.tried(one):
        ending.remove_items()
        with pytest.raises(InputError, match=f"{MOST_TRIES} processes died"):
            going_on.tried(one).__enter__()
    assert going_on.read_items(one) == [{"text": "a"}]
    with going_on.tried(one):
        pass
    going_on.remove_items()
    if "://" not in place:
        assert not list(Path(place).iterdir())


def test_drivers_that_begin_and_end_at_the_same_time_do_not_break_each_other(place: str):
    def drive(name: str) -> None:
        for number in range(40):
            shards, one = Shards(place, Named, f"{name}-{number}"), shard(number, "a")
            shards.write_items(one, [{"text": name}])
            with shards.tried(one):
                shards.write(one, [], failed=True)
                shards.write(one, shards.read_items(one) and [Named(name="a")])
            shards.remove_items()

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(drive, "abcd"))
    assert len(Shards(place, Named).finished()) == 40
    assert Shards(place, Named).failed() == set()


def test_what_another_process_has_removed_meanwhile_is_removed(monkeypatch: pytest.MonkeyPatch):
    shards, rm = Shards("memory://removed-meanwhile", Named), MemoryFileSystem.rm

    def after_another(fs: MemoryFileSystem, path: str, **options: bool) -> None:
        rm(fs, path, **options)
        rm(fs, path, **options)

    shards.write(shard(0, "a"), [], failed=True)
    monkeypatch.setattr(MemoryFileSystem, "rm", after_another)
    shards.write(shard(0, "a"), [])
    assert shards.has(shard(0, "a"))
    shards.remove()


@pytest.mark.parametrize("place", ["nosuch://bucket/x", "/dev/null/x"])
def test_a_place_that_cannot_be_used_is_said(place: str):
    shards = Shards(place, Named)
    with pytest.raises(ConfigError, match=place):
        shards.write(shard(0, "a"), [])
    with pytest.raises(ConfigError, match=place):
        shards.finished()


def test_a_path_becomes_absolute_and_a_url_stays(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.chdir(tmp_path)
    assert absolute("out") == str(tmp_path / "out")
    assert absolute("s3://bucket/out") == "s3://bucket/out"
