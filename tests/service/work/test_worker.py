"""What a worker does beside its turns."""

from datetime import timedelta
from pathlib import Path

from firstfault.service.store.database import now
from firstfault.service.store.tables import Job
from firstfault.service.work.states import JobState
from service_app import App
from small_run import make_run
from worker_running import RunningWorker


def test_an_upload_that_was_broken_off_is_forgotten_without_a_start_of_the_service(tmp_path: Path, url: str):
    ages = {"broken-off": timedelta(hours=2), "under-way": timedelta(minutes=1)}
    with App(tmp_path, url) as app:
        with app.database.session() as session:
            for name, age in ages.items():
                job = Job(id=name, name="", panel="", judges={}, created_at=now() - age)
                job.state = JobState.UPLOADING.value
                session.add(job)
        with RunningWorker(tmp_path, url, tmp_path / "runs"):
            while _is_there(app, "broken-off"):
                pass
            assert _is_there(app, "under-way")


def test_commands_wait_for_a_worker_that_has_the_runs_also_where_it_gets_them_late(tmp_path: Path, url: str):
    late = tmp_path / "late"
    with App(tmp_path, url) as app:
        make_run(app.runs.folder / "small", 2, spare=2)
        with RunningWorker(tmp_path, url, late):
            task = app.client.post("/v1/runs/small/tasks", json={"action": "pull"}).json()["id"]
            assert not late.exists()
            # Under another path than the service's.
            late.symlink_to(app.runs.folder)
            while (found := app.client.get(f"/v1/tasks/{task}").json())["state"] in ("queued", "running"):
                pass
    # Carried out: there is no server, which the command says.
    assert "Argilla" in found["reason"]


def _is_there(app: App, job: str) -> bool:
    with app.database.session() as session:
        return session.get(Job, job) is not None
