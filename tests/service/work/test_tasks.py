"""Commands on runs: what may be started, carried out by a worker, cancelled, and found again after a kill."""

import fcntl
import json
import os
import signal
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import httpx
import psutil
import pytest
from firstfault.loop.folder import RunFolder
from firstfault.service.store.scope import Scope
from firstfault.service.work.actions import ACTION
from firstfault.service.work.mark import MARK
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError
from service_app import App
from service_running import Service
from serving import Serving
from small_run import make_run
from sqlalchemy import event

CURATE = {"action": "curate"}


@pytest.fixture
def app(tmp_path: Path, url: str) -> Iterator[App]:
    with App(tmp_path, url, needs_keys=True) as app:
        make_run(tmp_path / "runs" / "small", 2, spare=2)
        yield app


def test_a_task_is_there_before_it_is_answered_for(app: App):
    key = app.key(Scope.JUDGE)
    made = app.client.post("/v1/runs/small/tasks", json=CURATE, headers=key)
    assert made.status_code == 202
    assert made.headers["location"] == f"/v1/tasks/{made.json()['id']}"
    assert made.json()["state"] == "queued"
    (listed,) = app.client.get("/v1/tasks", params={"run": "small"}, headers=key).json()["items"]
    assert listed == made.json()
    again = app.client.post("/v1/runs/small/tasks", json=CURATE, headers=key)
    assert again.json()["id"] == made.json()["id"]
    other = app.client.post("/v1/runs/small/tasks", json={"action": "restore"}, headers=key)
    assert other.json()["id"] != made.json()["id"]


def test_the_same_asked_for_by_many_at_once_is_one_task(app: App):
    start = threading.Barrier(8)

    def ask(only_waiting: bool) -> str:
        start.wait(30)
        return app.tasks.create("small", ACTION.validate_python(CURATE), None, only_waiting=only_waiting).id

    with ThreadPoolExecutor(8) as pool:
        for only_waiting in (False, True):
            assert len(set(pool.map(ask, [only_waiting] * 8))) == 1
    assert len(app.client.get("/v1/tasks", headers=app.key(Scope.READ)).json()["items"]) == 1


def test_a_task_that_another_worker_has_is_left_to_it(app: App, tmp_path: Path):
    key = app.key(Scope.JUDGE)
    task = app.client.post("/v1/runs/small/tasks", json={"action": "pull"}, headers=key).json()["id"]
    with (tmp_path / "runs" / f".{task}.lock").open("wb") as lock, ThreadPoolExecutor(1) as pool:
        fcntl.flock(lock, fcntl.LOCK_EX)
        second = pool.submit(app.carrier.carry_out, task)
        assert app.client.get(f"/v1/tasks/{task}", headers=key).json()["state"] == "queued"
        app.client.post(f"/v1/tasks/{task}/cancel", headers=key)
        # It ends although the lock is never given back, and has started nothing.
        second.result(60)
    assert not (tmp_path / "tasks" / f"{task}.log").exists()


def test_what_leaves_the_house_needs_more_than_judging(app: App):
    publish = {"action": "publish", "repo": "me/set"}
    for action in (publish, {"action": "push"}):
        refused = app.client.post("/v1/runs/small/tasks", json=action, headers=app.key(Scope.JUDGE))
        assert refused.status_code == 403
    made = app.client.post("/v1/runs/small/tasks", json=publish, headers=app.key(Scope.ADMIN))
    assert made.status_code == 202
    reader = app.key(Scope.READ)
    assert app.client.post("/v1/runs/small/tasks", json=CURATE, headers=reader).status_code == 403
    changes = app.client.get("/v1/changes", headers=app.key(Scope.ADMIN)).json()["items"]
    assert [one["action"] for one in changes if one["action"].startswith("run.")] == ["run.publish"]


@pytest.mark.parametrize(
    "action",
    [
        {},
        {"action": "rm"},
        {"action": "curate", "out": "/tmp/x"},
        {"action": "publish"},
        {"action": "publish", "repo": "--public/x"},
        {"action": "publish", "repo": "a/b/c"},
        {"action": "publish", "repo": "a/b\n"},
        {"action": "push", "who": ["--gold=1"]},
        {"action": "push", "size": 0},
    ],
)
def test_nothing_else_can_be_started(app: App, action: dict[str, Any]):
    refused = app.client.post("/v1/runs/small/tasks", json=action, headers=app.key(Scope.ADMIN))
    assert refused.status_code == 422


def test_a_run_that_is_not_there_can_not_be_worked_on(app: App):
    for name in ("nope", ".hidden", "%2e%2e"):
        refused = app.client.post(f"/v1/runs/{name}/tasks", json=CURATE, headers=app.key(Scope.ADMIN))
        assert refused.status_code == 404


@given(
    st.one_of(
        st.fixed_dictionaries({"action": st.just("publish"), "repo": st.text(max_size=20)}),
        st.fixed_dictionaries({"action": st.just("push"), "who": st.lists(st.text(max_size=8), max_size=3)}),
    )
)
def test_no_option_of_a_caller_is_an_option_of_the_command(given: dict[str, Any]):
    try:
        action = ACTION.validate_python(given)
    except ValidationError:
        return
    known = {"--repo", "--what", "--size", "--answers", "--who", "--accounts", "--json"}
    words = action.command(Path("/runs/x"))
    assert {word.split("=")[0] for word in words if word.startswith("-")} <= known
    assert all(word.isprintable() for word in words)


def test_a_cancelled_task_is_not_carried_out(app: App):
    key = app.key(Scope.JUDGE)
    task = app.client.post("/v1/runs/small/tasks", json=CURATE, headers=key).json()["id"]
    assert app.client.post(f"/v1/tasks/{task}/cancel", headers=key).json()["state"] == "cancelled"
    app.carrier.carry_out(task)
    assert app.client.get(f"/v1/tasks/{task}", headers=key).json()["state"] == "cancelled"
    assert app.client.get(f"/v1/tasks/{task}/log", headers=key).text == ""


def test_a_task_that_is_cancelled_at_the_moment_it_begins_is_not_carried_out(app: App, tmp_path: Path):
    key = app.key(Scope.JUDGE)
    task = app.client.post("/v1/runs/small/tasks", json=CURATE, headers=key).json()["id"]

    begins = iter([True])

    def cancel(_connection: object, _cursor: object, statement: str, *_: object) -> None:
        if statement.startswith("UPDATE tasks") and next(begins, False):
            app.client.post(f"/v1/tasks/{task}/cancel", headers=key).raise_for_status()

    event.listen(app.database.engine, "before_cursor_execute", cancel)
    app.carrier.carry_out(task)
    found = app.client.get(f"/v1/tasks/{task}", headers=key).json()
    assert (found["state"], found["started_at"]) == ("cancelled", None)
    assert not (tmp_path / "tasks" / f"{task}.log").exists()


def test_what_does_not_need_a_run_alone_does_not_wait_for_it(app: App, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("firstfault.service.work.carrier._is_free", lambda _: pytest.fail("it is waited for"))
    key = app.key(Scope.ADMIN)
    for action in ({"action": "pull"}, {"action": "publish", "repo": "me/set", "dry_run": True}):
        task = app.client.post("/v1/runs/small/tasks", json=action, headers=key).json()["id"]
        app.carrier.carry_out(task)
        # There is nothing to bring, and no set to publish.
        assert app.client.get(f"/v1/tasks/{task}", headers=key).json()["state"] == "failed"


def test_a_command_that_fails_says_why(app: App):
    # Nothing was pushed, and there is no server.
    key = app.key(Scope.JUDGE)
    task = app.client.post("/v1/runs/small/tasks", json={"action": "pull"}, headers=key).json()["id"]
    app.carrier.carry_out(task)
    found = app.client.get(f"/v1/tasks/{task}", headers=key).json()
    assert found["state"] == "failed"
    assert found["reason"]
    assert "error:" in app.client.get(f"/v1/tasks/{task}/log", headers=key).text


def test_a_task_outlives_the_worker_that_carried_it_out(tmp_path: Path):
    """The worker is killed while its command runs; the command goes with it, and is run again."""
    runs = tmp_path / "runs"
    folder = make_run(runs / "small", 2, spare=2)
    # Held as a run at work holds it: the command waits for it, so that the kill comes in time.
    with folder.locked(), Service(tmp_path / "data", more=("--runs", str(runs))) as service:
        asked = {"action": "publish", "repo": "me/set", "dry_run": True}
        task = service.client.post("/v1/runs/small/tasks", json=asked).raise_for_status().json()["id"]
        worker = _worker(service, task)
        os.kill(worker.pid, signal.SIGKILL)
        worker.wait(30)
        restarted = _worker(service, task)
        assert restarted.pid != worker.pid
        assert service.client.get(f"/v1/tasks/{task}").json()["state"] == "running"
        # Stopping it now must not wait for the command.
        assert service.client.post(f"/v1/tasks/{task}/cancel").json()["state"] == "cancelled"


def _worker(service: Service, task: str) -> psutil.Process:
    """The worker that carries a task out, once one does and lives."""
    while service.client.get(f"/v1/tasks/{task}").json()["state"] == "queued":
        time.sleep(0.1)
    while True:
        for child in psutil.Process(service.process.pid).children():
            if "worker" in child.cmdline() and child.status() != psutil.STATUS_ZOMBIE:
                return child
        time.sleep(0.1)


def test_a_command_is_run_to_its_end_by_a_worker(tmp_path: Path):
    runs = tmp_path / "runs"
    make_run(runs / "small", 2, spare=2)
    with Service(tmp_path / "data", more=("--runs", str(runs))) as service:
        task = service.client.post("/v1/runs/small/tasks", json={"action": "pull"}).json()["id"]
        while (found := service.client.get(f"/v1/tasks/{task}").json())["state"] in ("queued", "running"):
            time.sleep(0.1)
        assert found["state"] == "failed", json.dumps(found)
        assert "Traceback" not in service.client.get(f"/v1/tasks/{task}/log").text


def test_passwords_of_reviewers_that_a_push_makes_are_in_no_result_log_or_database(
    tmp_path: Path, serving: Serving, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setenv("ARGILLA_API_URL", serving.url)
    monkeypatch.setenv("ARGILLA_API_KEY", serving.credentials["api_key"])
    run = make_run(tmp_path / "runs" / "asked", 4, seed=821).path
    with App(tmp_path, f"sqlite:///{tmp_path / 'service.sqlite'}") as app:
        asked = {"action": "push", "who": ["gus"]}
        task = app.client.post("/v1/runs/asked/tasks", json=asked).json()["id"]
        app.carrier.carry_out(task)
        found = app.client.get(f"/v1/tasks/{task}").json()
        assert found["state"] == "done", found
        (account,) = found["result"]["accounts"]
        accounts = run / "reviews" / "accounts"
        assert account == {"username": "gus", "kept_in": str(accounts)}
        name, password = accounts.read_text().split()
        assert name == "gus"
        assert accounts.stat().st_mode & 0o077 == 0
        assert password not in app.client.get(f"/v1/tasks/{task}/log").text
    files = list(tmp_path.glob("service.sqlite*"))
    assert files
    assert not [file for file in files if password.encode() in file.read_bytes()]
    with httpx.Client(base_url=f"{serving.url}/api/v1") as http:
        assert http.post("/token", data={"username": "gus", "password": password}).is_success


def test_a_task_waits_in_line_while_another_run_is_at_work(
    app: App, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr("firstfault.service.work.carrier._PATIENCE", 0.1)
    key = app.key(Scope.JUDGE)
    task = app.client.post("/v1/runs/small/tasks", json=CURATE, headers=key).json()["id"]
    client = app.line._client
    with RunFolder(tmp_path / "runs" / "small").locked():
        app.carrier.carry_out(task)
        found = app.client.get(f"/v1/tasks/{task}", headers=key).json()
        assert (found["state"], found["started_at"]) == ("queued", None)
        assert "another run" in found["reason"]
        # Beside the place that it had: nothing but us has taken it from there.
        assert len(client.list_workflows(status="ENQUEUED")) == 2
        # What needs the folder less is carried out meanwhile.
        pull = app.client.post("/v1/runs/small/tasks", json={"action": "pull"}, headers=key).json()["id"]
        app.carrier.carry_out(pull)
        assert "another run" not in app.client.get(f"/v1/tasks/{pull}", headers=key).json()["reason"]
    app.carrier.carry_out(task)
    found = app.client.get(f"/v1/tasks/{task}", headers=key).json()
    # It has no model to go on with.
    assert found["state"] == "failed"
    assert "another run" not in found["reason"]


def test_a_task_waits_in_line_while_its_folder_is_away(
    app: App, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr("firstfault.service.work.carrier._PATIENCE", 0.1)
    key = app.key(Scope.JUDGE)
    task = app.client.post("/v1/runs/small/tasks", json={"action": "pull"}, headers=key).json()["id"]
    folder = app.runs.folder.rename(tmp_path / "unmounted")
    app.carrier.carry_out(task)
    found = app.client.get(f"/v1/tasks/{task}", headers=key).json()
    assert found["state"] == "queued"
    assert "away" in found["reason"]
    assert not app.runs.folder.exists()
    # Another folder in its place does not carry it out either.
    other = make_run(app.runs.folder / "other", 2, spare=2).path.parent
    app.carrier.carry_out(task)
    assert app.client.get(f"/v1/tasks/{task}", headers=key).json()["state"] == "queued"
    other.rename(tmp_path / "other")
    folder.rename(app.runs.folder)
    app.carrier.carry_out(task)
    found = app.client.get(f"/v1/tasks/{task}", headers=key).json()
    # Nothing was pushed.
    assert found["state"] == "failed"
    assert "away" not in found["reason"]


def test_a_task_of_a_run_that_is_gone_says_so(app: App, tmp_path: Path):
    key = app.key(Scope.JUDGE)
    task = app.client.post("/v1/runs/small/tasks", json={"action": "pull"}, headers=key).json()["id"]
    (app.runs.folder / "small").rename(tmp_path / "small")
    app.carrier.carry_out(task)
    assert "no run 'small'" in app.client.get(f"/v1/tasks/{task}", headers=key).json()["reason"]


def test_commands_on_runs_that_can_not_be_written_to_are_refused(app: App):
    (app.runs.folder / MARK).mkdir()
    refused = app.client.post("/v1/runs/small/tasks", json=CURATE, headers=app.key(Scope.JUDGE))
    assert refused.status_code == 422
    assert MARK in refused.json()["detail"]
    assert refused.json()["hint"]


def test_a_worker_that_can_not_write_to_the_folder_says_so(app: App):
    key = app.key(Scope.JUDGE)
    task = app.client.post("/v1/runs/small/tasks", json=CURATE, headers=key).json()["id"]
    # Where its lock should lie.
    (app.runs.folder / f".{task}.lock").mkdir()
    app.carrier.carry_out(task)
    found = app.client.get(f"/v1/tasks/{task}", headers=key).json()
    assert found["state"] == "failed"
    assert "can't write" in found["reason"]


def test_a_task_whose_command_can_not_be_started_ends_by_it(app: App, tmp_path: Path):
    key = app.key(Scope.JUDGE)
    task = app.client.post("/v1/runs/small/tasks", json=CURATE, headers=key).json()["id"]
    # Where logs should lie.
    (tmp_path / "tasks").write_text("")
    app.carrier.carry_out(task)
    found = app.client.get(f"/v1/tasks/{task}", headers=key).json()
    assert found["state"] == "failed"
    assert "FileExistsError" in found["reason"]
    # It is in nobody's way any more.
    again = app.client.post("/v1/runs/small/tasks", json=CURATE, headers=key)
    assert again.json()["id"] != task
