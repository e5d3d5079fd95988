"""`firstfault ledger` as a person would type it."""

import json
from pathlib import Path

import pytest
from firstfault.annotate.engines.ledger import Ledger
from firstfault.cli.main import main
from firstfault.datasets.records import Usage

DAY = 86_400


@pytest.fixture
def path(tmp_path: Path) -> Path:
    now = 1_700_000_000.0
    path = tmp_path / "ledger.sqlite"
    with Ledger(path, clock=lambda: now) as ledger:
        for key, model in (("a", "m"), ("b", "m"), ("c", "[red]n")):
            ledger.store(key, "http://localhost:1/v1", model, '{"choices": [], "n": "✓"}', 0.5)
            ledger.settle(key, Usage(requests=1, prompt_tokens=100, completion_tokens=20), 0.125)
        ledger.fail("d", "http://localhost:1/v1", "m", "HTTP 500 (7 attempts)")
    return path


def test_show_gives_counts_tokens_and_cost_of_each_model(path: Path, capsys):
    assert main(["ledger", "show", str(path), "--json"]) == 0
    shown = json.loads(capsys.readouterr().out)
    assert [(row["model"], row["answered"], row["failed"]) for row in shown["models"]] == [
        ("[red]n", 1, 0),
        ("m", 2, 1),
    ]
    assert shown["total"]["usd"] == 0.375
    assert shown["total"]["prompt_tokens"] == 300
    assert shown["models"][0]["first"] == "2023-11-14T22:13:20+00:00"


def test_show_is_a_table_for_people_and_names_are_plain_text(path: Path, capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", "200")
    assert main(["ledger", "show", str(path)]) == 0
    out = capsys.readouterr().out
    assert "[red]n" in out
    assert "$0.3750" in out


def test_export_writes_a_line_a_request_with_its_answer_as_json(path: Path, tmp_path: Path, capsys):
    assert main(["ledger", "export", str(path)]) == 0
    rows = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [row["key"] for row in rows] == ["a", "b", "c", "d"]
    assert rows[0]["answer"] == {"choices": [], "n": "✓"}
    assert rows[0]["created"] == "2023-11-14T22:13:20+00:00"
    assert (rows[3]["state"], rows[3]["answer"], rows[3]["reason"]) == (
        "failed",
        None,
        "HTTP 500 (7 attempts)",
    )
    out = tmp_path / "out.jsonl"
    assert main(["ledger", "export", str(path), "--out", str(out), "--json"]) == 0
    assert json.loads(capsys.readouterr().out) == {"requests": 4, "out": str(out)}
    assert [json.loads(line) for line in out.read_text().splitlines()] == rows


def test_prune_forgets_by_model_and_by_age(path: Path, capsys):
    assert main(["ledger", "prune", str(path), "--model", "[red]n", "--json"]) == 0
    assert json.loads(capsys.readouterr().out) == {"forgotten": 1}
    assert main(["ledger", "prune", str(path), "--older-than", "100000"]) == 0
    assert "0 requests forgotten" in capsys.readouterr().out
    assert main(["ledger", "prune", str(path), "--older-than", "1", "--json"]) == 0
    assert json.loads(capsys.readouterr().out) == {"forgotten": 3}


def test_prune_forgets_nothing_unless_told_what(path: Path, capsys):
    assert main(["ledger", "prune", str(path)]) == 2
    assert "--older-than" in capsys.readouterr().err
    assert main(["ledger", "prune", str(path), "--older-than", "nan"]) == 2
    with Ledger(path) as ledger:
        assert len(list(ledger.rows())) == 4


@pytest.mark.parametrize("command", ["show", "export", "prune"])
def test_a_ledger_that_is_not_there_is_not_made(command: str, tmp_path: Path, capsys):
    arguments = ["--model", "m"] if command == "prune" else []
    assert main(["ledger", command, str(tmp_path / "none.sqlite"), *arguments]) == 2
    assert "none.sqlite: no such ledger" in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []


def test_the_default_is_the_ledger_of_the_current_folder(path: Path, capsys, monkeypatch):
    monkeypatch.chdir(path.parent)
    assert main(["ledger", "show", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["ledger"] == "ledger.sqlite"
