"""The number beside a choice is the length of the list that choosing it leads to, whatever else is chosen."""

import json
from collections.abc import Iterator
from itertools import product
from pathlib import Path

import pytest
from firstfault.datasets.records import ErrorType, Review, Split, VerdictStatus
from firstfault.datasets.store import write_records
from firstfault.service.store import counts
from firstfault.service.store.counts import Counts
from firstfault.service.store.search import Wanted
from firstfault.service.work.indexing import Index
from service_app import RIGHT, WRONG, App
from small_run import VARIANT, make_run
from sqlalchemy import func, select
from sqlalchemy.orm import Session


@pytest.fixture
def app(tmp_path: Path, url: str) -> Iterator[App]:
    with App(tmp_path, url) as app:
        make_run(tmp_path / "runs" / "small")
        Index(app.database, app.runs).refresh()
        yield app


def length(session: Session, wanted: Wanted) -> int:
    return session.scalar(select(func.count()).select_from(wanted.within().subquery())) or 0


def expected(session: Session, wanted: Wanted) -> tuple[dict[VerdictStatus, int], dict[ErrorType, int]]:
    kinds = {kind: length(session, wanted._replace(error_type=kind)) for kind in ErrorType}
    return (
        {status: length(session, wanted._replace(status=status)) for status in VerdictStatus},
        {kind: count for kind, count in kinds.items() if count},
    )


def test_numbers_are_those_that_all_other_filters_leave(app: App):
    rows = [{**(WRONG if n % 3 else RIGHT), "id": f"s-{n}"} for n in range(7)]
    job = app.post("".join(json.dumps(row) + "\n" for row in rows).encode())["id"]
    app.work(job)
    first = app.client.get("/v1/verdicts", params={"run": "small"}).json()["items"][0]["id"]
    said = Review(solution_id=first, reviewer="r-1", status=VerdictStatus.CLEAN)
    folder = app.runs.find("small")
    assert folder is not None
    write_records(folder.reviews_path(VARIANT, Split.MINING), [said])
    Index(app.database, app.runs).refresh()
    scopes = (Wanted(), Wanted(run="small"), Wanted(job=job), Wanted(job="none"))
    statuses = (None, VerdictStatus.FAULTY, VerdictStatus.CLEAN)
    kinds = (None, ErrorType.EXECUTION, ErrorType.METHOD)
    judges = (None, "symbolic", "llm", "panel", "people", "nobody")
    others = ((None, None, None), (1, None, None), (None, True, None), (None, None, True), (0, True, True))
    with app.database.session() as session:
        for scope, status, kind, judge, (step, disagree, review) in product(
            scopes, statuses, kinds, judges, others
        ):
            wanted = scope._replace(
                status=status, error_type=kind, judge=judge, first_fault=step,
                disagree=disagree, needs_review=review,
            )  # fmt: skip
            found = Counts.of(session, wanted)
            assert (found.status, found.error_type) == expected(session, wanted), wanted


def test_numbers_go_along_with_what_is_judged_and_reviewed(app: App):
    wanted = Wanted(first_fault=0)
    before = app.client.get("/v1/verdicts", params={"first_fault": 0}).json()["items"]
    with app.database.session() as session:
        assert Counts.of(session, wanted).status[VerdictStatus.FAULTY] == len(before)
    job = app.post(json.dumps(WRONG).encode())["id"]
    app.work(job)
    with app.database.session() as session:
        assert Counts.of(session, wanted).status[VerdictStatus.FAULTY] == len(before) + 1
    folder = app.runs.find("small")
    assert folder is not None
    said = Review(solution_id=before[0]["id"], reviewer="r-1", status=VerdictStatus.CLEAN)
    write_records(folder.reviews_path(VARIANT, Split.MINING), [said])
    Index(app.database, app.runs).refresh()
    with app.database.session() as session:
        assert Counts.of(session, wanted).status[VerdictStatus.FAULTY] == len(before)


def test_solutions_are_not_counted_again_while_nothing_moves(app: App, monkeypatch: pytest.MonkeyPatch):
    wanted = Wanted(run="small", disagree=True)
    with app.database.session() as session:
        before = Counts.of(session, wanted)
        monkeypatch.setattr(counts, "_counted", lambda *_: pytest.fail("counted again"))
        assert Counts.of(session, wanted) == before
        # The same look at the solutions tells of every status and error type.
        Counts.of(session, wanted._replace(status=VerdictStatus.FAULTY))
        Counts.of(session, wanted._replace(error_type=ErrorType.EXECUTION))
        # Without another filter, the jobs tell.
        Counts.of(session, Wanted(run="small", status=VerdictStatus.FAULTY))
