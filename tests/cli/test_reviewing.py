"""`firstfault review push`, `status` and `pull` at the terminal, against a real server."""

import json

import httpx
import pytest
from firstfault.annotate.argilla.form import ERROR_TYPE, Form
from firstfault.cli.main import main
from reviewer import Reviewer
from small_run import make_run


@pytest.fixture
def environment(serving, monkeypatch):
    monkeypatch.setenv("ARGILLA_API_URL", serving.url)
    monkeypatch.setenv("ARGILLA_API_KEY", serving.credentials["api_key"])
    return monkeypatch


def run_of(tmp_path, seed):
    return make_run(tmp_path / "run", regressions=10, seed=seed).path


def said(capsys, *arguments):
    assert main(["review", *map(str, arguments)]) == 0
    return capsys.readouterr().out


def error(capsys, *arguments):
    assert main(["review", *map(str, arguments)]) == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    (line,) = [one for one in captured.err.splitlines() if one.startswith("error")]
    return line


def test_the_whole_way(environment, serving, tmp_path, capsys):
    run = run_of(tmp_path, 801)
    text = said(capsys, "push", run, "--who", "dora", "--what", "doubtful", "--size", "8", "--gold", "0.25")
    assert (
        "10 solutions to review: 6 doubtful, 2 random, 2 gold. 10 added, 0 changed, 0 as they were." in text
    )
    password = next(line for line in text.splitlines() if line.strip().startswith("dora ")).split()[-1]
    again = json.loads(said(capsys, "push", run, "--size", "8", "--gold", "0.25", "--json"))
    assert (again["added"], again["changed"], again["unchanged"], again["accounts"]) == (0, 0, 10, [])
    with Reviewer(serving.url, "dora", password) as dora:
        record = dora.pending(dora.datasets()[again["dataset"]])[0]
        dora.answer(record["id"], first_faulty_step="10")
        other = dora.pending(dora.datasets()[again["dataset"]])[0]
        dora.answer(other["id"], first_faulty_step="1", error_kind="method")
    status = said(capsys, "status", run)
    assert "0 of 10 solutions complete. 1 reviews: 1 new, 0 changed, 0 taken back." in status
    assert "refused: " in status
    assert "1 person gave 1 review of " in status
    assert not (run / "reviews" / "rtn-w3g32.mining.parquet").exists()
    assert not (run / "facts" / "reviews.json").exists()
    pulled = said(capsys, "pull", run)
    assert "dora (reviewer-" in pulled
    assert "2 submitted, 0 drafts, 0 discarded" in pulled
    known = json.loads(said(capsys, "pull", run, "--json"))
    assert (known["reviews"], known["new"], len(known["refused"])) == (1, 0, 1)
    assert known["figures"]["reviewers"][0]["reviews"] == 1
    assert json.loads((run / "facts" / "reviews.json").read_text()) == known["figures"]


def test_without_a_server_it_says_how_to_start_one(tmp_path, capsys, monkeypatch):
    for name in ("ARGILLA_API_URL", "ARGILLA_API_KEY"):
        monkeypatch.delenv(name, raising=False)
    run = run_of(tmp_path, 802)
    line = error(capsys, "push", run, "--data", tmp_path / "nothing")
    assert "no Argilla server runs on this folder" in line
    assert "firstfault review serve" in line
    assert "ARGILLA_API_URL" in line
    monkeypatch.setenv("ARGILLA_API_KEY", "secret-key")
    line = error(capsys, "push", run)
    assert "ARGILLA_API_URL: not set" in line
    assert "secret-key" not in line


def test_the_server_that_serve_runs_needs_no_key(serving, tmp_path, capsys, monkeypatch):
    for name in ("ARGILLA_API_URL", "ARGILLA_API_KEY"):
        monkeypatch.delenv(name, raising=False)
    pushed = json.loads(said(capsys, "push", run_of(tmp_path, 803), "--data", serving.data, "--json"))
    assert pushed["url"].startswith(serving.url)


def test_a_wrong_key_a_wrong_address_and_a_server_that_is_down(environment, serving, tmp_path, capsys):
    run = run_of(tmp_path, 804)
    environment.setenv("ARGILLA_API_KEY", "not-the-key")
    line = error(capsys, "push", run)
    assert "the API key was refused" in line
    assert "Set ARGILLA_API_KEY" in line
    assert "not-the-key" not in line
    environment.setenv("ARGILLA_API_KEY", serving.credentials["api_key"])
    for url in ("http://127.0.0.1:9", f"{serving.url}/elsewhere", "not a url", "ftp://127.0.0.1"):
        environment.setenv("ARGILLA_API_URL", url)
        assert "no Argilla answers there" in error(capsys, "push", run)


def test_a_reviewers_key_may_not_make_accounts_or_datasets(environment, serving, tmp_path, capsys):
    made = json.loads(said(capsys, "push", run_of(tmp_path, 805), "--who", "eve", "--json"))
    (account,) = made["accounts"]
    with httpx.Client(base_url=f"{serving.url}/api/v1") as http:
        token = http.post("/token", data={"username": "eve", "password": account["password"]}).json()
        me = http.get("/me", headers={"Authorization": f"Bearer {token['access_token']}"}).json()
    environment.setenv("ARGILLA_API_KEY", me["api_key"])
    other = make_run(tmp_path / "other", regressions=10, seed=806).path
    assert "owner" in error(capsys, "push", other)
    assert "owner" in error(capsys, "push", other, "--who", "someone-new")


def test_passwords_go_into_a_private_file_where_one_is_named(environment, serving, tmp_path, capsys):
    run, file = run_of(tmp_path, 811), tmp_path / "accounts"
    told = said(capsys, "push", run, "--who", "fay", "--accounts", file, "--json")
    name, password = file.read_text().split()
    assert name == "fay"
    assert password not in told
    assert json.loads(told)["accounts"] == [{"username": "fay", "kept_in": str(file)}]
    assert file.stat().st_mode & 0o077 == 0
    with httpx.Client(base_url=f"{serving.url}/api/v1") as http:
        assert http.post("/token", data={"username": "fay", "password": password}).is_success
    # Those who have an account have none made.
    assert (
        json.loads(said(capsys, "push", run, "--who", "fay", "--accounts", file, "--json"))["accounts"] == []
    )
    assert file.read_text().split() == ["fay", password]


def test_a_dataset_of_another_run(environment, tmp_path, capsys):
    first = json.loads(said(capsys, "push", run_of(tmp_path, 807), "--json"))
    other = make_run(tmp_path / "other", regressions=10, seed=808).path
    line = error(capsys, "push", other, "--name", first["dataset"])
    assert "this dataset holds another run" in line
    assert "--name" in line
    assert "another run" in error(capsys, "pull", other, "--name", first["dataset"])


def test_labels_that_an_upgrade_renamed(environment, tmp_path, capsys):
    run = run_of(tmp_path, 810)
    said(capsys, "push", run)
    now = Form(10).labels
    renamed = {**now, ERROR_TYPE: {"calculation": "Calculation", **now[ERROR_TYPE]}}
    del renamed[ERROR_TYPE]["execution"]
    with environment.context() as patch:
        patch.setattr(Form, "labels", property(lambda form: renamed))
        line = error(capsys, "push", run)
    assert "the labels of 'error_kind' have changed (calculation, execution)" in line
    assert "--name" in line
    assert json.loads(said(capsys, "push", run, "--name", "anew", "--json"))["added"] == 11


def test_nothing_pushed_and_nothing_judged(environment, tmp_path, capsys):
    run = run_of(tmp_path, 809)
    line = error(capsys, "pull", run)
    assert "no such dataset" in line
    assert "firstfault review push" in line
    (run / "verdicts" / "rtn-w3g32.mining.parquet").unlink()
    assert "have not been located yet" in error(capsys, "push", run)
    assert "not a run folder" in error(capsys, "push", tmp_path)
