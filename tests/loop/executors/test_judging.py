"""A file judged in shards, as a person would type it: the same rows as without, wherever they are judged."""

import json
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from firstfault.cli.main import main
from firstfault.datasets.abacus import generate
from firstfault.datasets.injector import inject, right_solution
from firstfault.datasets.records import ErrorType, Split
from firstfault.datasets.store import read_records, write_records
from firstfault.judge.config import JudgeConfig
from firstfault.judge.judged import Judged
from firstfault.loop.executors.judging import JudgeItems, Panel
from firstfault.loop.rollout import FileRollout
from hostile import Act, Hostile
from simulated import fenced, reply_text

BAD = [{"id": "no steps", "problem": "q", "steps": "none"}, {"id": "no text", "steps": ["1"]}, 7]


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """Solutions right and wrong, and items that can't be judged."""
    rows: list[object] = []
    for number, problem in enumerate(generate(Split.HELD_OUT, 60, seed=3)):
        faulty = inject(problem, 0, ErrorType.EXECUTION, seed=number) if number % 2 else None
        solution = faulty.solution if faulty else right_solution(problem)
        rows.append(
            {
                "id": f"s{number}",
                "problem": problem.question,
                "answer": problem.answer,
                "steps": solution.steps,
            }
        )
    path = tmp_path / "items.json"
    path.write_text(json.dumps([*rows[:20], *BAD, *rows[20:]]))
    return path


def judge(*arguments: object) -> int:
    return main(["judge", *map(str, arguments)])


def panel(path: Path, text: str = "[symbolic]", **fields: object) -> Path:
    more = "".join(f"  {name}: {value}\n" for name, value in fields.items())
    path.write_text(f"judge:\n  panel: {text}\n  shard_size: 7\n{more}")
    return path


def test_in_shards_or_not_the_rows_are_the_same(file: Path, tmp_path: Path, capsys):
    config = panel(tmp_path / "judge.yaml")
    assert judge(file, "--config", config, "--out", tmp_path / "whole.jsonl") == 0
    assert judge(file, "--config", config, "--executor", "local", "--out", tmp_path / "cut.jsonl") == 0
    assert (tmp_path / "cut.jsonl").read_bytes() == (tmp_path / "whole.jsonl").read_bytes()
    assert not (tmp_path / "cut.jsonl.shards").exists()
    said = capsys.readouterr().out.replace("cut", "whole").splitlines()
    assert said[0] == said[1]


def test_a_folder_gets_the_rows_as_parquet_files_that_any_reader_takes_together(file: Path, tmp_path: Path):
    from pyarrow import dataset

    config = panel(tmp_path / "judge.yaml")
    judge(file, "--config", config, "--out", tmp_path / "whole.jsonl")
    assert judge(file, "--config", config, "--executor", "local", "--out", tmp_path / "out") == 0
    rows = [json.loads(line) for line in (tmp_path / "whole.jsonl").read_text().splitlines()]
    parts = sorted((tmp_path / "out").iterdir())
    assert len(parts) == 9
    assert [row.row() for part in parts for row in read_records(part, Judged)] == rows
    assert [one["id"] for one in dataset.dataset(parts).to_table().to_pylist()] == [row["id"] for row in rows]


def test_our_solutions_take_their_problems_along(tmp_path: Path):
    problems = generate(Split.MINING, 20, seed=1)
    write_records(tmp_path / "problems.jsonl", problems)
    write_records(tmp_path / "solutions.parquet", [right_solution(one) for one in problems])
    config = panel(tmp_path / "judge.yaml")
    given = (tmp_path / "solutions.parquet", "--problems", tmp_path / "problems.jsonl", "--config", config)
    assert judge(*given, "--out", tmp_path / "whole.jsonl") == 0
    assert judge(*given, "--executor", "local", "--out", tmp_path / "cut.jsonl") == 0
    assert (tmp_path / "cut.jsonl").read_bytes() == (tmp_path / "whole.jsonl").read_bytes()


def test_three_nodes_judge_as_one_process_and_go_on_where_they_were(file: Path, tmp_path: Path, nodes):
    config = panel(tmp_path / "judge.yaml")
    judge(file, "--config", config, "--out", tmp_path / "whole.jsonl")
    ray = ("--config", config, "--executor", "ray", "--address", nodes.address)
    shards = tmp_path / "shards"
    out = tmp_path / "ray.jsonl"
    assert judge(file, *ray, "--shards", shards, "--out", out) == 0
    assert out.read_bytes() == (tmp_path / "whole.jsonl").read_bytes()
    parts = sorted(shards.glob("shard-*.parquet"))
    times = [path.stat().st_mtime_ns for path in parts]
    parts[3].unlink()
    assert judge(file, *ray, "--shards", shards, "--out", out) == 0
    assert [path.stat().st_mtime_ns == time for path, time in zip(parts, times, strict=True)].count(
        False
    ) == 1
    assert out.read_bytes() == (tmp_path / "whole.jsonl").read_bytes()


def answer(text: str, _: int) -> Act:
    """Says of each solution the same to everyone: which step it is depends on its text."""
    _, steps = fenced(text)
    return Act(content=reply_text(len(steps), len(steps[0]) % len(steps), ErrorType.METHOD))


def test_nodes_ask_a_language_model_once_about_each_solution(file: Path, tmp_path: Path, nodes):
    with Hostile(answer) as server:
        text = f"[symbolic, {{llm: tiny, base_url: '{server.url}'}}]"
        config = panel(tmp_path / "judge.yaml", text, ledger=tmp_path / "ledger.sqlite")
        ray = ("--executor", "ray", "--address", nodes.address, "--out", tmp_path / "ray.jsonl")
        assert judge(file, "--config", config, *ray) == 0
        asked = server.asked.total()
        assert set(server.answered.values()) == {1}
        assert judge(file, "--config", config, "--out", tmp_path / "whole.jsonl") == 0
        # All answers were in the ledger that the nodes had shared.
        assert server.asked.total() == asked == 60
    rows = [json.loads(line) for line in (tmp_path / "whole.jsonl").read_text().splitlines()]
    assert rows == [json.loads(line) for line in (tmp_path / "ray.jsonl").read_text().splitlines()]
    assert {row["requests"] for row in rows} == {0, 1}


def test_solutions_that_were_not_asked_about_are_no_finished_shard(file: Path, tmp_path: Path, capsys):
    with Hostile(answer) as server:
        text = f"[{{llm: tiny, base_url: '{server.url}', concurrency: 1}}]"
        poor = panel(tmp_path / "poor.yaml", text, ledger=tmp_path / "l.sqlite", budget="{tokens: 150}")
        local = ("--executor", "local", "--out", tmp_path / "out")
        assert judge(file, "--config", poor, *local) == 2
        assert (
            "solutions were not judged: not asked: the budget of 150 tokens is spent"
            in capsys.readouterr().err
        )
        before, there = server.asked.total(), len(list((tmp_path / "out").glob("shard-*")))
        rich = panel(tmp_path / "rich.yaml", text, ledger=tmp_path / "l.sqlite")
        assert judge(file, "--config", rich, *local) == 0
        assert (before, there) == (10, 1)
        assert server.asked.total() == 60


def test_a_budget_holds_for_all_nodes_together(file: Path, tmp_path: Path, nodes, capsys):
    with Hostile(answer) as server:
        text = f"[{{llm: tiny, base_url: '{server.url}'}}]"
        poor = panel(tmp_path / "poor.yaml", text, ledger=tmp_path / "l.sqlite", budget="{tokens: 300}")
        ray = ("--executor", "ray", "--address", nodes.address, "--out", tmp_path / "out")
        assert judge(file, "--config", poor, *ray) == 2
        assert "the budget of 300 tokens is spent" in capsys.readouterr().err
        # 15 tokens each; reckoned with those in flight, one may be too many.
        assert server.asked.total() in (20, 21)
        rich = panel(tmp_path / "rich.yaml", text, ledger=tmp_path / "l.sqlite", budget="{tokens: 10000}")
        assert judge(file, "--config", rich, *ray) == 0
        assert (server.asked.total(), set(server.answered.values())) == (60, {1})


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--address", "auto"), "--address: nothing is done in shards"),
        (("--shards", "x"), "--shards: nothing is done in shards"),
        (("--executor", "slurm"), "--executor slurm: unknown"),
        (("--executor", "local", "--address", "auto"), "--address is of a cluster"),
        (("--executor", "local", "--batch-write", "x.jsonl"), "Leave out --executor"),
        (("--executor", "local", "--judge", "rollout"), "the rollout judge needs a model"),
    ],
)
def test_options_that_do_not_fit_are_refused(file: Path, tmp_path: Path, capsys, arguments, said):
    assert judge(file, "--out", tmp_path / "v.jsonl", *arguments) == 2
    assert said in capsys.readouterr().err


def test_shards_and_a_folder_for_the_result_are_one_too_many(file: Path, tmp_path: Path, capsys):
    assert judge(file, "--out", tmp_path / "v", "--executor", "local", "--shards", tmp_path / "s") == 2
    assert "gets the shards itself" in capsys.readouterr().err


PAID = "[{llm: big, base_url: 'https://api.example.com/v1', api_key_env: KEY}]"


def test_a_paid_model_is_not_asked_by_nodes_that_share_no_ledger(
    file: Path, tmp_path: Path, nodes, capsys, monkeypatch
):
    monkeypatch.setenv("KEY", "sk-0123456789abcdef")
    config = panel(tmp_path / "judge.yaml", PAID)
    out = ("--out", tmp_path / "out", "--yes")
    ray = ("--executor", "ray", "--address", nodes.address)
    assert judge(file, "--config", config, *ray, *out) == 2
    assert "is a file, which other machines don't see" in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


def test_a_paid_model_needs_a_budget_or_a_yes(file: Path, tmp_path: Path, capsys):
    config = panel(tmp_path / "judge.yaml", PAID)
    assert judge(file, "--config", config, "--executor", "local", "--out", tmp_path / "out") == 2
    assert "judge.budget: none, and asking big may cost money" in capsys.readouterr().err


def test_a_command_that_is_killed_goes_on_where_it_was(tmp_path: Path, nodes):
    rows = [
        {"id": f"s{n}", "problem": problem.question, "steps": right_solution(problem).steps}
        for n, problem in enumerate(generate(Split.HELD_OUT, 400, seed=5))
    ]
    file, config, out = tmp_path / "items.json", panel(tmp_path / "judge.yaml"), tmp_path / "out"
    file.write_text(json.dumps(rows * 4))
    given = ("--config", config, "--executor", "ray", "--address", nodes.address, "--out", out)
    command = [sys.executable, "-m", "firstfault.cli.main", "judge", file, *given]
    with subprocess.Popen(list(map(str, command)), stderr=subprocess.DEVNULL) as process:
        while len(there := list(out.glob("shard-*"))) < 20 and process.poll() is None:
            time.sleep(0.02)
        process.send_signal(signal.SIGKILL)
    assert process.returncode == -signal.SIGKILL
    written = {path: path.stat().st_mtime_ns for path in there}
    assert judge(file, *given) == 0
    assert len(list(out.glob("shard-*"))) == 229
    assert {path: path.stat().st_mtime_ns for path in written} == written
    assert judge(file, "--config", config, "--out", tmp_path / "whole.jsonl") == 0
    rows = [row.row() for part in sorted(out.glob("shard-*")) for row in read_records(part, Judged)]
    assert rows == [json.loads(line) for line in (tmp_path / "whole.jsonl").read_text().splitlines()]


def test_what_a_cluster_is_given_shows_no_password():
    panel = Panel(JudgeConfig(), "postgresql://me:s3cr@host/db", FileRollout(None, 512))
    assert "s3cr" not in repr(panel) + repr(JudgeItems(panel))


def test_who_asks_more_slowly_goes_on_where_they_were():
    def described(**more: object) -> object:
        config = JudgeConfig.model_validate({"panel": ["symbolic", {"llm": "m", **more}]})
        return Panel(config, "postgresql://h/d", FileRollout(None, 512)).described()

    slow = {"concurrency": 2, "requests_per_minute": 60, "timeout": 9, "retries": 20, "api_key_env": "MINE"}
    assert described(**slow) == described()
    for other in ({"temperature": 0.5}, {"samples": 3}, {"max_tokens": 9}, {"llm": "other"}):
        assert described(**other) != described()


def test_what_an_endpoint_gave_no_answer_to_is_asked_for_again(tmp_path: Path, capsys):
    wanted = {"down": True}

    def plan(text: str, _number: int) -> Act:
        is_lost = wanted["down"] and "What is 2 " in text
        return Act(500) if is_lost else Act(content=reply_text(1, None))

    rows = [{"id": str(n), "problem": f"What is {n} + 1?", "steps": [f"It is {n + 1}"]} for n in range(4)]
    file = tmp_path / "solutions.jsonl"
    file.write_text("".join(json.dumps(row) + "\n" for row in rows))
    with Hostile(plan) as server:
        members = f"[{{llm: m, base_url: '{server.url}', retries: 0}}]"
        config = panel(tmp_path / "judge.yaml", members, ledger=tmp_path / "ledger.sqlite")
        config.write_text(config.read_text().replace("shard_size: 7", "shard_size: 2"))
        out = tmp_path / "out"
        command = (file, "--config", config, "--out", out, "--executor", "local", "--yes")
        assert judge(*command) == 0
        assert "No answer came to some, in 1 shards: the same command asks again." in capsys.readouterr().out
        wanted["down"] = False
        assert judge(*command) == 0
        assert "No answer" not in capsys.readouterr().out
        assert {
            text: number for text, number in server.asked.items() if number > 1 and "What is 2 " not in text
        } == {}
    assert all(
        row.status.value == "clean"
        for part in sorted(out.glob("shard-*"))
        for row in read_records(part, Judged)
    )
