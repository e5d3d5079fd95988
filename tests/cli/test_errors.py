"""What people get wrong: one line with a hint, exit code 2, nothing half-written."""

import json
import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from firstfault.cli.main import main
from firstfault.models import BUNDLED

PROBLEMS = [{"question": "1 + 1?", "answer": "2"}, {"question": "2 + 2?", "answer": "4"}]


def jsonl(path: Path, rows: list[object]) -> Path:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


def error_of(capsys: pytest.CaptureFixture[str], arguments: list[object]) -> str:
    capsys.readouterr()
    assert main([str(argument) for argument in arguments]) == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    lines = captured.err.strip().splitlines()
    assert len(lines) == 1, lines
    assert lines[0].startswith("error: ")
    return lines[0]


def test_an_unknown_key_of_a_configuration(tmp_path: Path, capsys):
    (tmp_path / "run.yaml").write_text("variants: [{method: rtn}]\nmodle: here\n")
    said = error_of(capsys, ["run", tmp_path / "run.yaml", "--out", tmp_path / "out"])
    assert "modle: unknown key" in said
    assert "Did you mean `model`?" in said
    assert not (tmp_path / "out").exists()


def test_a_missing_file(tmp_path: Path, capsys):
    said = error_of(capsys, ["run", tmp_path / "none.yaml"])
    assert "none.yaml: no such file" in said
    said = error_of(capsys, ["measure", "--problems", tmp_path / "none.jsonl", "--solutions", "a=b.jsonl"])
    assert "none.jsonl: no such file" in said


def test_a_malformed_line_is_named_by_file_and_number(tmp_path: Path, capsys):
    problems = jsonl(tmp_path / "problems.jsonl", PROBLEMS)
    solutions = tmp_path / "a.jsonl"
    solutions.write_text('{"question": "1 + 1?", "text": "Answer: 2"}\n{"question": \n')
    arguments = ["measure", "--problems", problems, "--solutions", f"a={solutions}"]
    said = error_of(capsys, [*arguments, "--out", tmp_path / "out"])
    assert "a.jsonl:2: not JSON" in said
    assert not (tmp_path / "out").exists()


def test_a_solution_of_an_unknown_problem(tmp_path: Path, capsys):
    problems = jsonl(tmp_path / "problems.jsonl", PROBLEMS)
    solutions = jsonl(tmp_path / "a.jsonl", [{"question": "9 + 9?", "text": "18"}])
    said = error_of(capsys, ["measure", "--problems", problems, "--solutions", f"a={solutions}"])
    assert "a.jsonl:1: unknown problem" in said


def test_an_empty_problem_set(tmp_path: Path, capsys):
    said = error_of(
        capsys, ["measure", "--problems", jsonl(tmp_path / "p.jsonl", []), "--solutions", "a=b.jsonl"]
    )
    assert "p.jsonl" in said


def test_a_model_folder_without_a_tokenizer(tmp_path: Path, capsys, tiny_model: Path):
    bare = tmp_path / "bare"
    bare.mkdir()
    for name in ("config.json", "model.safetensors"):
        (bare / name).write_bytes((tiny_model / name).read_bytes())
    problems = jsonl(tmp_path / "problems.jsonl", PROBLEMS)
    said = error_of(capsys, ["measure", "--problems", problems, "--model", f"bare={bare}"])
    assert str(bare) in said
    assert "tokenizer" in said


def test_an_unknown_recipe(tmp_path: Path, capsys, tiny_model: Path):
    for options, named in (
        (["--method", "magic"], "magic"),
        (["--scheme", "W5A16"], "W5A16"),
        (["--method", "smoothquant", "--scheme", "W4A16"], "W4A16"),
        (["--group-size", "100"], "100"),
    ):
        said = error_of(capsys, ["quantize", tiny_model, "--out", tmp_path / "out", *options])
        assert named in said
        assert not (tmp_path / "out").exists()


def test_an_unknown_judge_and_one_without_its_model(tmp_path: Path, capsys):
    items = tmp_path / "items.json"
    items.write_text(json.dumps([{"id": "x", "problem": "1 + 1?", "steps": ["1 + 1 = 2"]}]))
    out = tmp_path / "v.jsonl"
    assert "unknown judge" in error_of(capsys, ["judge", items, "--judge", "wise", "--out", out])
    assert "needs a model" in error_of(capsys, ["judge", items, "--judge", "rollout", "--out", out])
    assert not out.exists()


def test_a_folder_that_is_no_run(tmp_path: Path, capsys):
    assert "not a run folder" in error_of(capsys, ["report", tmp_path])
    assert "report.json" in error_of(capsys, ["show", tmp_path])


def test_pairs_that_are_none(tmp_path: Path, capsys, tiny_model: Path):
    pairs = jsonl(tmp_path / "pairs.jsonl", [])
    said = error_of(capsys, ["restore", "--model", tiny_model, "--dataset", pairs, "--out", tmp_path / "out"])
    assert "no pairs" in said
    assert not (tmp_path / "out").exists()


def test_control_characters_of_a_file_never_reach_the_terminal(tmp_path: Path, capsys):
    (tmp_path / "run.yaml").write_text('variants: [{method: rtn}]\n"\\e]0;owned\\a": 1\n')
    said = error_of(capsys, ["run", tmp_path / "run.yaml"])
    assert "\x1b" not in said
    assert "\x07" not in said


def test_a_usage_error_has_the_same_exit_code(capsys):
    assert main(["measure"]) == 2
    assert "--problems" in capsys.readouterr().err


@pytest.mark.skipif(not BUNDLED.is_dir(), reason="needs the bundled model")
def test_ctrl_c_leaves_a_run_that_can_go_on_and_says_so(tmp_path: Path):
    arguments = [
        *("quickstart", "--out", str(tmp_path / "run"), "--set", "variants=[{method: rtn, scheme: W3A16}]"),
        *("--set", "headline=null", "--set", "problems.abacus={mining: 400, held_out: 400}"),
        *("--set", "batch_size=4", "--set", "threads=1"),
    ]
    process = subprocess.Popen(
        [sys.executable, "-m", "firstfault.cli.main", *arguments],
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "COLUMNS": "200"},
        cwd=tmp_path,
    )
    assert process.stderr is not None
    first = process.stderr.readline()
    assert "Quantizing: rtn-w3g128: done" in first
    process.send_signal(signal.SIGINT)
    rest = process.stderr.read()
    assert process.wait() == 130
    assert "the same command goes on" in rest
    assert "Traceback" not in rest
    assert (tmp_path / "run" / "config.yaml").is_file()


@pytest.mark.parametrize(
    ("spoil", "said"),
    [
        (lambda folder: (folder / "model-00002-of-00003.safetensors").unlink(), "of 3 files missing"),
        (
            lambda folder: (folder / "config.json").write_text(
                (folder / "config.json").read_text().replace('"gemm"', '"gemv"')
            ),
            "AWQ at 4 bits in 'gemv' order",
        ),
    ],
)
def test_a_quantized_checkpoint_that_can_not_be_read(spoil, said, tmp_path: Path, capsys):
    pytest.importorskip("torch", reason="needs the extra `local`")
    made = Path(__file__).parent.parent / "quant" / "fixtures" / "awq"
    folder = shutil.copytree(made, tmp_path / "awq")
    spoil(folder)
    problems = jsonl(tmp_path / "problems.jsonl", PROBLEMS)
    arguments = ["measure", "--problems", problems, "--model", f"awq={folder}", "--out", tmp_path / "out"]
    assert said in error_of(capsys, arguments)
    assert not (tmp_path / "out").exists()
