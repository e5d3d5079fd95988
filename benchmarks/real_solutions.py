"""Grading, comparing and importing measured on real data that none of our models wrote.

    python benchmarks/real_solutions.py [DATA] [--json]

DATA is a folder with `gsm8k/`, `math500/` and `gptq-w3-vs-w4/`, by default `../shared/data` beside
the repository. What the folder holds and where it comes from is in its `SOURCES.md`.
"""

import argparse
import json
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from firstfault.annotate.answers import extract_answer
from firstfault.annotate.grading import Grader
from firstfault.annotate.solutions import read_generations, read_solution
from firstfault.annotate.statistics import mcnemar_p
from firstfault.datasets.problem_sets import load_problems
from firstfault.datasets.records import Finish, Problem
from firstfault.datasets.store import read_rows, write_text

DATA = Path(__file__).resolve().parents[1].parent / "shared" / "data"
GSM8K_MODELS = ("6b_finetuning", "6b_verification", "175b_finetuning", "175b_verification")
VARIANTS = ("awq_w4", "awq_w3", "gptq_w4", "gptq_w3", "kv4")


def rows(path: Path) -> Iterator[dict[str, Any]]:
    return (row for _, row in read_rows(path))


def grading_of_gsm8k_solutions(data: Path, grader: Grader) -> dict[str, Any]:
    """Agreement with the `is_correct` of four models' solutions."""
    n, disagreements = 0, []
    for row in rows(data / "gsm8k" / "example_model_solutions.jsonl"):
        problem = Problem(question=row["question"], answer=extract_answer(row["ground_truth"]) or "")
        for model in GSM8K_MODELS:
            given = row[model]
            solution = read_solution(problem, model, given["solution"], Finish.STOP, None, grader)
            n += 1
            if solution.correct != given["is_correct"]:
                disagreements.append(
                    {"model": model, "question": problem.question, "reference": problem.answer}
                    | {"answer": solution.answer, "is_correct": given["is_correct"]}
                )
    return {"n": n, "agree": n - len(disagreements), "disagreements": disagreements}


def gold_answers(data: Path, grader: Grader) -> dict[str, Any]:
    """How many gold answers, taken from the reference solutions, grade right against themselves."""
    figures: dict[str, Any] = {}
    for name, files in {
        "gsm8k": ["gsm8k/train.jsonl", "gsm8k/test.jsonl"],
        "math500": ["math500/test.jsonl"],
    }.items():
        n, wrong = 0, []
        for file in files:
            solutions = [row.get("solution") or row["answer"] for row in rows(data / file)]
            for problem, solution in zip(load_problems(data / file), solutions, strict=True):
                n += 1
                answers = (problem.answer, extract_answer(solution))
                if not all(grader.grade(answer, problem.answer).correct for answer in answers):
                    wrong.append({"reference": problem.answer, "extracted": answers[1]})
        figures[name] = {"n": n, "right": n - len(wrong), "wrong": wrong}
    return figures


def gold_answers_of_other_problems(data: Path, grader: Grader) -> dict[str, Any]:
    """How many MATH-500 gold answers grade wrong for the next problem: a yes-sayer fails here."""
    answers = [problem.answer for problem in load_problems(data / "math500" / "test.jsonl")]
    pairs = [(a, b) for a, b in zip(answers, answers[1:] + answers[:1], strict=True) if a != b]
    right = [pair for pair in pairs if grader.grade(*pair).correct]
    return {"n": len(pairs), "wrong": len(pairs) - len(right), "right": right}


def flips_of_paired_answers(data: Path) -> dict[str, Any]:
    """Flips and exact McNemar p-values of quantized variants against full precision."""
    pairs = list(rows(data / "gptq-w3-vs-w4" / "paired_answers_math500.jsonl"))
    figures: dict[str, Any] = {}
    for variant in VARIANTS:
        outcomes = [(row["fp"]["correct"], row[variant]["correct"]) for row in pairs]
        regressions, improvements = outcomes.count((True, False)), outcomes.count((False, True))
        figures[variant] = {
            "regressions": regressions,
            "improvements": improvements,
            "mcnemar_p": mcnemar_p(regressions, improvements),
        }
    return figures


def imported_regressions(data: Path, grader: Grader) -> dict[str, Any]:
    """The 3-bit texts and their 4-bit twins, imported the way a user's own files are."""
    table = list(rows(data / "gptq-w3-vs-w4" / "math500_w3_wrong_w4_right.jsonl"))
    figures: dict[str, Any] = {"n": len(table)}
    with tempfile.TemporaryDirectory() as folder:
        problems = [
            {"id": row["unique_id"], "question": row["problem"], "answer": row["gold"]} for row in table
        ]
        problem_file = Path(folder) / "problems.jsonl"
        write_text(problem_file, "".join(json.dumps(problem) + "\n" for problem in problems))
        for variant in ("gptq_w3", "gptq_w4"):
            texts = [{"id": row["unique_id"], "text": row[f"{variant}_text"]} for row in table]
            file = Path(folder) / f"{variant}.jsonl"
            write_text(file, "".join(json.dumps(text) + "\n" for text in texts))
            solutions = read_generations(file, load_problems(problem_file), variant, grader)
            figures[variant] = {
                "right": sum(bool(solution.correct) for solution in solutions),
                "degenerate": sum(solution.finish is Finish.DEGENERATE for solution in solutions),
                "without_answer": sum(solution.answer is None for solution in solutions),
                "with_thinking": sum(solution.thinking is not None for solution in solutions),
                "median_steps": sorted(len(solution.steps) for solution in solutions)[len(solutions) // 2],
            }
    return figures


def measure(data: Path) -> dict[str, Any]:
    figures: dict[str, Any] = {}
    with Grader() as grader:
        for name, part in {
            "gsm8k_solutions": lambda: grading_of_gsm8k_solutions(data, grader),
            "gold_answers": lambda: gold_answers(data, grader),
            "gold_answers_of_others": lambda: gold_answers_of_other_problems(data, grader),
            "paired_answers": lambda: flips_of_paired_answers(data),
            "imported_regressions": lambda: imported_regressions(data, grader),
        }.items():
            start = time.perf_counter()
            figures[name] = part()
            figures[name]["seconds"] = round(time.perf_counter() - start, 2)
    return figures


def show(figures: dict[str, Any]) -> None:
    from rich.console import Console
    from rich.table import Table

    table = Table("measured", "result", "wanted", title="Real solutions")
    graded = figures["gsm8k_solutions"]
    share = graded["agree"] / graded["n"]
    table.add_row(
        "GSM8K solutions graded as `is_correct` says",
        f"{graded['agree']}/{graded['n']} ({share:.2%})",
        "99.5%",
    )
    for name in ("gsm8k", "math500"):
        gold = figures["gold_answers"][name]
        table.add_row(f"{name} gold answers right against themselves", f"{gold['right']}/{gold['n']}", "all")
    others = figures["gold_answers_of_others"]
    table.add_row(
        "math500 gold answers wrong for the next problem", f"{others['wrong']}/{others['n']}", "all"
    )
    for name in VARIANTS:
        flips = figures["paired_answers"][name]
        result = f"{flips['regressions']}/{flips['improvements']}, p = {flips['mcnemar_p']:.3g}"
        table.add_row(f"flips of {name}, exact McNemar", result, "SOURCES.md")
    imported = figures["imported_regressions"]
    n = imported["n"]
    table.add_row("GPTQ 3-bit regressions graded wrong", f"{n - imported['gptq_w3']['right']}/{n}", "75")
    table.add_row("their 4-bit twins graded right", f"{imported['gptq_w4']['right']}/{n}", "75")
    table.add_row("3-bit texts that end in a loop", f"{imported['gptq_w3']['degenerate']}/{n}", "")
    table.add_row("4-bit texts that end in a loop", f"{imported['gptq_w4']['degenerate']}/{n}", "")
    console = Console()
    console.print(table)
    for disagreement in graded["disagreements"]:
        console.print(disagreement)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("data", nargs="?", type=Path, default=DATA)
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    figures = measure(options.data)
    if options.json:
        print(json.dumps(figures, indent=2))
    else:
        show(figures)


if __name__ == "__main__":
    main()
