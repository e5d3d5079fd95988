"""What a database that goes away, and whatever else takes work out of its line, does to jobs and tasks."""

import json
import os
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from contextlib import suppress
from datetime import timedelta
from pathlib import Path
from socket import gethostname

import psutil
import pytest
from firstfault.service.store.database import now
from firstfault.service.store.outages import is_outage, patient
from firstfault.service.store.tables import Job, Worker
from firstfault.service.work.actions import ACTION
from firstfault.service.work.recovery import recover
from firstfault.service.work.worker import _beat
from postgres import Postgres, programs
from service_app import RIGHT, WRONG, App
from service_running import Service
from small_run import make_run
from sqlalchemy import select, text, update
from sqlalchemy.exc import OperationalError, ProgrammingError

COUNT = 12_000


def test_only_a_database_that_does_not_answer_is_waited_for(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("firstfault.service.store.outages._PAUSE", 0)
    errors = iter([OperationalError("", {}, sqlite3.OperationalError("database is locked"))] * 3)

    def do() -> str:
        for error in errors:
            raise error
        return "done"

    assert patient(do) == "done"
    missing = OperationalError("", {}, sqlite3.OperationalError("no such table: jobs"))
    assert not is_outage(missing)
    assert not is_outage(ProgrammingError("", {}, Exception()))
    with pytest.raises(OperationalError):
        patient(lambda: _raise(missing))


def _raise(error: Exception) -> None:
    raise error


@pytest.fixture
def app(tmp_path: Path, url: str) -> Iterator[App]:
    with App(tmp_path, url) as app:
        make_run(tmp_path / "runs" / "small", 2, spare=2)
        yield app


def test_what_is_in_no_line_any_more_is_put_in_line_again(app: App):
    job = app.post(json.dumps(RIGHT).encode())["id"]
    ended = app.post(json.dumps(WRONG).encode())["id"]
    app.work(ended)
    task = app.tasks.create("small", ACTION.validate_python({"action": "curate"}), None).id
    assert recover(app.database, app.line) == 0
    # As a bug, or somebody at the queue's tables, might.
    client = app.line._client
    client.cancel_workflows([one.workflow_id for one in client.list_workflows()])
    assert recover(app.database, app.line) == 2
    assert {(job, "2"), (task, "")} == app.line.names()
    assert recover(app.database, app.line) == 0
    with app.database.session() as session:
        assert session.get_one(Job, ended).starts == 1
    # The turn of the earlier start does nothing, should it come back.
    assert app.work(job)["state"] == "done"


def test_a_job_goes_on_when_its_database_was_restarted(tmp_path: Path):
    folder = programs()
    if folder is None:
        pytest.skip("PostgreSQL is not installed")
    rows = "".join(json.dumps({**(WRONG if n % 2 else RIGHT), "id": f"s-{n}"}) + "\n" for n in range(COUNT))
    with Postgres(folder) as server, Service(tmp_path / "data", server.database()) as service:
        job = service.post(rows.encode())["id"]
        for part in (0.1, 0.3, 0.5):
            done = 0
            while done < part * COUNT:
                answer = service.client.get(f"/v1/jobs/{job}")
                assert answer.status_code in (200, 503), answer.text
                done = answer.json()["done"] if answer.status_code == 200 else done
            server.restart()
        refused = 0
        while (answer := service.client.get(f"/v1/jobs/{job}")).status_code == 503:
            refused += 1
            assert answer.json()["hint"]
        found = service.followed(job)
        assert [one["number"] for one in found] == list(range(COUNT))
        assert service.job(job)["state"] == "done"
        assert service.job(job)["faulty"] == COUNT // 2


def test_a_task_whose_database_is_away_while_it_ends_is_carried_out_once(tmp_path: Path):
    folder = programs()
    if folder is None:
        pytest.skip("PostgreSQL is not installed")
    runs = tmp_path / "runs"
    run = make_run(runs / "small", 2, spare=2)
    more = ("--runs", str(runs))
    with Postgres(folder) as server, Service(tmp_path / "data", server.database(), more=more) as service:
        # Held, so that its command is not over before the database is away.
        with run.locked():
            asked = {"action": "pull"}
            task = service.client.post("/v1/runs/small/tasks", json=asked).raise_for_status().json()["id"]
            while service.client.get(f"/v1/tasks/{task}").json()["state"] == "queued":
                pass
            server.stop()
        while not (commands := _commands(service)):
            pass
        psutil.wait_procs(commands)
        # It was not broken off: it needs no database.
        assert "error: " in (tmp_path / "data" / "tasks" / f"{task}.log").read_text()
        server.start()
        while (answer := service.client.get(f"/v1/tasks/{task}")).status_code == 503 or answer.json()[
            "state"
        ] == "running":
            pass
        # It ended as it does: nobody has been asked.
        assert answer.json()["state"] == "failed"
        log = service.client.get(f"/v1/tasks/{task}/log").text
        assert log.count("error: ") == 1, log


def _commands(service: Service) -> list[psutil.Process]:
    found: list[psutil.Process] = []
    for process in psutil.Process(service.process.pid).children(recursive=True):
        with suppress(psutil.NoSuchProcess):
            if "firstfault.service.work.errand" in process.cmdline():
                found.append(process)
    return found


def test_a_machine_whose_clock_is_wrong_takes_nobodys_turns(
    tmp_path: Path, postgres: Postgres | None, monkeypatch: pytest.MonkeyPatch
):
    if postgres is None:
        pytest.skip("PostgreSQL is not installed")
    with App(tmp_path, postgres.database()) as app:
        app.post(json.dumps(RIGHT).encode())
        with app.database.session() as session:
            # As when the first worker has taken them.
            session.execute(text("UPDATE dbos.workflow_status SET status = 'PENDING', executor_id = 'first'"))
        _beat(app.database, app.line, "first")
        monkeypatch.setattr("firstfault.service.store.database.now", lambda: now() + timedelta(hours=1))
        _beat(app.database, app.line, "second")
        assert {one.status for one in app.line._client.list_workflows()} == {"PENDING"}
        with app.database.session() as session:
            first, second = session.scalars(select(Worker.seen_at).order_by(Worker.name))
            assert abs(second - first) < timedelta(minutes=1)
            # A worker that has been silent for long is another matter.
            session.execute(update(Worker).where(Worker.name == "first").values(seen_at=now() - timedelta(1)))
        _beat(app.database, app.line, "second")
        assert {one.status for one in app.line._client.list_workflows()} == {"ENQUEUED"}


def test_a_worker_ends_when_it_is_told_to_though_its_database_is_away(tmp_path: Path):
    folder = programs()
    if folder is None:
        pytest.skip("PostgreSQL is not installed")
    rows = "".join(json.dumps({**RIGHT, "id": f"s-{n}"}) + "\n" for n in range(COUNT))
    # As the command, but for how long it may take to end.
    program = (
        "import firstfault.service.work.worker as worker; worker._GRACE, worker._LAST = 1, 3;"
        "from firstfault.cli.main import main; main(['worker', *__import__('sys').argv[1:]])"
    )
    # The service's own worker comes back under that name, so that it goes on at once.
    options = ["--data", str(tmp_path), "--runs", str(tmp_path / "runs"), f"--name={gethostname()}-1"]
    with Postgres(folder) as server:
        url = server.database()
        with App(tmp_path, url) as app:
            job = app.post(rows.encode())["id"]
            worker = subprocess.Popen(
                [sys.executable, "-c", program, *options],
                env={**os.environ, "FIRSTFAULT_DB": url},
                stderr=subprocess.PIPE,
                text=True,
            )
            try:
                while app.client.get(f"/v1/jobs/{job}").json()["done"] == 0:
                    assert worker.poll() is None
                server.stop()
                assert worker.stderr is not None
                while "it is waited for" not in (line := worker.stderr.readline()):
                    assert line
                worker.terminate()
                worker.communicate(timeout=60)
            finally:
                worker.kill()
                worker.wait()
            # What it had not finished goes on.
            server.start()
            with Service(tmp_path, url, more=("--runs", str(tmp_path / "runs"))) as service:
                assert len(service.followed(job)) == COUNT
