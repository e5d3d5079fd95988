"""Jobs over HTTP: posted, judged, read, stopped, resumed, deleted."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from firstfault.datasets.store import write_records
from firstfault.judge.config import JudgeConfig
from firstfault.service.config import ServiceConfig
from firstfault.service.store.scope import Scope
from firstfault.service.store.tables import Job
from firstfault.service.work.jobs import CHUNK
from firstfault.service.work.states import JobState
from service_app import RIGHT, WRONG, App
from sqlalchemy import update


@pytest.fixture
def app(tmp_path: Path, url: str) -> Iterator[App]:
    with App(tmp_path, url) as app:
        yield app


def lines(*items: object) -> bytes:
    return b"".join(
        (item if isinstance(item, bytes) else json.dumps(item).encode()) + b"\n" for item in items
    )


def test_good_rows_are_judged_and_bad_ones_named(app: App):
    job = app.post(lines(WRONG, b"not json", RIGHT, {"problem": "x"}, b"", [1]), name="first")
    assert (job["items"], job["rejected"], job["state"]) == (2, 3, "queued")
    done = app.work(job["id"])
    assert (done["state"], done["done"], done["faulty"], done["unsure"]) == ("done", 2, 1, 1)
    told = app.client.get(f"/v1/jobs/{job['id']}/rejected").json()
    assert [one["line"] for one in told["items"]] == [2, 4, 6]
    assert told["items"][1]["reason"] == "steps: missing, empty or not a list"
    found = [json.loads(line) for line in app.client.get(f"/v1/jobs/{job['id']}/verdicts").text.splitlines()]
    assert [(one["id"], one["status"], one["first_fault"]) for one in found] == [
        ("wrong", "faulty", 0),
        ("right", "unsure", None),
    ]
    whole = app.client.get(f"/v1/verdicts/{found[0]['item']}").json()
    assert whole["steps"] == WRONG["steps"]
    assert whole["problem"]["question"] == WRONG["problem"]
    assert whole["verdict"]["corrected_step"] == "2 + 2 = 4"


def test_a_job_takes_no_more_turns_than_it_has_chunks(app: App):
    for count, turns in ((1, 1), (CHUNK, 1), (CHUNK + 1, 2), (9 * CHUNK, 4)):
        before = app.line.waiting()
        job = app.post(lines(*({**RIGHT, "id": str(n)} for n in range(count))))["id"]
        assert app.line.waiting() - before == turns
        assert app.work(job)["state"] == "done"


def test_an_upload_without_solutions_makes_no_job(app: App):
    refused = app.client.post("/v1/jobs", content=b"one\ntwo\n")
    assert refused.status_code == 422
    assert refused.headers["content-type"] == "application/problem+json"
    assert len(refused.json()["errors"]) == 2
    assert app.client.get("/v1/jobs").json() == {"items": [], "next": None}


def test_parquet_is_taken_too(app: App, tmp_path: Path):
    from firstfault.datasets.records import Problem, Solution

    problem = Problem(question="What is 2 + 2?", answer="4")
    solution = Solution(problem_id=problem.id, model="m", text="2 + 2 = 5", steps=("2 + 2 = 5",))
    path = tmp_path / "solutions.parquet"
    write_records(path, [solution])
    refused = app.client.post("/v1/jobs", content=path.read_bytes())
    assert "unknown problem" in refused.json()["detail"]
    row = {**solution.model_dump(mode="json"), "problem": problem.model_dump(mode="json")}
    import pyarrow as pa
    import pyarrow.parquet as pq

    pq.write_table(pa.Table.from_pylist([row]), path)
    job = app.post(path.read_bytes())
    assert app.work(job["id"])["faulty"] == 1


def test_verdicts_go_on_after_the_last_one_had(app: App):
    job = app.post(lines(*[WRONG] * 3))["id"]
    app.work(job)
    path = f"/v1/jobs/{job}/verdicts"
    for follow in (False, True):
        for after, left in ((-1, [0, 1, 2]), (1, [2]), (2, []), (9, [])):
            told = app.client.get(path, params={"after": after, "follow": follow}).text.splitlines()
            assert [json.loads(line)["number"] for line in told] == left
    assert app.client.get(path, params={"after": -2}).status_code == 422


def test_pages_and_filters(app: App):
    job = app.post(lines(*(WRONG if number % 3 == 0 else RIGHT for number in range(30))))
    app.work(job["id"])
    found, after = [], 0
    while after is not None:
        page = app.client.get("/v1/verdicts", params={"status": "faulty", "limit": 4, "after": after}).json()
        found += page["items"]
        after = page["next"]
    assert [one["number"] for one in found] == list(range(0, 30, 3))
    typed = {"error_type": "execution", "first_fault": 0, "job": job["id"], "limit": 100}
    assert len(app.client.get("/v1/verdicts", params=typed).json()["items"]) == 10
    assert app.client.get("/v1/verdicts", params={"first_fault": 1}).json()["items"] == []
    assert app.client.get("/v1/verdicts", params={"job": "j-none"}).status_code == 404


def test_jobs_are_listed_newest_first_in_pages(app: App):
    made = [app.post(lines(RIGHT), name=str(number))["id"] for number in range(5)]
    first = app.client.get("/v1/jobs", params={"limit": 3}).json()
    rest = app.client.get("/v1/jobs", params={"limit": 3, "after": first["next"]}).json()
    assert [job["id"] for job in first["items"] + rest["items"]] == made[::-1]
    assert rest["next"] is None
    app.work(made[0])
    assert [job["id"] for job in app.client.get("/v1/jobs?state=done").json()["items"]] == [made[0]]


def test_the_same_request_twice_is_one_job(app: App):
    headers = {"idempotency-key": "k1"}
    first = app.client.post("/v1/jobs", content=lines(RIGHT), headers=headers)
    again = app.client.post("/v1/jobs", content=lines(RIGHT), headers=headers)
    assert again.json()["id"] == first.json()["id"]
    assert again.headers["idempotency-replayed"] == "true"
    assert app.client.post("/v1/jobs", content=lines(WRONG), headers=headers).status_code == 409
    assert len(app.client.get("/v1/jobs").json()["items"]) == 1


def test_a_cancelled_job_is_judged_no_further_until_it_is_resumed(app: App):
    job = app.post(lines(RIGHT, WRONG))
    cancelled = app.client.post(f"/v1/jobs/{job['id']}/cancel").json()
    assert cancelled["state"] == "cancelled"
    assert app.work(job["id"])["done"] == 0
    assert app.client.post(f"/v1/jobs/{job['id']}/resume").json()["state"] == "queued"
    assert app.work(job["id"])["state"] == "done"
    refused = app.client.post(f"/v1/jobs/{job['id']}/resume")
    assert refused.status_code == 422
    assert refused.json()["hint"]


def test_a_turn_of_an_earlier_start_does_nothing(app: App):
    job = app.post(lines(RIGHT))
    app.client.post(f"/v1/jobs/{job['id']}/cancel")
    app.client.post(f"/v1/jobs/{job['id']}/resume")
    from firstfault.service.work.turns import Turns

    Turns(app.database, app.line, app.ledger, lambda: None).take(job["id"], 1, 0, 0)  # pyright: ignore
    assert app.client.get(f"/v1/jobs/{job['id']}").json()["done"] == 0


def test_only_what_has_ended_is_deleted_and_all_of_it(app: App):
    job = app.post(lines(RIGHT, b"bad"))
    assert app.client.delete(f"/v1/jobs/{job['id']}").status_code == 422
    app.work(job["id"])
    assert app.client.delete(f"/v1/jobs/{job['id']}").status_code == 204
    assert app.client.get(f"/v1/jobs/{job['id']}").status_code == 404
    assert app.client.get("/v1/verdicts").json()["items"] == []


def test_a_missing_key_of_an_endpoint_stops_the_job_and_says_so(tmp_path: Path, url: str, monkeypatch):
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)
    config = ServiceConfig(panels={"p": JudgeConfig.model_validate({"panel": [{"llm": "m"}]})}, panel="p")
    with App(tmp_path, url, config) as app:
        job = app.post(lines(RIGHT))
        stopped = app.work(job["id"])
        assert stopped["state"] == "stopped"
        assert "OPENAI_API_KEY" in stopped["reason"]


def test_changes_are_noted_with_who_made_them(app: App):
    headers = app.key(Scope.JUDGE)
    job = app.post(lines(RIGHT), headers)
    app.client.post(f"/v1/jobs/{job['id']}/cancel")
    noted = app.client.get("/v1/changes").json()["items"]
    assert [(one["action"], one["target"]) for one in noted] == [
        ("job.create", job["id"]),
        ("job.cancel", job["id"]),
    ]
    assert noted[0]["key_id"] is not None
    assert noted[1]["key_id"] is None


def test_metrics_count_verdicts_and_jobs(app: App):
    job = app.post(lines(WRONG, WRONG, RIGHT))
    app.work(job["id"])
    text = app.client.get("/metrics").text
    assert 'firstfault_verdicts_total{error_type="execution",status="faulty"} 2.0' in text
    assert 'firstfault_jobs{state="done"} 1.0' in text
    assert 'firstfault_verdict_seconds_count{panel="symbolic"} 3.0' in text


def test_a_job_cancelled_after_its_last_verdict_ends_when_resumed(app: App):
    job = app.post(lines(RIGHT, WRONG))
    app.work(job["id"])
    # What was being asked when it was cancelled has been stored since.
    with app.database.session() as session:
        session.execute(update(Job).values(state=JobState.CANCELLED.value))
    assert app.client.post(f"/v1/jobs/{job['id']}/resume").json()["state"] == "queued"
    done = app.work(job["id"])
    assert (done["state"], done["done"]) == ("done", 2)
