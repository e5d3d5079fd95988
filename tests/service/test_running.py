"""A running service: its workers judge, and verdicts come as they are found."""

import json
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from itertools import islice
from pathlib import Path
from typing import Any, NamedTuple

import httpx
import pytest
from firstfault.annotate.engines.ledger import Ledger
from firstfault.annotate.engines.ledger_place import place_of
from firstfault.service.serving import Place
from firstfault.service.store.database import Database
from firstfault.service.work.queue import Line
from hostile import HANG, Act, Hostile
from killed_service import failing, rows
from postgres import Postgres
from service_running import Service

CONFIG = {
    "panels": {
        "symbolic": {"panel": ["symbolic"]},
        # Every answer costs 15 tokens of $1,000 a million.
        "asking": {"panel": [{"llm": "m", "price": {"prompt": 1e3, "completion": 1e3}, "concurrency": 4}]},
    }
}


class Running(NamedTuple):
    service: Service
    endpoint: Hostile
    db: str | None


@pytest.fixture(scope="module", params=["sqlite", "postgresql"])
def running(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory, postgres: Postgres | None
) -> Iterator[Running]:
    if request.param == "postgresql" and postgres is None:
        pytest.skip("PostgreSQL is not installed")
    folder = tmp_path_factory.mktemp("service")
    db = postgres.database() if postgres is not None and request.param == "postgresql" else None
    with Hostile(failing(0, share=0), delay=0.02) as endpoint:
        config = json.loads(json.dumps(CONFIG))
        config["panels"]["asking"]["panel"][0]["base_url"] = endpoint.url
        (folder / "service.yaml").write_text(json.dumps(config))
        with Service(folder / "data", db, config=folder / "service.yaml") as service:
            yield Running(service, endpoint, db)


def solutions(count: int, name: str = "") -> bytes:
    """Every third has a fault, in its second step."""
    return b"".join(
        json.dumps(
            {
                "id": f"{name}{number}",
                "problem": f"{name} What is {number} + 2 + 2?",
                "steps": ["2 + 2 = 4", f"{number} + 4 = {number + 4 + (number % 3 == 0)}", "That is it"],
            }
        ).encode()
        + b"\n"
        for number in range(count)
    )


def test_verdicts_are_those_of_the_command_line(running: Running, tmp_path: Path):
    body = solutions(700)
    lines = body.splitlines(keepends=True)
    job = running.service.post(b"".join([lines[0], b"not json\n", *lines[1:], b'{"problem": "x"}\n']))
    found = running.service.followed(job["id"])
    (tmp_path / "solutions.jsonl").write_bytes(body)
    command = [sys.executable, "-m", "firstfault.cli.main", "judge", "solutions.jsonl", "--out", "out.jsonl"]
    subprocess.run(command, cwd=tmp_path, check=True, capture_output=True)
    told = [json.loads(line) for line in (tmp_path / "out.jsonl").read_text().splitlines()]
    assert [{name: one[name] for name in wanted} for one, wanted in zip(found, told, strict=True)] == told
    assert [one["number"] for one in found] == list(range(700))
    assert {one["status"] for one in found} == {"faulty", "unsure"}
    shown = running.service.job(job["id"])
    assert (shown["state"], shown["done"], shown["rejected"]) == ("done", 700, 2)
    assert shown["faulty"] == sum(one["status"] == "faulty" for one in told)
    rejected = running.service.client.get(f"/v1/jobs/{job['id']}/rejected").json()["items"]
    assert [one["line"] for one in rejected] == [2, 702]
    # Read afterwards, all at once, it is the same.
    after = running.service.client.get(f"/v1/jobs/{job['id']}/verdicts").text.splitlines()
    assert [json.loads(line) for line in after] == found


def events(service: Service, job: str) -> Iterator[tuple[str, str]]:
    with service.client.stream("GET", f"/v1/jobs/{job}/events") as stream:
        assert stream.headers["content-type"].startswith("text/event-stream")
        kind = ""
        for line in stream.iter_lines():
            name, _, value = line.partition(": ")
            if name == "event":
                kind = value
            elif name == "data":
                yield kind, value


def test_progress_is_told_until_the_end(running: Running):
    job = running.service.post(solutions(600, "events"))["id"]
    told = list(events(running.service, job))
    assert [kind for kind, _ in told] == ["job"] * (len(told) - 1) + ["end"]
    assert told[-1][1] == "done"
    shown: list[dict[str, Any]] = [json.loads(data) for _, data in told[:-1]]
    assert {one["id"] for one in shown} == {job}
    counts = [one["done"] for one in shown]
    assert counts == sorted(counts)
    assert counts[-1] == 600
    assert shown[-1] == running.service.job(job)


def test_a_cancelled_job_ends_its_streams_and_goes_on_when_resumed(running: Running):
    service, endpoint, _ = running
    body = b"".join(rows(600)).replace(b"What", b"Whatever")
    job = service.post(body, panel="asking")["id"]
    with ThreadPoolExecutor(2) as pool:
        followed, told = pool.submit(service.followed, job), pool.submit(lambda: list(events(service, job)))
        endpoint.wait_until(lambda one: sum("Whatever" in text for text in one.asked) > 5, seconds=60)
        assert service.client.post(f"/v1/jobs/{job}/cancel").json()["state"] == "cancelled"
        assert len(followed.result(60)) < 600
        assert told.result(60)[-1] == ("end", "cancelled")
    assert service.client.post(f"/v1/jobs/{job}/resume").json()["state"] == "queued"
    assert [one["number"] for one in service.followed(job)] == list(range(600))
    asked = [number for text, number in endpoint.asked.items() if "Whatever" in text]
    assert (len(asked), max(asked)) == (600, 1)
    assert service.client.delete(f"/v1/jobs/{job}").status_code == 204
    assert service.client.get(f"/v1/jobs/{job}/verdicts").status_code == 404


def asking(folder: Path, endpoint: Hostile, **more: Any) -> Service:
    """A service whose only judge is an endpoint."""
    judge = {"llm": "m", "base_url": endpoint.url, **more}
    (folder / "service.yaml").write_text(json.dumps({"panels": {"p": {"panel": [judge]}}, "panel": "p"}))
    return Service(folder / "data", config=folder / "service.yaml")


def test_what_is_known_is_shown_while_another_is_waited_for(tmp_path: Path):
    def hangs(text: str, number: int) -> Act:
        return HANG if "What is 9 " in text else failing(0, share=0)(text, number)

    with Hostile(hangs) as endpoint, asking(tmp_path, endpoint, timeout=600) as service:
        job = service.post(b"".join(rows(10)))["id"]
        with service.client.stream("GET", f"/v1/jobs/{job}/verdicts", params={"follow": True}) as lines:
            found = [json.loads(line)["number"] for line in islice(lines.iter_lines(), 9)]
        assert found == list(range(9))
        assert (service.job(job)["state"], service.job(job)["done"]) == ("running", 9)


def test_a_cancelled_job_asks_no_more_and_keeps_what_it_has_paid(tmp_path: Path):
    plan = failing(0, share=0)
    with Hostile(plan, delay=0.2) as endpoint, asking(tmp_path, endpoint, concurrency=4) as service:
        job = service.post(b"".join(rows(250)))["id"]
        endpoint.wait_until(lambda one: sum(one.answered.values()) > 8)
        service.client.post(f"/v1/jobs/{job}/cancel")
        # What was on its way, and no more: all 250 are one chunk.
        endpoint.wait_until(lambda one: one.in_flight == 0)
        assert sum(endpoint.asked.values()) == sum(endpoint.answered.values()) < 250
        service.client.post(f"/v1/jobs/{job}/resume")
        assert len(service.followed(job)) == 250
        assert set(endpoint.asked.values()) == {1}


def test_answers_of_endpoints_lie_beside_the_service_for_all_its_workers(running: Running):
    service = running.service
    job = service.post(b"".join(rows(20)).replace(b"What", b"How long"), panel="asking")["id"]
    assert len(service.followed(job)) == 20
    with Ledger(Place(service.data, running.db, service.data).ledger) as ledger:
        assert ledger.totals()[0]["answered"] >= 20
    assert (service.data / "ledger.sqlite").exists() == (running.db is None)


@pytest.mark.parametrize(
    ("db", "ledger"),
    [
        ("postgresql+psycopg://me:p%40 #[/@h:5/d", "postgresql://me:p%40%20%23%5B%2F@h:5/d"),
        ("postgresql://h/d?sslmode=require", "postgresql://h/d?sslmode=require"),
        ("sqlite:////x/y.sqlite", None),
        (None, None),
    ],
)
def test_a_database_names_its_ledger(tmp_path: Path, db: str | None, ledger: str | None):
    found = Place(tmp_path, db, tmp_path).ledger
    assert found == (ledger or tmp_path / "ledger.sqlite")
    assert ledger is None or place_of(str(found)) == ledger


def test_a_budget_stops_a_running_job(running: Running):
    service = running.service
    body = b"".join(rows(40)).replace(b"What", b"How much")
    job = service.post(body, panel="asking", budget_usd=0.15)["id"]
    assert list(events(service, job))[-1] == ("end", "stopped")
    stopped = service.job(job)
    assert "budget" in stopped["reason"]
    # Four were on their way at most.
    assert 0 < stopped["usd"] <= 0.15 + 4 * 0.015
    service.client.post(f"/v1/jobs/{job}/resume", params={"budget_usd": 2})
    assert len(service.followed(job)) == 40
    assert service.job(job)["usd"] == pytest.approx(40 * 0.015)


def test_the_same_request_at_the_same_time_is_one_job(running: Running):
    service = running.service
    headers = {"idempotency-key": "one"}
    with ThreadPoolExecutor(6) as pool:
        made = list(pool.map(lambda _: service.post(solutions(50, "twice"), headers), range(6)))
    assert len({job["id"] for job in made}) == 1
    refused = service.client.post("/v1/jobs", content=solutions(50, "other"), headers=headers)
    assert refused.status_code == 409
    assert refused.headers["content-type"] == "application/problem+json"
    assert len(service.followed(made[0]["id"])) == 50


def test_verdicts_are_found_by_filters_page_by_page(running: Running):
    service = running.service
    job = service.post(solutions(90, "pages"))["id"]
    service.followed(job)
    asked: dict[str, Any] = {"job": job, "status": "faulty", "first_fault": 1, "limit": 7}
    found: list[int] = []
    while True:
        page = service.client.get("/v1/verdicts", params=asked).json()
        found += [one["number"] for one in page["items"]]
        if page["next"] is None:
            break
        asked["after"] = page["next"]
    assert found == list(range(0, 90, 3))


def test_turns_that_have_ended_are_forgotten_and_their_verdicts_kept(running: Running):
    job = running.service.post(solutions(600, "forgotten"))["id"]
    before = running.service.followed(job)
    database = Database(running.db or f"sqlite:///{running.service.data / 'service.sqlite'}")
    line = Line(database)
    try:
        assert line.forget_ended(timedelta(hours=1)) == 0
        # The last turn of a lane ends after its last verdict was stored.
        forgotten = 0
        while forgotten < 3:
            forgotten += line.forget_ended(timedelta(0))
        assert line.forget_ended(timedelta(0)) == 0
    finally:
        line.close()
        database.close()
    assert running.service.followed(job) == before
    assert len(running.service.followed(running.service.post(solutions(3, "next"))["id"])) == 3


def test_it_stops_as_it_is_asked_to(tmp_path: Path):
    with Service(tmp_path / "data", workers=0) as service:
        job = service.post(solutions(1))
        assert service.stop() == 0
    with Service(tmp_path / "data") as service:
        # Posted to a service that is gone, judged by the next.
        assert len(service.followed(job["id"])) == 1


def test_other_machines_are_let_in_with_keys_only(tmp_path: Path):
    with (
        pytest.raises(RuntimeError, match="firstfault key create"),
        Service(tmp_path / "data", workers=0, more=("--require-keys",)),
    ):
        raise AssertionError("it serves")
    command = [sys.executable, "-m", "firstfault.cli.main", "key", "create", "ci", "--json"]
    made = subprocess.run([*command, "--data", str(tmp_path / "data")], check=True, capture_output=True)
    secret = json.loads(made.stdout)["secret"]
    with Service(tmp_path / "data", workers=0, more=("--require-keys",)) as service:
        assert service.said["needs_keys"] is True
        assert service.client.get("/v1/jobs").status_code == 401
        headers = httpx.Headers({"authorization": f"Bearer {secret}"})
        assert service.client.get("/v1/jobs", headers=headers).status_code == 200
