"""`firstfault serve`, `worker` and `key` as their users run them."""

import json
import os
import signal
import socket
import subprocess
import sys
from pathlib import Path
from typing import Any

import httpx
import psutil
import pytest
from firstfault.judge.verdicts import read_verdicts

pytest.importorskip("dbos", reason="needs the extra `service`")

TWO_PANELS = "panels: {a: {panel: [symbolic]}, b: {panel: [symbolic]}}\n"
ROWS = [
    {
        "id": f"s{number}",
        "problem": f"What is {number} + 1?",
        "steps": [f"{number} + 1 = {number + 1 + number % 2}"],
    }
    for number in range(600)
]


def command(*arguments: object) -> list[str]:
    return [sys.executable, "-m", "firstfault.cli.main", *map(str, arguments)]


def run(*arguments: object) -> subprocess.CompletedProcess[str]:
    return subprocess.run(command(*arguments), capture_output=True, text=True, check=False)


def start(*arguments: object) -> tuple[subprocess.Popen[str], dict[str, Any]]:
    process = subprocess.Popen(
        command("serve", "--port", 0, "--json", *arguments),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    assert process.stderr is not None
    line = process.stdout.readline()
    assert line, process.stderr.read()
    return process, json.loads(line)


def children(pid: int) -> list[int]:
    return [child.pid for child in psutil.Process(pid).children()]


def wait_until_gone(pid: int) -> None:
    descriptor = os.pidfd_open(pid)
    try:
        import select

        assert select.select([descriptor], [], [], 60)[0]
    finally:
        os.close(descriptor)


def test_a_job_ends_as_the_command_line_judges(tmp_path: Path):
    path = tmp_path / "solutions.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in ROWS))
    assert run("judge", path, "--out", tmp_path / "cli.jsonl").returncode == 0
    process, said = start("--data", tmp_path / "data", "--workers", 2)
    try:
        with httpx.Client(base_url=said["url"], timeout=120) as client:
            job = client.post("/v1/jobs", content=path.read_bytes()).json()
            with client.stream("GET", f"/v1/jobs/{job['id']}/events") as events:
                told = [line for line in events.iter_lines() if line]
            assert told[-2:] == ["event: end", "data: done"]
            (tmp_path / "service.jsonl").write_text(client.get(f"/v1/jobs/{job['id']}/verdicts").text)
        workers = children(process.pid)
        assert len(workers) == 2
    finally:
        process.send_signal(signal.SIGTERM)
        assert process.wait(60) == 0
    found, expected = (read_verdicts(tmp_path / name) for name in ("service.jsonl", "cli.jsonl"))
    kept = {"status", "first_fault", "error_type", "confidence", "rationale", "reason"}
    assert {key: one.model_dump(include=kept) for key, one in found.items()} == {
        key: one.model_dump(include=kept) for key, one in expected.items()
    }
    for worker in workers:
        assert not Path(f"/proc/{worker}").exists()


def test_workers_end_with_a_service_that_is_killed(tmp_path: Path):
    process, _ = start("--data", tmp_path, "--workers", 1)
    (worker,) = children(process.pid)
    process.kill()
    process.wait()
    wait_until_gone(worker)


def test_a_worker_may_be_the_first_at_a_database(tmp_path: Path):
    process = subprocess.Popen(command("worker", "--data", tmp_path), stderr=subprocess.PIPE, text=True)
    assert process.stderr is not None
    try:
        assert "works" in process.stderr.readline()
    finally:
        process.send_signal(signal.SIGTERM)
        assert process.wait(60) == 0


def test_workers_that_nobody_named_have_names_of_their_own(tmp_path: Path):
    workers = [
        subprocess.Popen(command("worker", "--data", tmp_path), stderr=subprocess.PIPE, text=True)
        for _ in range(2)
    ]
    try:
        said = {one.stderr.readline() for one in workers if one.stderr is not None}
        assert said == {f"Worker {socket.gethostname()}-{one.pid} works.\n" for one in workers}
    finally:
        for one in workers:
            one.send_signal(signal.SIGTERM)
        assert [one.wait(60) for one in workers] == [0, 0]


def test_a_second_service_in_a_folder_is_refused_until_the_first_is_gone(tmp_path: Path):
    process, _ = start("--data", tmp_path, "--workers", 0)
    refused = run("serve", "--port", 0, "--data", tmp_path, "--workers", 0)
    assert refused.returncode == 2
    assert f"process {process.pid} " in refused.stderr
    assert len(refused.stderr.splitlines()) <= 2
    process.kill()
    process.wait()
    process, _ = start("--data", tmp_path, "--workers", 0)
    process.send_signal(signal.SIGTERM)
    assert process.wait(60) == 0


def test_other_machines_are_not_let_in_without_keys(tmp_path: Path):
    refused = run("serve", "--host", "0.0.0.0", "--port", 0, "--data", tmp_path)
    assert refused.returncode == 2
    assert "key create" in refused.stderr


def test_keys_are_made_listed_and_revoked(tmp_path: Path):
    made = json.loads(run("key", "create", "ci", "--scope", "read", "--data", tmp_path, "--json").stdout)
    listed = run("key", "list", "--data", tmp_path)
    assert "ci" in listed.stdout
    assert made["secret"] not in listed.stdout
    raised = run("key", "budget", made["id"], "7.5", "--data", tmp_path, "--json")
    assert json.loads(raised.stdout)["budget_usd"] == 7.5
    assert "$7.5" in run("key", "list", "--data", tmp_path).stdout
    process, said = start("--data", tmp_path, "--require-keys", "--workers", 0)
    try:
        headers = {"authorization": f"Bearer {made['secret']}"}
        assert httpx.get(f"{said['url']}/v1/jobs").status_code == 401
        assert httpx.get(f"{said['url']}/v1/jobs", headers=headers).status_code == 200
        assert run("key", "revoke", made["id"], "--data", tmp_path).returncode == 0
        assert httpx.get(f"{said['url']}/v1/jobs", headers=headers).status_code == 401
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(60)
    assert run("key", "revoke", "none", "--data", tmp_path).returncode == 2
    secret = made["secret"].encode()
    assert not any(secret in path.read_bytes() for path in tmp_path.iterdir() if path.is_file())


@pytest.mark.parametrize("asked", [("list",), ("revoke", "x"), ("budget", "x", "5")])
def test_keys_of_a_service_that_is_not_there_are_not_shown_or_changed(tmp_path: Path, asked: tuple[str, ...]):
    for place in (
        ("--data", tmp_path / "gone"),
        ("--db", f"sqlite:///{tmp_path / 'gone' / 'service.sqlite'}"),
    ):
        refused = run("key", *asked, *place)
        assert refused.returncode == 2
        assert f"{tmp_path / 'gone' / 'service.sqlite'}: no such database" in refused.stderr
        assert not (tmp_path / "gone").exists()


def test_a_new_key_says_where_it_is_kept(tmp_path: Path):
    database = str(tmp_path / "data" / "service.sqlite")
    assert database in run("key", "create", "ci", "--data", tmp_path / "data").stdout
    made = json.loads(run("key", "create", "ci", "--data", tmp_path / "data", "--json").stdout)
    assert made["kept_in"] == database
    assert Path(database).is_file()


@pytest.mark.parametrize("name", ["", " ", "x" * 101, "two\nlines"])
def test_a_key_needs_a_name(tmp_path: Path, name: str):
    refused = run("key", "create", name, "--data", tmp_path)
    assert refused.returncode == 2
    assert "1 to 100" in refused.stderr


@pytest.mark.parametrize(
    ("text", "named"),
    [
        (TWO_PANELS, "service.yaml: panel: 'symbolic' is not among panels (a, b)"),
        (TWO_PANELS, "docs/service.md"),
        ("[]\n", "not a mapping"),
        ("panels: {symbolic: {panel: [rollout]}}\n", "model"),
        ("limits: {nonsense: 1}\n", "nonsense"),
        ("{model: gone, panels: {symbolic: {panel: [rollout]}}}\n", "gone"),
        ("panels: {symbolic: {panel: [symbolic], calibration: lost.json}}\n", "lost.json"),
    ],
)
def test_a_wrong_file_is_one_line(tmp_path: Path, text: str, named: str):
    path = tmp_path / "service.yaml"
    path.write_text(text)
    refused = run("serve", "--config", path, "--data", tmp_path / "data")
    assert refused.returncode == 2
    assert named in refused.stderr
    assert "Traceback" not in refused.stderr
    assert not (tmp_path / "data").exists()


@pytest.mark.parametrize(("text", "panel"), [("panels: {a: {panel: [symbolic]}}\n", "a"), ("", "symbolic")])
def test_the_only_panel_judges_where_a_caller_names_none(tmp_path: Path, text: str, panel: str):
    path = tmp_path / "service.yaml"
    path.write_text(text)
    process, said = start("--config", path, "--data", tmp_path / "data", "--workers", 0)
    try:
        (shown,) = httpx.get(f"{said['url']}/v1/panels").json()
        assert (shown["name"], shown["is_default"]) == (panel, True)
        for address in ("/", "/health", "/ready"):
            answer = httpx.head(f"{said['url']}{address}")
            assert (answer.status_code, answer.content) == (200, b"")
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(60)
