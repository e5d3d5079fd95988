"""`judge` and its subcommands, as a person would type them."""

import json
from pathlib import Path

import pytest
from firstfault.cli.main import main

ITEMS = [
    {"id": "a", "problem": "q", "steps": ["1 + 1 = 2", "2 * 3 = 7"], "label": 1},
    {"id": "b", "problem": "q", "steps": ["1 + 1 = 3", "so 3"], "label": 0},
    {"id": "c", "problem": "q", "steps": ["1 + 1 = 2", "so 2"], "label": -1},
    {"id": "d", "problem": "q", "steps": "not a list", "label": 0},
]


@pytest.fixture
def file(tmp_path: Path) -> Path:
    (tmp_path / "items.json").write_text(json.dumps(ITEMS))
    return tmp_path / "items.json"


def verdicts(file: Path, **rows: int | None) -> Path:
    path = file.parent / "v.jsonl"
    lines = [
        {"id": name, "status": "clean" if step is None else "faulty", "first_fault": step}
        for name, step in rows.items()
    ]
    path.write_text("".join(json.dumps(line) + "\n" for line in lines))
    return path


def run(capsys: pytest.CaptureFixture[str], *arguments: object) -> dict:
    assert main([*map(str, arguments), "--json"]) == 0
    return json.loads(capsys.readouterr().out)


def test_judging_a_file_needs_no_subcommand_wherever_its_options_stand(file: Path, capsys):
    out = file.parent / "v.jsonl"
    short = run(capsys, "judge", file, "--out", out)
    written = out.read_text()
    assert run(capsys, "judge", "solutions", file, "--out", out) == short
    assert run(capsys, "judge", "--judge", "symbolic", "--out", out, file) == short
    assert (short["items"], short["faulty"], out.read_text()) == (4, 2, written)


def test_bench_scores_what_judge_wrote(file: Path, capsys):
    out = file.parent / "v.jsonl"
    run(capsys, "judge", file, "--out", out)
    scores = run(capsys, "judge", "bench", file, "--verdicts", out)
    assert (scores["items"], scores["accuracy_faulty"], scores["accuracy_clean"]) == (3, 100.0, 0.0)
    assert scores["unsure"] == 1
    right = run(capsys, "judge", "bench", file, "--verdicts", verdicts(file, a=1, b=0, c=None))
    assert right["f1"]["value"] == 100.0


def test_bench_counts_items_without_a_verdict_and_says_it_to_people(file: Path, capsys):
    path = verdicts(file, a=0)
    scores = run(capsys, "judge", "bench", file, "--verdicts", path)
    assert (scores["unscored"], scores["accuracy_faulty"], scores["within_one"]) == (2, 0.0, 50.0)
    assert main(["judge", "bench", str(file), "--verdicts", str(path)]) == 0
    assert "F1" in capsys.readouterr().out


def test_verdicts_on_other_solutions_are_an_error(file: Path, capsys):
    assert main(["judge", "bench", str(file), "--verdicts", str(verdicts(file, z=1))]) == 2
    assert "no verdict on any of these solutions" in capsys.readouterr().err


def test_a_file_without_labels_can_not_be_scored(file: Path, capsys):
    file.write_text(json.dumps([{**ITEMS[0], "label": None}]))
    assert main(["judge", "bench", str(file), "--verdicts", str(verdicts(file, a=1))]) == 2
    assert "label" in capsys.readouterr().err


def test_stepwise_writes_rows_and_tells_what_it_left_out(file: Path, capsys):
    out = file.parent / "rows.jsonl"
    found = run(capsys, "judge", "stepwise", file, "--verdicts", verdicts(file, a=1, b=0), "--out", out)
    assert (found["rows"], found["skipped"]) == (2, {"no verdict": 1})
    rows = [json.loads(line) for line in out.read_text().splitlines()]
    assert rows[0] == {"prompt": "q", "completions": ["1 + 1 = 2", "2 * 3 = 7"], "labels": [True, False]}


@pytest.mark.parametrize("arguments", [["judge"], ["judge", "no-such-file.json"], ["judge", "--nonsense"]])
def test_what_can_not_be_judged_is_exit_code_two(arguments: list[str], tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    assert main(arguments) == 2
