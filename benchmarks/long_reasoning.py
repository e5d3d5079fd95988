"""Uncommitted answers and length growth of a real reasoning model quantized to 3 and 4 bits, without a judge.

    python benchmarks/long_reasoning.py FOLDER

FOLDER holds `paired_answers_math500.jsonl` and `math500_w3_wrong_w4_right.jsonl`
(DeepSeek-R1-Distill-Qwen-1.5B on MATH-500, from junsu0306/Quantized-Reasoning-Models, MIT). Lengths are in
words.
"""

import argparse
import json
from pathlib import Path
from typing import Any

from firstfault.annotate.grading import Grader
from firstfault.annotate.lengths import Growth, Lengths, length_growth
from firstfault.annotate.repetition import ends_in_a_loop
from firstfault.annotate.uncommitted import count_uncommitted, find_uncommitted
from firstfault.datasets.records import Finish, Problem, Solution
from rich.console import Console
from rich.table import Table

VARIANTS = ("awq_w4", "awq_w3", "gptq_w4", "gptq_w3", "kv4")


def main() -> None:
    """Print both tables."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("folder", type=Path)
    folder: Path = parser.parse_args().folder
    console = Console(width=110)
    console.print(lengths_table(_rows(folder / "paired_answers_math500.jsonl")))
    uncommitted(_rows(folder / "math500_w3_wrong_w4_right.jsonl"), console)


def lengths_table(rows: list[dict[str, Any]]) -> Table:
    """Compare every variant's words with full precision's."""
    table = Table(
        "variant", "all", "both right", "regressions", title="Words over full precision's (geometric mean)"
    )
    for name in VARIANTS:
        pairs = [
            Lengths(row["fp"]["words"], row[name]["words"], row["fp"]["correct"], row[name]["correct"])
            for row in rows
            if row["fp"]["words"] and row[name]["words"]
        ]
        found = length_growth(pairs)
        table.add_row(name, _growth(found.all), _growth(found.both_right), _growth(found.regressions))
    return table


def uncommitted(rows: list[dict[str, Any]], console: Console) -> None:
    """Search the texts of the 3-bit model's regressions for the right answer."""
    cases: list[tuple[Problem, Solution]] = []
    for row in rows:
        text = row["gptq_w3_text"]
        problem = Problem(id=row["unique_id"], question=row["problem"], answer=row["gold"])
        finish = Finish.DEGENERATE if ends_in_a_loop(text) else Finish.STOP
        cases.append(
            (
                problem,
                Solution(problem_id=problem.id, model="gptq_w3", text=text, correct=False, finish=finish),
            )
        )
    with Grader() as grader, console.status("Searching"):
        searches = find_uncommitted(cases, grader)
    counted = count_uncommitted(searches)
    console.print(counted)
    places = sorted(one.reached.at for one in searches if one.telling and one.reached)
    if places:
        console.print(f"first reached at {places[len(places) // 2]:.0%} of the text (median)")


def _rows(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines() if line]


def _growth(found: Growth) -> str:
    if found.ratio is None:
        return "–"
    high = "" if found.ratio.high is None else f"{found.ratio.high:.2f}"
    return f"{found.ratio.value:.2f} ({found.ratio.low:.2f} to {high}; {found.problems})"


if __name__ == "__main__":
    main()
