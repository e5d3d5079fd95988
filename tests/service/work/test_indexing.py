"""Whose runs' verdicts are forgotten, and by whom: only a folder that is there knows what is gone from it."""

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from firstfault.service.store.tables import Job
from firstfault.service.work.indexing import Index
from firstfault.service.work.mark import MARK
from firstfault.service.work.runs import Runs
from service_app import App
from small_run import make_run
from sqlalchemy import select


@pytest.fixture
def app(tmp_path: Path, url: str) -> Iterator[App]:
    with App(tmp_path, url) as app:
        make_run(tmp_path / "runs" / "small", 3, spare=2)
        yield app


def refresh(app: App, folder: Path) -> None:
    Index(app.database, Runs(folder)).refresh()


def items(app: App) -> list[dict[str, Any]]:
    answer = app.client.get("/v1/verdicts").raise_for_status()
    return answer.json()["items"]


def indexed(app: App) -> set[str | None]:
    with app.database.session() as session:
        return set(session.scalars(select(Job.run)))


def test_who_has_no_runs_forgets_none(app: App, tmp_path: Path):
    folder = app.runs.folder
    refresh(app, folder)
    before = items(app)
    assert len(before) == 3
    (tmp_path / "empty").mkdir()
    for other in (tmp_path / "empty", tmp_path / "none"):
        refresh(app, other)
        assert items(app) == before
    # As when it is not mounted, and as when its place is empty meanwhile.
    folder.rename(tmp_path / "unmounted")
    refresh(app, folder)
    folder.mkdir()
    refresh(app, folder)
    assert items(app) == before
    assert list(folder.iterdir()) == []


def test_a_folder_forgets_its_own_runs_under_whichever_path(app: App, tmp_path: Path):
    refresh(app, app.runs.folder)
    other = tmp_path / "other"
    make_run(other / "more", 2, spare=2, seed=1)
    refresh(app, other)
    assert indexed(app) == {"small", "more"}
    elsewhere = app.runs.folder.rename(tmp_path / "elsewhere")
    shutil.rmtree(elsewhere / "small")
    refresh(app, elsewhere)
    assert indexed(app) == {"more"}


def test_a_run_of_the_same_name_in_another_folder_changes_nothing(
    app: App, tmp_path: Path, caplog: pytest.LogCaptureFixture
):
    refresh(app, app.runs.folder)
    before = items(app)
    other = tmp_path / "other"
    make_run(other / "small", 2, spare=2, seed=1)
    refresh(app, other)
    assert items(app) == before
    mark = app.runs.mark()
    assert mark is not None
    assert f"write {mark} into its {MARK}" in caplog.text
    # Once it is told to be that folder, its runs are.
    (other / MARK).write_text(mark)
    refresh(app, other)
    assert len(items(app)) == 2


def test_runs_of_a_folder_that_can_not_be_marked_are_found(app: App):
    # What stands in the way is as good as a folder that can only be read.
    (app.runs.folder / MARK).mkdir()
    refresh(app, app.runs.folder)
    before = items(app)
    assert len(before) == 3
    make_run(app.runs.folder / "more", 2, spare=2, seed=1)
    (app.runs.folder / MARK).rmdir()
    refresh(app, app.runs.folder)
    assert [one for one in items(app) if one["id"] in {old["id"] for old in before}] == before
    # From now on they are its own.
    shutil.rmtree(app.runs.folder / "small")
    refresh(app, app.runs.folder)
    assert indexed(app) == {"more"}
