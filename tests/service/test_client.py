"""The client against a running service, and against what the OpenAPI document says there is."""

import inspect
import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from firstfault.datasets.errors import ConfigError, EndpointError
from firstfault.service.client import Client, ServiceError
from firstfault.service.store.scope import Scope
from firstfault.service.work.states import JobState
from service_app import RIGHT, WRONG, App
from service_running import Service
from small_run import make_run

METHODS = {
    "POST /v1/judge": "judge",
    "GET /v1/panels": "panels",
    "POST /v1/jobs": "post_job",
    "GET /v1/jobs": "jobs",
    "GET /v1/jobs/{job_id}": "job",
    "DELETE /v1/jobs/{job_id}": "delete",
    "POST /v1/jobs/{job_id}/cancel": "cancel",
    "POST /v1/jobs/{job_id}/resume": "resume",
    "GET /v1/jobs/{job_id}/rejected": "rejected",
    "GET /v1/jobs/{job_id}/verdicts": "stream",
    "GET /v1/jobs/{job_id}/events": "wait",
    "GET /v1/verdicts": "verdicts",
    "GET /v1/verdicts/{item}": "verdict",
    "GET /v1/runs": "runs",
    "GET /v1/runs/{run}": "run",
    "GET /v1/runs/{run}/stages": "stages",
    "GET /v1/runs/{run}/report": "report",
    "GET /v1/runs/{run}/reviews": "reviews",
    "GET /v1/runs/{run}/pairs": "pairs",
    "GET /v1/datasets": "datasets",
    "GET /v1/datasets/{run}": "dataset",
    "POST /v1/runs/{run}/tasks": "start",
    "GET /v1/tasks": "tasks",
    "GET /v1/tasks/{task_id}": "task",
    "GET /v1/tasks/{task_id}/log": "task_log",
    "POST /v1/tasks/{task_id}/cancel": "cancel_task",
    "GET /v1/keys": "list_keys",
    "POST /v1/keys": "make_key",
    "DELETE /v1/keys/{key_id}": "revoke_key",
    "PATCH /v1/keys/{key_id}": "set_key_budget",
    "GET /v1/changes": "changes",
    "GET /ready": "is_ready",
}
FOR_OTHERS = {"GET /health", "GET /metrics", "POST /v1/argilla"}
"""For supervisors, Prometheus and Argilla."""
PAGING = {"after", "limit"}


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    folder = tmp_path_factory.mktemp("service")
    make_run(folder / "runs" / "50%25 of it", 4, spare=2)
    with Service(folder / "data", more=("--runs", str(folder / "runs"))) as service:
        yield service


@pytest.fixture
def client(service: Service) -> Iterator[Client]:
    with Client(service.url) as client:
        yield client


def operations(tmp_path: Path) -> dict[str, dict[str, Any]]:
    with App(tmp_path, f"sqlite:///{tmp_path / 's.sqlite'}") as app:
        document = app.client.get("/openapi.json").json()
    return {
        f"{method.upper()} {path}": operation
        for path, methods in document["paths"].items()
        for method, operation in methods.items()
    }


def test_every_operation_has_its_method_with_its_parameters(tmp_path: Path):
    found = operations(tmp_path)
    assert set(found) == METHODS.keys() | FOR_OTHERS
    for name, method in METHODS.items():
        asked = {
            one["name"].replace("-", "_").lower()
            for one in found[name].get("parameters", ())
            if one["in"] in ("query", "header")
        }
        taken = set(inspect.signature(getattr(Client, method)).parameters)
        assert asked - PAGING <= taken, name


def test_it_needs_none_of_the_services_libraries():
    script = (
        "import sys, firstfault.service.client as c; "
        "print([one for one in ('fastapi', 'sqlalchemy', 'dbos', 'uvicorn', 'torch') if one in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_one_solution(client: Client):
    found = client.judge(WRONG)
    assert (found.verdict["status"], found.verdict["first_fault"]) == ("faulty", 0)
    assert [panel.name for panel in client.panels() if panel.is_default] == [found.panel]


def test_a_job_from_rows_to_verdicts(client: Client):
    told: list[int] = []
    job = client.post_job(({**(WRONG if n % 2 else RIGHT), "id": f"s-{n}"} for n in range(50)), name="rows")
    found = list(client.stream(job.id))
    assert [one.id for one in found] == [f"s-{n}" for n in range(50)]
    ended = client.wait(job.id, lambda one: told.append(one.done))
    assert (ended.state, ended.done, ended.faulty) == (JobState.DONE, 50, 25)
    assert told[-1] == 50
    assert {one.id for one in client.verdicts(job=job.id, status="faulty")} == {
        f"s-{n}" for n in range(1, 50, 2)
    }
    whole = client.verdict(found[1].item)
    assert (whole.steps, whole.verdict["status"]) == (WRONG["steps"], "faulty")
    assert job.id in [one.id for one in client.jobs(state=JobState.DONE)]
    client.delete(job.id)
    with pytest.raises(ServiceError) as raised:
        client.job(job.id)
    assert raised.value.status == 404


def test_a_job_from_a_file_and_again(client: Client, tmp_path: Path):
    path = tmp_path / "solutions.jsonl"
    path.write_text(f"{json.dumps(RIGHT)}\nnonsense\n{json.dumps(WRONG)}\n")
    job = client.post_job(path, idempotency_key="once")
    again = client.post_job(path, idempotency_key="once")
    assert again.id == job.id
    assert [(one.line, "JSON" in one.reason) for one in client.rejected(job.id)] == [(2, True)]
    other = client.post_job(str(path))
    assert other.id != job.id
    client.wait(job.id)
    with pytest.raises(ServiceError, match="is done"):
        client.resume(job.id)


def test_pages_are_drawn_until_the_end(client: Client):
    job = client.post_job({**RIGHT, "id": f"s-{n}"} for n in range(450))
    client.wait(job.id)
    assert [one.number for one in client.verdicts(job=job.id)] == list(range(450))


def test_runs_and_what_is_started_on_them(client: Client):
    (run,) = client.runs()
    assert client.run(run.name) == run
    assert [one.state for one in client.stages(run.name)] == ["waiting"] * run.stages
    assert list(client.reviews(run.name)) == list(client.pairs(run.name)) == list(client.datasets()) == []
    assert client.dataset(run.name).train == 0
    with pytest.raises(ServiceError) as raised:
        client.report(run.name)
    assert raised.value.status == 404
    task = client.start(run.name, "publish", repo="me/set", dry_run=True)
    assert client.cancel_task(task.id).state in ("cancelled", "failed")
    assert client.task(task.id).options["repo"] == "me/set"
    assert task.id in [one.id for one in client.tasks(run=run.name)]
    assert isinstance(client.task_log(task.id), str)


def test_keys_and_the_audit_log(client: Client):
    made = client.make_key("ci", scope=Scope.READ)
    assert any(one.id == made.id for one in client.list_keys())
    assert client.set_key_budget(made.id, 2.5).budget_usd == 2.5
    assert client.set_key_budget(made.id, None).budget_usd is None
    assert client.revoke_key(made.id).revoked_at is not None
    assert "key.create" in [one.action for one in client.changes()]


def test_refusals_keep_their_hints(client: Client, service: Service):
    with pytest.raises(ServiceError) as raised:
        client.post_job([{"problem": 1}])
    assert raised.value.status == 422
    assert raised.value.errors
    assert raised.value.hint
    with Client(service.url, key="ff_wrong_key") as other, pytest.raises(ServiceError) as raised:
        list(other.jobs())
    assert raised.value.status == 401
    with pytest.raises(ServiceError) as raised:
        client.run("../x")
    assert raised.value.status == 404


@pytest.mark.parametrize(
    "url", ["127.0.0.1:8400", "localhost:8400", "", "http://", "ftp://x", "http://h:x", "http://h:65536"]
)
def test_what_is_no_address_is_refused_at_once(url: str):
    with pytest.raises(ConfigError) as raised:
        Client(url)
    assert "http://127.0.0.1:8400" in raised.value.hint


def test_nobody_there(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("firstfault.service.transport.PAUSE", 0)
    with Client("http://127.0.0.1:1") as client:
        assert not client.is_ready()
        with pytest.raises(EndpointError) as raised:
            client.panels()
    assert "firstfault serve" in raised.value.hint
