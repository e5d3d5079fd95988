"""Every command on small files, as a person would type it."""

import json
from pathlib import Path

import pytest
from firstfault.cli.main import main
from firstfault.datasets.abacus import generate
from firstfault.datasets.injector import inject, right_solution
from firstfault.datasets.records import ErrorType, Pair, Problem, Solution, Split
from firstfault.datasets.store import read_records, write_records
from firstfault.models import BUNDLED

bundled = pytest.mark.skipif(not BUNDLED.is_dir(), reason="needs the bundled model")


def run(capsys: pytest.CaptureFixture[str], *arguments: object) -> dict:
    assert main([*map(str, arguments), "--json"]) == 0
    return json.loads(capsys.readouterr().out)


@pytest.fixture
def problems(tmp_path: Path) -> Path:
    write_records(tmp_path / "problems.jsonl", generate(Split.MINING, 12, levels=[2]))
    return tmp_path / "problems.jsonl"


def test_measure_grades_and_compares_solutions_from_files(tmp_path: Path, problems: Path, capsys):
    known = generate(Split.MINING, 12, levels=[2])
    right = [{"problem_id": p.id, "text": right_solution(p).text} for p in known]
    wrong = [*right[:-3], *({**row, "text": "Answer: 1"} for row in right[-3:])]
    for name, rows in (("full", right), ("awq", wrong)):
        (tmp_path / f"{name}.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    found = run(
        capsys,
        *("measure", "--problems", problems, "--solutions", f"full_precision={tmp_path / 'full.jsonl'}"),
        *("--solutions", f"awq={tmp_path / 'awq.jsonl'}", "--out", tmp_path / "graded"),
    )
    assert found["models"]["full_precision"]["correct"] == 12
    assert found["comparisons"]["awq"]["regressions"] == [p.id for p in known[-3:]]
    graded = read_records(tmp_path / "graded" / "awq.jsonl", Solution)
    assert [one.correct for one in graded] == [True] * 9 + [False] * 3
    assert graded[-1].answer == "1"


def test_judge_keeps_ids_and_writes_a_line_an_item(tmp_path: Path, capsys):
    items = [
        {"id": "good", "problem": "q", "steps": ["1 + 1 = 2", "so 2"]},
        {"id": "bad", "problem": "q", "steps": ["1 + 1 = 2", "2 * 3 = 7"]},
        {"id": "odd", "problem": "q", "steps": "not a list"},
    ]
    (tmp_path / "items.json").write_text(json.dumps(items))
    out = tmp_path / "v.jsonl"
    found = run(capsys, "judge", tmp_path / "items.json", "--judge", "symbolic", "--out", out)
    assert (found["items"], found["faulty"], found["unscored"]) == (3, 1, 1)
    rows = [json.loads(line) for line in (tmp_path / "v.jsonl").read_text().splitlines()]
    assert [row["id"] for row in rows] == ["good", "bad", "odd"]
    assert set(rows[0]) == {"id", "status", "first_fault", "error_type", "confidence", "rationale"}
    assert (rows[1]["first_fault"], rows[1]["error_type"]) == (1, "execution")


@bundled
def test_quantize_judge_curate_and_restore_from_files_to_files(tmp_path: Path, problems: Path, capsys):
    quantized = tmp_path / "quantized"
    made = run(capsys, "quantize", BUNDLED, "--scheme", "W4A16", "--group-size", 32, "--out", quantized)
    assert made["name"] == "rtn-w4g32"
    known = generate(Split.MINING, 12, levels=[2])
    planted = [inject(problem, place % 2, ErrorType.EXECUTION) for place, problem in enumerate(known)]
    write_records(tmp_path / "solutions.jsonl", [one.solution for one in planted if one is not None])
    texts = {one.solution.id: one.solution.text for one in planted if one is not None}
    judged = run(
        capsys,
        *("judge", tmp_path / "solutions.jsonl", "--problems", problems, "--judge", "panel"),
        *("--model", BUNDLED, "--max-tokens", 96, "--out", tmp_path / "v.jsonl"),
    )
    assert judged["faulty"] == len([one for one in planted if one is not None])
    curated = run(
        capsys,
        *("curate", "--problems", problems, "--solutions", tmp_path / "solutions.jsonl"),
        *("--verdicts", tmp_path / "v.jsonl", "--model", BUNDLED, "--size", 4, "--max-tokens", 96),
        *("--out", tmp_path / "pairs.jsonl"),
    )
    assert curated["chosen"] == 4
    pairs = read_records(tmp_path / "pairs.jsonl", Pair)
    assert {pair.step for pair in pairs} == {0, 1}
    for pair in pairs:
        assert (pair.prefix != "") == (pair.step > 0)
        assert texts[pair.solution_id].rstrip() == pair.prefix + pair.rejected
    restored = run(
        capsys,
        *("restore", "--model", quantized, "--dataset", tmp_path / "pairs.jsonl"),
        *("--out", tmp_path / "adapter", "--set", "epochs=1"),
    )
    assert restored["pairs"] == 4
    assert (tmp_path / "adapter" / "adapter_model.safetensors").is_file()


@bundled
def test_measure_generates_with_a_model(problems: Path, capsys):
    found = run(
        capsys, "measure", "--problems", problems, "--model", f"bundled={BUNDLED}", "--max-tokens", 96
    )
    assert found["models"]["bundled"]["n"] == 12
    assert found["models"]["bundled"]["correct"] >= 9


@bundled
def test_measure_asks_as_it_is_told(tmp_path: Path, problems: Path, capsys):
    shown, measured = generate(Split.MINING, 1, levels=[2], seed=9)[0], read_records(problems, Problem)[0]
    for name, one in (("solved", shown), ("leaked", measured)):
        row = {"question": one.question, "solution": f"Step 1: so\n\\boxed{{{one.answer}}}"}
        (tmp_path / f"{name}.jsonl").write_text(json.dumps(row) + "\n")
    arguments = ["measure", "--problems", problems, "--model", f"full_precision={BUNDLED}"]
    arguments += ["--max-tokens", 32, "--out", tmp_path / "out"]

    def written(*prompt: str) -> list[str]:
        run(capsys, *arguments, *(word for one in prompt for word in ("--prompt", one)))
        return [one.text for one in read_records(tmp_path / "out" / "full_precision.jsonl", Solution)]

    example = f"few_shot.file={tmp_path / 'solved.jsonl'}"
    # Of the system message the bundled model's template knows nothing; examples are turns of their own.
    assert written() != written(example, "few_shot.count=1")
    leaked = f"few_shot.file={tmp_path / 'leaked.jsonl'}"
    for prompt, why in (
        ([leaked, "few_shot.count=1"], "example 1 is a held-out problem"),
        (["few_shot.count=1"], "few_shot needs a file"),
        (["anwser=boxed"], "anwser"),
    ):
        asked = [word for one in prompt for word in ("--prompt", one)]
        assert main([str(one) for one in (*arguments, *asked)]) == 2
        assert why in capsys.readouterr().err


def test_measure_reads_answers_in_the_form_that_was_asked_for(tmp_path: Path, problems: Path, capsys):
    known = generate(Split.MINING, 12, levels=[2])
    boxed = [{"problem_id": p.id, "text": f"Step 1: it is so\nAnd so \\boxed{{{p.answer}}}"} for p in known]
    (tmp_path / "boxed.jsonl").write_text("".join(json.dumps(row) + "\n" for row in boxed))
    given = f"full_precision={tmp_path / 'boxed.jsonl'}"
    for form, adherence in (("line", 0.0), ("boxed", 1.0)):
        found = run(
            capsys,
            *("measure", "--problems", problems, "--solutions", given, "--prompt", f"answer={form}"),
        )
        assert found["models"]["full_precision"]["well_formed"]["value"] == adherence
