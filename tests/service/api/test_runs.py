"""Runs beside jobs: found by their folder, their verdicts found like those of jobs."""

import json
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
from firstfault.datasets.records import ErrorType, Pair, Review, Split, Verdict, VerdictStatus
from firstfault.datasets.store import parse_record, read_records, write_records
from firstfault.loop.folder import RunFolder
from firstfault.loop.standing import STAGES, Keeper
from firstfault.service.work.indexing import Index
from service_app import RIGHT, WRONG, App
from small_run import VARIANT, make_run

NAMES = ("loop v2", "50% off? #1", "größe", "it's 'quoted' & <b>", "-x", "a+b;c=d", "x" * 100)


@pytest.fixture
def app(tmp_path: Path, url: str) -> Iterator[App]:
    with App(tmp_path, url) as app:
        make_run(tmp_path / "runs" / "small")
        yield app


def refresh(app: App) -> None:
    Index(app.database, app.runs).refresh()


def get(app: App, path: str, **asked: Any) -> Any:
    answer = app.client.get(path, params=asked)
    assert answer.status_code == 200, answer.text
    return answer.json()


def verdicts(app: App, **asked: Any) -> list[dict[str, Any]]:
    """All pages of them."""
    found, after = [], 0
    while True:
        page = get(app, "/v1/verdicts", after=after, limit=7, **asked)
        found += page["items"]
        if page["next"] is None:
            return found
        after = page["next"]


def folder_of(app: App) -> RunFolder:
    found = app.runs.find("small")
    assert found is not None
    return found


def test_a_run_is_listed_with_what_is_known_of_it(app: App):
    (run,) = get(app, "/v1/runs")["items"]
    assert run["name"] == "small"
    assert (run["model"], run["headline"], run["problems"]) == ("bundled", VARIANT, "abacus")
    assert (run["state"], run["finished"], run["stages"]) == ("stopped", 0, len(STAGES))
    assert run == get(app, "/v1/runs/small")


def test_a_run_tells_where_it_stands(app: App):
    keeper = Keeper(folder_of(app).standing_path, STAGES)
    with keeper.during("problems"):
        pass
    with keeper.during("solve"):
        keeper.begin("Solving <b>held-out</b> problems", 600)
        run = get(app, "/v1/runs/small")
        states = {stage["name"]: stage["state"] for stage in get(app, "/v1/runs/small/stages")}
    assert (run["state"], run["stage"], run["finished"]) == ("running", "solve", 1)
    assert (run["task"], run["done"], run["total"]) == ("Solving <b>held-out</b> problems", 0, 600)
    assert (states["problems"], states["solve"], states["mine"]) == ("finished", "running", "waiting")
    assert list(states) == list(STAGES)


def test_a_run_whose_process_died_is_not_at_work(app: App):
    path = folder_of(app).standing_path
    with Keeper(path, STAGES).during("solve"):
        there = json.loads(path.read_text())
    # A process of this machine that can't be: the largest number and beyond.
    there["by"] = there["by"].rsplit("|", 2)[0] + "|4194399|x"
    path.write_text(json.dumps(there))
    assert get(app, "/v1/runs/small")["state"] == "stopped"


@pytest.mark.parametrize("name", ["nope", "..", "%2e%2e", ".hidden", "a%2Fb", "small%00", "x" * 300])
def test_no_other_folder_is_a_run(app: App, name: str):
    (app.runs.folder / ".hidden").mkdir()
    (app.runs.folder / ".hidden" / "config.yaml").touch()
    assert app.client.get(f"/v1/runs/{name}").status_code == 404


def test_a_run_is_found_by_any_name_that_can_be_printed(app: App):
    for name in NAMES:
        make_run(app.runs.folder / name, 2, spare=2)
    refresh(app)
    assert {one["name"] for one in get(app, "/v1/runs")["items"]} == {"small", *NAMES}
    for name in NAMES:
        part = quote(name, safe="")
        assert get(app, f"/v1/runs/{part}")["name"] == name
        assert len(verdicts(app, run=name)) == 2
        task = app.client.post(f"/v1/runs/{part}/tasks", json={"action": "curate"}).json()
        assert [one["id"] for one in get(app, "/v1/tasks", run=name)["items"]] == [task["id"]]


def test_names_that_hide_something_are_no_runs(app: App):
    for name in ("two\nlines", "back\\slash", "\u202eright to left", ".hidden", "x" * 101):
        make_run(app.runs.folder / name, 2, spare=2)
        assert app.client.get(f"/v1/runs/{quote(name, safe='')}").status_code == 404
    assert [one["name"] for one in get(app, "/v1/runs")["items"]] == ["small"]
    longer_than_file_systems_take = quote(100 * "\U0001f600")
    assert app.client.get(f"/v1/runs/{longer_than_file_systems_take}").status_code == 404


def test_verdicts_of_a_run_are_found_by_what_they_are(app: App):
    refresh(app)
    judged = read_records(folder_of(app).verdicts_path(VARIANT, Split.MINING), Verdict)
    found = verdicts(app, run="small")
    assert [one["id"] for one in found] == [one.solution_id for one in judged]
    execution = verdicts(app, run="small", error_type="execution")
    assert [one["id"] for one in execution] == [
        one.solution_id for one in judged if one.error_type == "execution"
    ]
    doubtful = [one.solution_id for one in judged if one.needs_review]
    assert [one["id"] for one in verdicts(app, disagree=True)] == doubtful
    assert doubtful
    by_llm = [one.solution_id for one in judged if one.votes[1].first_fault == 1]
    assert [one["id"] for one in verdicts(app, judge="llm", first_fault=1)] == by_llm
    by_symbolic = [one.solution_id for one in judged if one.votes[0].first_fault == 1]
    assert [one["id"] for one in verdicts(app, judge="symbolic", first_fault=1)] == by_symbolic
    assert by_llm != by_symbolic
    assert verdicts(app, judge="nobody") == []


def test_a_solution_comes_with_full_precisions(app: App):
    refresh(app)
    item = verdicts(app, run="small")[0]["item"]
    case = get(app, f"/v1/verdicts/{item}")
    assert case["full_precision"]["correct"] is True
    assert [vote["judge"] for vote in case["verdict"]["votes"]] == ["symbolic", "llm"]
    assert (case["reviews"], case["pair"]) == ([], None)


def test_jobs_are_not_mixed_up_with_runs(app: App):
    refresh(app)
    job = app.post(f"{json.dumps(RIGHT)}\n{json.dumps(WRONG)}".encode())
    app.work(job["id"])
    assert [one["id"] for one in get(app, "/v1/jobs")["items"]] == [job["id"]]
    assert {one["id"] for one in verdicts(app, job=job["id"])} == {"right", "wrong"}
    assert len(verdicts(app, run="small")) == 30
    assert len(verdicts(app)) == 32
    assert [one["id"] for one in verdicts(app, judge="symbolic", job=job["id"], status="faulty")] == ["wrong"]


def test_reviews_outrank_judges_and_addresses_stay(app: App):
    refresh(app)
    before = verdicts(app, run="small")
    first = before[0]
    review = Review(
        solution_id=first["id"], reviewer="r-1", status=VerdictStatus.CLEAN, rationale="It is right."
    )
    write_records(folder_of(app).reviews_path(VARIANT, Split.MINING), [review])
    refresh(app)
    after = verdicts(app, run="small")
    assert [one["item"] for one in after] == [one["item"] for one in before]
    assert (after[0]["status"], after[0]["judge"]) == ("clean", "people")
    assert after[1:] == before[1:]
    assert [one["id"] for one in verdicts(app, judge="people")] == [first["id"]]
    # What the judges said of it can still be found.
    assert first["id"] in [one["id"] for one in verdicts(app, judge="llm", status="faulty")]
    assert get(app, f"/v1/verdicts/{first['item']}")["reviews"][0]["rationale"] == "It is right."
    assert get(app, "/v1/runs/small/reviews")["items"][0]["reviewer"] == "r-1"
    assert get(app, "/v1/runs/small/reviews", status="faulty")["items"] == []


def test_pairs_and_the_set_they_make(app: App):
    refresh(app)
    first = verdicts(app, run="small")[0]
    pair = Pair(
        prompt="q", chosen="a", rejected="b", problem_id="p", solution_id=first["id"], model=VARIANT,
        step=0, steps=2, error_type=first["error_type"],
    )  # fmt: skip
    assert get(app, "/v1/datasets")["items"] == []
    write_records(folder_of(app).pairs_path(VARIANT), [pair])
    refresh(app)
    assert get(app, f"/v1/verdicts/{first['item']}")["pair"]["chosen"] == "a"
    assert [one["id"] for one in get(app, "/v1/runs/small/pairs")["items"]] == [pair.id]
    assert get(app, "/v1/runs/small/pairs", part="test")["items"] == []
    (made,) = get(app, "/v1/datasets")["items"]
    assert made == {
        "run": "small", "variant": VARIANT, "train": 1, "test": 0, "error_types": {first["error_type"]: 1},
    }  # fmt: skip
    assert get(app, "/v1/datasets/small") == made


def test_a_run_that_is_gone_is_forgotten(app: App):
    refresh(app)
    (app.runs.folder / "small").rename(app.runs.folder.with_name("elsewhere"))
    refresh(app)
    assert get(app, "/v1/runs")["items"] == []
    assert verdicts(app) == []


def test_a_run_that_can_not_be_read_does_not_hide_others(app: App):
    make_run(app.runs.folder / "broken", seed=1)
    path = app.runs.folder / "broken" / "verdicts"
    next(path.glob("*.parquet")).write_bytes(b"no Parquet")
    refresh(app)
    assert len(verdicts(app, run="small")) == 30
    assert verdicts(app, run="broken") == []


def test_files_that_did_not_change_are_not_read_again(app: App, monkeypatch: pytest.MonkeyPatch):
    index = Index(app.database, app.runs)
    index.refresh()
    monkeypatch.setattr("firstfault.service.work.indexing.read_records", lambda *_: pytest.fail("read again"))
    index.refresh()


def pages(app: App, path: str, limit: int, between: Callable[[], object], **asked: Any) -> list[Any]:
    """All of a listing, while something is done between its pages."""
    found: list[Any] = []
    after: dict[str, Any] = {}
    while True:
        page = get(app, path, limit=limit, **after, **asked)
        assert len(page["items"]) <= limit
        found += page["items"]
        if page["next"] is None:
            return found
        after = {"after": page["next"]}
        between()


def make_pair(number: int, kind: ErrorType | None) -> Pair:
    return Pair(
        prompt="q", chosen="a", rejected="b", problem_id=f"p-{number}", solution_id=f"s-{number}",
        model=VARIANT, step=0, steps=2, error_type=kind,
    )  # fmt: skip


def test_a_listing_is_whole_while_runs_go_on(app: App):
    names = ["more-0", "more-1", "more-2", "more-3", "more-4", "small"]
    for number, name in enumerate(names[:-1]):
        folder = make_run(app.runs.folder / name, 2, spare=2, seed=number)
        write_records(folder.pairs_path(VARIANT), [make_pair(number, None)])
    write_records(folder_of(app).pairs_path(VARIANT), [make_pair(9, None)])
    later = iter(range(2_000_000_000, 2_000_000_100))

    def go_on() -> None:
        # Each in turn is the one that changed last.
        for name in ("small", "more-4", "more-0"):
            at = next(later)
            os.utime(app.runs.folder / name / "config.yaml", (at, at))

    for limit in (1, 2, 4, 6):
        assert [one["name"] for one in pages(app, "/v1/runs", limit, go_on)] == names
        assert [one["run"] for one in pages(app, "/v1/datasets", limit, go_on)] == names


def test_a_listing_goes_on_where_the_run_of_its_last_page_is_gone(app: App):
    for number in range(3):
        make_run(app.runs.folder / f"more-{number}", 2, spare=2, seed=number)
    gone = app.runs.folder / "more-1"
    found = pages(app, "/v1/runs", 2, lambda: gone.rename(app.runs.folder.with_name("elsewhere")))
    assert [one["name"] for one in found] == ["more-0", "more-1", "more-2", "small"]


def test_sets_are_counted_by_error_type(app: App):
    kinds = (ErrorType.EXECUTION, ErrorType.METHOD, ErrorType.EXECUTION, None)
    folder = folder_of(app)
    write_records(folder.pairs_path(VARIANT), [make_pair(n, kind) for n, kind in enumerate(kinds)])
    write_records(folder.test_pairs_path(VARIANT), [make_pair(n, None) for n in range(10, 13)])
    shown = get(app, "/v1/datasets/small")
    assert (shown["train"], shown["test"]) == (4, 3)
    assert shown["error_types"] == {"execution": 2, "method": 1, "unknown": 1}


def test_a_page_of_pairs_or_reviews_is_read_without_the_others(app: App, monkeypatch: pytest.MonkeyPatch):
    kinds = (ErrorType.EXECUTION, ErrorType.METHOD, None)
    made = [make_pair(number, kinds[number % 3]) for number in range(40)]
    folder = folder_of(app)
    write_records(folder.pairs_path(VARIANT), made)
    said = [
        Review(solution_id=f"s-{number}", reviewer=f"r-{number % 2}", status=VerdictStatus.CLEAN)
        for number in range(30)
    ]
    write_records(folder.reviews_path(VARIANT, Split.MINING), said[:17])
    write_records(folder.reviews_path(VARIANT, Split.HELD_OUT), said[17:])
    parsed: list[str] = []

    def counted(row: dict[str, Any], kind: Any, where: str) -> Any:
        parsed.append(where)
        return parse_record(row, kind, where)

    monkeypatch.setattr("firstfault.datasets.store.parse_record", counted)
    found = pages(app, "/v1/runs/small/pairs", 4, lambda: None)
    assert [one["id"] for one in found] == [one.id for one in made]
    # Of the page that follows each reads one, to know that there is one.
    assert len(parsed) == 40 + 9
    wanted = [one.id for one in made if one.error_type is ErrorType.METHOD]
    found = pages(app, "/v1/runs/small/pairs", 4, lambda: None, error_type="method")
    assert [one["id"] for one in found] == wanted
    parsed.clear()
    found = pages(app, "/v1/runs/small/reviews", 4, lambda: None)
    assert sorted(one["solution_id"] for one in found) == sorted(one.solution_id for one in said)
    assert len(parsed) == 30 + 7
    found = pages(app, "/v1/runs/small/reviews", 4, lambda: None, reviewer="r-1")
    assert len(found) == 15
    assert {one["reviewer"] for one in found} == {"r-1"}
