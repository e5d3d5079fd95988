"""Judging in batches, through an API and by hand, as a person would type it."""

import json
from pathlib import Path

import pytest
from batches import Batches, Fate
from firstfault.cli.main import main
from firstfault.datasets.records import ErrorType
from hostile import Act, body_of
from simulated import reply_text

ITEMS = [
    {"id": "a", "problem": "q", "steps": ["1 + 1 = 2", "2 * 3 = 7"], "label": 1},
    {"id": "b", "problem": "r", "steps": ["1 + 1 = 3", "so 3"], "label": 0},
]
RIGHT = Act(content=reply_text(2, 1, ErrorType.EXECUTION))
CLEAN = Act(content=reply_text(2, None, confidence=0.6))
USELESS = Act(content="I'd rather not say.")


@pytest.fixture
def file(tmp_path: Path) -> Path:
    (tmp_path / "items.json").write_text(json.dumps(ITEMS))
    return tmp_path / "items.json"


def configure(file: Path, url: str, more: str = "") -> Path:
    path = file.parent / "judge.yaml"
    path.write_text(f"judge: {{panel: [{{llm: tiny, base_url: '{url}'{more}}}], ledger: l.sqlite}}\n")
    return path


def run(capsys: pytest.CaptureFixture[str], *arguments: object) -> dict:
    assert main(["judge", *map(str, arguments), "--json"]) == 0
    return json.loads(capsys.readouterr().out)


def statuses(path: Path) -> list[str]:
    return [json.loads(line)["status"] for line in path.read_text().splitlines()]


@pytest.mark.parametrize("how", ["option", "configuration"])
def test_a_file_is_judged_in_batches_and_repairs_go_into_the_next(file: Path, capsys, how: str):
    def plan(text: str, _: int) -> Act:
        return USELESS if "1 + 1 = 3" in text and "could not be used" not in text else RIGHT

    out = file.parent / "v.jsonl"
    with Batches(plan) as server:
        config = configure(file, server.url, "" if how == "option" else ", batch: {poll: 0.01}")
        arguments = ["--batch"] if how == "option" else []
        found = run(capsys, file, "--config", config, "--out", out, *arguments)
        assert (found["items"], found["faulty"]) == (2, 2)
        made = len(server.batches)
        assert made == 2
        run(capsys, file, "--config", config, "--out", out, *arguments)
        assert len(server.batches) == made


def test_an_adaptive_panel_makes_a_batch_per_model_and_the_last_holds_only_what_is_open(file: Path, capsys):
    def plan(text: str, number: int) -> Act:
        # The second of the three to be asked says otherwise of one solution.
        return CLEAN if "1 + 1 = 3" in text and number == 1 else RIGHT

    out, config = file.parent / "v.jsonl", file.parent / "judge.yaml"
    with Batches(plan) as server:
        models = [f"{{llm: {name}, base_url: '{server.url}', batch: {{poll: 0.01}}}}" for name in "xyz"]
        config.write_text(f"judge: {{panel: [{', '.join(models)}], adaptive: {{}}, ledger: l.sqlite}}\n")
        assert run(capsys, file, "--config", config, "--out", out)["faulty"] == 2
        assert len(server.batches) == 3
        assert [line["body"]["model"] for line in server.lines] == ["x", "x", "y", "y", "z"]
        run(capsys, file, "--config", config, "--out", out)
        assert len(server.batches) == 3


def test_requests_are_written_and_results_read_by_hand(file: Path, capsys):
    config = configure(file, "http://127.0.0.1:9/v1")
    requests, results, out = (file.parent / name for name in ("in.jsonl", "out.jsonl", "v.jsonl"))
    options = (file, "--config", config)
    [written] = run(capsys, *options, "--batch-write", requests)["files"]
    assert written == {"file": str(requests), "model": "tiny", "requests": 2}
    lines = [json.loads(line) for line in requests.read_text().splitlines()]

    def answer(number: int, act: Act) -> str:
        response = {"status_code": 200, "body": json.loads(body_of(act))}
        return (
            json.dumps({"custom_id": lines[number]["custom_id"], "response": response, "error": None}) + "\n"
        )

    results.write_text(answer(1, USELESS) + answer(0, RIGHT))
    found = run(capsys, *options, "--batch-read", results, "--out", out)
    assert (found["faulty"], found["unscored"]) == (1, 1)
    assert statuses(out) == ["faulty", "unscored"]
    # What is left is the question about the answer that could not be used.
    run(capsys, *options, "--batch-write", requests)
    lines = [json.loads(line) for line in requests.read_text().splitlines()]
    assert len(lines) == 1
    assert "I'd rather not say." in lines[0]["body"]["messages"][-1]["content"]
    results.write_text(answer(0, RIGHT))
    assert run(capsys, *options, "--batch-read", results, "--out", out)["faulty"] == 2
    assert run(capsys, *options, "--batch-write", requests)["files"] == []


def test_more_requests_than_a_file_takes_are_numbered_by_model(file: Path, capsys):
    path = configure(file, "http://127.0.0.1:9/v1")
    path.write_text(
        path.read_text().replace("[{", "[symbolic, {llm: big, base_url: 'http://127.0.0.1:9/v1'}, {")
    )
    made = run(capsys, file, "--config", path, "--batch-write", file.parent / "in.jsonl")["files"]
    assert [(Path(one["file"]).name, one["model"]) for one in made] == [
        ("in-1.jsonl", "big"),
        ("in-2.jsonl", "tiny"),
    ]
    assert not list(file.parent.glob(".in*"))


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--batch-read", "none.jsonl", "--out", "v.jsonl"], "no such file"),
        (["--batch"], "--out"),
        (["--judge", "symbolic", "--batch-write", "in.jsonl"], "no language model"),
    ],
)
def test_what_can_not_be_done_is_exit_code_two(
    file: Path, capsys, arguments: list[str], said: str, monkeypatch
):
    monkeypatch.chdir(file.parent)
    if "--judge" not in arguments:
        arguments = [*arguments, "--config", str(configure(file, "http://127.0.0.1:9/v1"))]
    assert main(["judge", str(file), *arguments]) == 2
    assert said in capsys.readouterr().err


def test_a_batch_that_was_cancelled_is_told(file: Path, capsys):
    with Batches(lambda _text, _number: None, fates=(Fate("cancelled"),)) as server:
        config = configure(file, server.url, ", batch: true")
        assert main(["judge", str(file), "--config", str(config), "--out", str(file.parent / "v.jsonl")]) == 0
    said = capsys.readouterr().err
    assert "2 solutions were not judged: not asked: its batch was cancelled" in said
    assert "batch_0 is cancelled" in said
