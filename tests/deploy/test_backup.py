"""Backups as docs/deploying.md describes them: taken while the service runs, and all is there again."""

import json
import shutil
import sqlite3
import subprocess
from pathlib import Path

import pytest
from postgres import Postgres, programs
from service_app import RIGHT, WRONG, App
from service_running import Service

pytest.importorskip("dbos", reason="needs the extra `service`")
SOLUTIONS = "".join(json.dumps({**(WRONG if n % 2 else RIGHT), "id": f"s-{n}"}) + "\n" for n in range(300))


def judge(service: Service) -> str:
    job = service.post(SOLUTIONS.encode(), name="kept")["id"]
    assert len(service.followed(job)) == 300
    return job


def is_whole(data: Path, db: str | None, job: str) -> bool:
    with Service(data, db) as again:
        found = again.followed(job)
        # It goes on working there, too.
        more = again.post(json.dumps(WRONG).encode())["id"]
        return again.job(job)["state"] == "done" and len(found) == 300 and len(again.followed(more)) == 1


def test_sqlite_is_copied_while_it_runs(tmp_path: Path):
    copy = tmp_path / "copy"
    copy.mkdir()
    with Service(tmp_path / "data") as service:
        job = judge(service)
        with sqlite3.connect(tmp_path / "data" / "service.sqlite") as source:
            source.execute(f"VACUUM INTO '{copy / 'service.sqlite'}'")
    assert is_whole(copy, None, job)


def test_postgresql_is_dumped_while_it_runs(tmp_path: Path):
    folder = programs()
    if folder is None:
        pytest.skip("PostgreSQL is not installed")
    with Postgres(folder) as server:
        url, other = server.database(), server.database()
        with Service(tmp_path / "data", url) as service:
            job = judge(service)
            dump = tmp_path / "firstfault.dump"
            command = [str(folder / "pg_dump"), "--format=custom", f"--file={dump}", url]
            subprocess.run(command, check=True)
        restore = [str(folder / "pg_restore"), "--no-owner", "--exit-on-error"]
        subprocess.run([*restore, f"--dbname={other}", str(dump)], check=True)
        assert is_whole(tmp_path / "elsewhere", other, job)
        # Over what is there, as in compose.
        anew = ["--clean", "--if-exists", "--role=firstfault", "--username=firstfault", f"--dbname={other}"]
        with dump.open("rb") as file:
            subprocess.run([*restore, *anew], check=True, stdin=file)
        assert is_whole(tmp_path / "anew", other, job)


def test_a_folder_is_copied_when_it_does_not_run(tmp_path: Path):
    with Service(tmp_path / "data") as service:
        job = judge(service)
    shutil.copytree(tmp_path / "data", tmp_path / "copy")
    assert is_whole(tmp_path / "copy", None, job)


def test_an_older_version_leaves_a_newer_database_alone(tmp_path: Path):
    with App(tmp_path, f"sqlite:///{tmp_path / 'service.sqlite'}"):
        pass
    with sqlite3.connect(tmp_path / "service.sqlite") as database:
        database.execute("UPDATE alembic_version SET version_num = '9999'")
    with pytest.raises(RuntimeError, match="newer firstfault"), Service(tmp_path):
        pass
