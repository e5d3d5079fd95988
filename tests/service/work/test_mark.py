"""The mark of a folder of runs."""

import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from firstfault.service.work.mark import MARK, make_mark, read_mark
from firstfault.service.work.runs import Runs
from small_run import make_run


def test_all_who_mark_a_folder_at_once_agree(tmp_path: Path):
    start = threading.Barrier(8)

    def mark(_: int) -> str | None:
        start.wait(30)
        return make_mark(tmp_path)

    with ThreadPoolExecutor(8) as pool:
        (found,) = set(pool.map(mark, range(8)))
    assert found is not None
    assert found == read_mark(tmp_path)
    assert [one.name for one in tmp_path.iterdir()] == [MARK]


def test_only_a_folder_with_runs_is_marked(tmp_path: Path):
    folder = tmp_path / "runs"
    runs = Runs(folder)
    assert runs.mark() is None
    assert not folder.exists()
    folder.mkdir()
    assert runs.mark() is None
    assert list(folder.iterdir()) == []
    make_run(folder / "small", 2, spare=2)
    mark = runs.mark()
    assert mark is not None
    folder.rename(tmp_path / "elsewhere")
    assert runs.mark() is None
    assert Runs(tmp_path / "elsewhere").mark() == mark


@pytest.mark.parametrize("text", ["", "two words", "../x", "ä", "x" * 65])
def test_a_mark_is_one_word_which_people_may_write(tmp_path: Path, text: str):
    (tmp_path / MARK).write_text("archive-2\n")
    assert read_mark(tmp_path) == "archive-2"
    (tmp_path / MARK).write_text(text)
    assert read_mark(tmp_path) is None
