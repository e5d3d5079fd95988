"""`judge` and its subcommands, as a person would type them."""

import json
from pathlib import Path

import pytest
from firstfault.cli.main import main
from firstfault.datasets.records import ErrorType
from hostile import Act, Hostile
from simulated import reply_text

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


REPLY = reply_text(2, 1, ErrorType.EXECUTION)


@pytest.fixture
def panel(tmp_path: Path):
    """A configuration that asks a server on this machine, and what was asked of it."""
    with Hostile(lambda _text, _number: Act(content=REPLY)) as server:
        path = tmp_path / "judge.yaml"
        path.write_text(f"judge:\n  panel: [symbolic, {{llm: tiny, base_url: '{server.url}'}}]\n")
        yield path, server


def test_a_panel_of_a_file_asks_a_language_model_and_never_twice(file: Path, panel, capsys):
    config, server = panel
    arguments = ("judge", file, "--config", config, "--ledger", file.parent / "ledger.sqlite", "--out")
    first = run(capsys, *arguments, file.parent / "first.jsonl")
    assert first["items"] == 4
    asked = sum(server.asked.values())
    assert asked >= 3
    rows = [json.loads(line) for line in (file.parent / "first.jsonl").read_text().splitlines()]
    assert (rows[0]["status"], rows[0]["first_fault"], rows[0]["error_type"]) == ("faulty", 1, "execution")
    run(capsys, *arguments, file.parent / "second.jsonl")
    assert sum(server.asked.values()) == asked
    assert (file.parent / "second.jsonl").read_text() == (file.parent / "first.jsonl").read_text()
    assert run(capsys, "judge", "cost", file.parent / "ledger.sqlite")["models"][0]["model"] == "tiny"


@pytest.mark.parametrize("is_priced", [True, False])
def test_bench_tells_what_a_right_verdict_takes(file: Path, panel, capsys, is_priced: bool):
    config, _ = panel
    if is_priced:
        config.write_text(config.read_text().replace("tiny,", "tiny, price: {prompt: 1, completion: 4},"))
    out = file.parent / "v.jsonl"
    arguments = ("judge", file, "--config", config, "--ledger", file.parent / "ledger.sqlite", "--out", out)
    run(capsys, *arguments)
    first = run(capsys, "judge", "bench", file, "--verdicts", out)["cost"]
    # Three labelled solutions of 10 + 5 tokens each; the clean one is called faulty.
    assert (first["right"], first["requests"], first["tokens"], first["tokens_per_right"]) == (2, 3, 45, 22.5)
    usd = pytest.approx(3 * (10 * 1 + 5 * 4) / 1e6) if is_priced else None
    assert first["usd"] == usd
    assert first["usd_per_right"] == (pytest.approx(45e-6) if is_priced else None)
    # What the ledger answers has cost the same, whenever it was paid for.
    run(capsys, *arguments)
    assert run(capsys, "judge", "bench", file, "--verdicts", out)["cost"] == first
    assert main(["judge", "bench", str(file), "--verdicts", str(out)]) == 0
    said = capsys.readouterr().out
    assert "tokens" in said
    assert ("$4.5e-05" in said) == is_priced


def test_what_costs_money_wants_somebody_to_agree(file: Path, capsys, monkeypatch):
    monkeypatch.setenv("SOME_KEY", "k-123")
    config = file.parent / "judge.yaml"
    config.write_text(
        "judge: {panel: [{llm: big, base_url: 'http://192.0.2.1/v1', api_key_env: SOME_KEY,"
        " price: {prompt: 1, completion: 4}}]}"
    )
    arguments = ["judge", file, "--config", config, "--ledger", file.parent / "l.sqlite"]
    assert main([*map(str, arguments), "--out", str(file.parent / "v.jsonl")]) == 2
    said = capsys.readouterr().err
    assert "big: 3 requests" in said
    assert "--yes" in said
    assert not (file.parent / "v.jsonl").exists()


def test_a_missing_key_is_said_before_anything_is_done(file: Path, capsys, monkeypatch):
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)
    config = file.parent / "judge.yaml"
    config.write_text("judge: {panel: [symbolic, {llm: big}]}")
    arguments = ["judge", file, "--config", config, "--out", file.parent / "v.jsonl"]
    assert main([*map(str, arguments), "--ledger", str(file.parent / "l.sqlite")]) == 2
    assert "OPENAI_API_KEY" in capsys.readouterr().err


def test_a_ledger_is_named_relative_to_its_file_and_a_model_not_like_a_judge(file: Path, panel, capsys):
    config, _ = panel
    config.write_text(config.read_text() + "  ledger: kept/answers.sqlite\n")
    run(capsys, "judge", file, "--config", config, "--out", file.parent / "v.jsonl")
    assert (config.parent / "kept" / "answers.sqlite").is_file()
    config.write_text("judge: {panel: [{llm: symbolic, base_url: 'http://127.0.0.1:9/v1'}]}")
    assert main(["judge", str(file), "--config", str(config), "--out", str(file.parent / "w.jsonl")]) == 2
    assert "another judge" in capsys.readouterr().err
    config.write_text("judge: {panel: [{llm: m, base_ur: 'http://127.0.0.1:9/v1'}]}")
    assert main(["judge", str(file), "--config", str(config), "--out", str(file.parent / "w.jsonl")]) == 2
    assert "Did you mean `base_url`?" in capsys.readouterr().err


def test_too_few_labels_to_calibrate_on_and_a_threshold_without_calibration_are_said(file: Path, capsys):
    config = file.parent / "judge.yaml"
    config.write_text("judge: {panel: [symbolic]}")
    out = file.parent / "c.json"
    arguments = ["judge", "calibrate", str(file), "--config", str(config), "--out", str(out)]
    assert main(arguments) == 2
    assert "3 labelled solutions are too few" in capsys.readouterr().err
    assert not out.exists()
    config.write_text("judge: {panel: [symbolic], adaptive: {confidence: 0.9}}")
    assert main(["judge", str(file), "--config", str(config), "--out", str(out)]) == 2
    assert "needs a calibration" in capsys.readouterr().err
    config.write_text("judge: {panel: [symbolic], calibration: none.json}")
    assert main(["judge", str(file), "--config", str(config), "--out", str(out)]) == 2
    assert "none.json: no such file" in capsys.readouterr().err
