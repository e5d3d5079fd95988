"""What can be said of `deploy/` without a container engine: it fits together, and with our commands."""

import os
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml
from firstfault.cli.main import app
from firstfault.loop.config import parse_config, read_yaml
from firstfault.service.config import ServiceConfig
from postgres import Postgres, programs
from typer.main import get_command

ROOT = Path(__file__).parents[2]
DEPLOY = ROOT / "deploy"
COMPOSE: dict[str, Any] = yaml.safe_load((DEPLOY / "compose.yaml").read_text())
SERVICES: dict[str, dict[str, Any]] = COMPOSE["services"]


def made(tmp_path: Path) -> dict[str, str]:
    """What `make-secrets` writes."""
    folder = tmp_path / "deploy"
    folder.mkdir()
    shutil.copy(DEPLOY / "make-secrets", folder)
    subprocess.run([folder / "make-secrets"], check=True, capture_output=True)
    lines = (folder / ".env").read_text().splitlines()
    return dict(line.split("=", 1) for line in lines if not line.startswith("#"))


def test_secrets_are_random_and_for_their_owner_alone(tmp_path: Path):
    first = made(tmp_path)
    assert (tmp_path / "deploy" / ".env").stat().st_mode & 0o077 == 0
    second = made(tmp_path / "again") if (tmp_path / "again").mkdir() is None else {}
    passwords = [name for name in first if name.endswith(("PASSWORD", "KEY")) and first[name]]
    assert len(passwords) == 8
    assert all(len(first[name]) >= 40 and first[name] != second[name] for name in passwords)
    # They stand in URLs.
    assert all(re.fullmatch(r"[A-Za-z0-9_-]+", first[name]) for name in passwords)


def test_secrets_are_never_overwritten(tmp_path: Path):
    before = made(tmp_path)
    again = subprocess.run(
        [tmp_path / "deploy" / "make-secrets"], check=False, capture_output=True, text=True
    )
    assert again.returncode == 1
    assert before["POSTGRES_PASSWORD"] in (tmp_path / "deploy" / ".env").read_text()


def test_every_variable_is_made(tmp_path: Path):
    text = (DEPLOY / "compose.yaml").read_text()
    used = set(re.findall(r"\$\{([A-Z_]+)", text))
    assert used == set(made(tmp_path))
    # What must not be empty says so at once.
    for name in used:
        if name.endswith("PASSWORD") or name in ("ARGILLA_API_KEY", "ARGILLA_AUTH_SECRET_KEY"):
            assert re.findall(rf"\$\{{{name}([^}}]*)", text) == [":?run deploy/make-secrets"] * text.count(
                f"${{{name}"
            )


def test_nothing_listens_on_other_interfaces_and_every_image_is_pinned():
    for name, service in SERVICES.items():
        assert all(port.startswith("127.0.0.1:") for port in service.get("ports", ())), name
        assert service["image"] == "firstfault" or re.search(r":v?\d", service["image"]), name
    volumes = {one.split(":")[0] for service in SERVICES.values() for one in service.get("volumes", ())}
    named = {one for one in volumes if not one.startswith(".")}
    assert named == set(COMPOSE["volumes"])
    assert all((DEPLOY / one).exists() for one in volumes - named)


def test_secrets_do_not_get_into_the_image():
    assert "**/.env" in (ROOT / ".dockerignore").read_text().splitlines()
    assert ".env" in (ROOT / ".gitignore").read_text().splitlines()


def test_every_container_has_a_limit_of_memory():
    assert [name for name, service in SERVICES.items() if "mem_limit" not in service] == ["vllm"]


def commands() -> list[list[str]]:
    dockerfile = (DEPLOY / "Dockerfile").read_text()
    found = [yaml.safe_load(line) for line in re.findall(r"^CMD (\[.*\])$", dockerfile, re.MULTILINE)]
    found += [SERVICES[name]["command"] for name in ("service", "worker")]
    return found


@pytest.mark.parametrize("name", ["service", "worker"])
def test_it_starts_with_a_folder_for_uploads_that_is_no_memory(tmp_path: Path, name: str):
    service = SERVICES[name]
    folder = Path(service["environment"]["TMPDIR"])
    assert folder.parent.as_posix() in [one.split(":")[1] for one in service["volumes"]]
    assert not any(folder.is_relative_to(one) for one in service["tmpfs"])
    here, known = tmp_path / folder.name, tmp_path / "bin"
    known.mkdir()
    program = known / "firstfault"
    program.write_text(
        f"#!{sys.executable}\nimport sys, tempfile\nprint(tempfile.gettempdir(), *sys.argv[1:])\n"
    )
    program.chmod(0o755)
    entrypoint = [one.replace("$$", "$") for one in service["entrypoint"]]

    def start() -> list[str]:
        environment = {"PATH": f"{known}:/usr/bin:/bin", "TMPDIR": str(here), "HOSTNAME": "a b"}
        command = [*entrypoint, *service["command"]]
        return subprocess.run(
            command, env=environment, check=True, capture_output=True, text=True
        ).stdout.split(maxsplit=1)

    more = " --name a b" if name == "worker" else ""
    said = [str(here), " ".join(service["command"]) + more + "\n"]
    assert start() == said
    old, fresh = here / "old", here / "fresh"
    old.touch()
    fresh.touch()
    os.utime(old, (0, 0))
    assert start() == said
    assert fresh.exists()
    assert old.exists() == (name == "worker")


def test_the_job_on_ray_is_a_run():
    job = yaml.safe_load((DEPLOY / "kubernetes" / "rayjob.yaml").read_text())
    program, command, *words = shlex.split(job["spec"]["entrypoint"])
    assert (program, command) == ("firstfault", "run")
    known = get_command(app).commands[command]  # pyright: ignore[reportAttributeAccessIssue]
    assert known.make_context(command, words).params["executor"] == "ray"


def test_nodes_of_a_cluster_have_the_version_of_ray_that_is_installed():
    job = yaml.safe_load((DEPLOY / "kubernetes" / "rayjob.yaml").read_text())
    pinned = (ROOT / "constraints.txt").read_text().splitlines()
    assert f"ray=={job['spec']['rayClusterSpec']['rayVersion']}" in pinned
    # What ray[default] adds, and no second version of anything.
    added = (DEPLOY / "kubernetes" / "constraints.txt").read_text().splitlines()
    names = {line.partition("==")[0] for line in pinned if "==" in line}
    assert not names & {line.partition("==")[0] for line in added if "==" in line}


@pytest.mark.parametrize("command", commands(), ids=lambda command: command[0])
def test_every_command_is_one_of_ours(command: list[str]):
    known = get_command(app).commands[command[0]]  # pyright: ignore[reportAttributeAccessIssue]
    context = known.make_context(command[0], command[1:], resilient_parsing=False)
    assert context.params["runs"] == Path("/runs")


def test_its_configuration_is_one():
    parse_config(read_yaml(DEPLOY / "service.yaml"), ServiceConfig, "service.yaml")


def test_databases_are_made_by_the_script_that_postgresql_runs(tmp_path: Path):
    folder = programs()
    if folder is None:
        pytest.skip("PostgreSQL is not installed")
    with Postgres(folder) as server:
        environment = {
            "PATH": f"{folder}:/usr/bin:/bin",
            "PGHOST": "127.0.0.1",
            "PGPORT": str(server.port),
            "PGDATABASE": "postgres",
            "POSTGRES_USER": "firstfault_owner",
            **{name: value for name, value in made(tmp_path).items() if name.endswith("DB_PASSWORD")},
        }
        # The image's superuser has a name of its own; here the server's is called as the role to be made.
        psql = [str(folder / "psql"), "--username", "firstfault", "--command"]
        subprocess.run([*psql, "CREATE ROLE firstfault_owner SUPERUSER LOGIN"], check=True, env=environment)
        subprocess.run([*psql, "ALTER ROLE firstfault RENAME TO other"], check=False, env=environment)
        owner = [str(folder / "psql"), "--username", "firstfault_owner", "--tuples-only", "--command"]
        subprocess.run([*owner, "ALTER ROLE firstfault RENAME TO server"], check=True, env=environment)
        subprocess.run([DEPLOY / "postgres" / "databases.sh"], check=True, env=environment)
        listed = subprocess.run(
            [*owner, "SELECT datname, rolname FROM pg_database JOIN pg_roles r ON r.oid = datdba"],
            check=True, env=environment, capture_output=True, text=True,
        ).stdout  # fmt: skip
        rows = {tuple(part.strip() for part in line.split("|")) for line in listed.splitlines() if line}
        assert {("firstfault", "firstfault"), ("argilla", "argilla")} <= rows
