"""Divergence as a locator: how often is the place where the models part the first fault? No judge, one pass.

On the regressions of a finished run, both splits, against the problems' own programs; and, for contrast, how
often the models part within solutions that are right.

    firstfault quickstart --out RUN
    python benchmarks/divergence.py RUN [--right 200] [--json]
"""

import argparse
import json
import time
from collections.abc import Sequence
from pathlib import Path
from random import Random

import torch
from firstfault.annotate.statistics import wilson_interval
from firstfault.datasets.oracle import oracle
from firstfault.datasets.records import Problem, Solution, Split
from firstfault.loop.folder import FULL_PRECISION, RunFolder
from firstfault.loop.models import Models
from firstfault.restore.divergence import Divergence, divergences


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("run", type=Path)
    parser.add_argument("--right", type=int, default=200, help="right solutions to look at")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--json", action="store_true")
    arguments = parser.parse_args()
    torch.set_flush_denormal(True)
    torch.set_num_threads(arguments.threads)
    folder = RunFolder(arguments.run)
    config = folder.read_config()
    models, variant = Models(config, folder), config.main.name
    render = models.renderer()

    def diverging(items: Sequence[tuple[Problem, Solution]]) -> list[Divergence | None]:
        asked = [(render(problem.question, ""), solution) for problem, solution in items]
        return list(divergences(models.base, folder.variant(variant), asked))

    told: dict[str, dict[str, object]] = {}
    for split in (Split.MINING, Split.HELD_OUT):
        wrong = _regressions(folder, variant, split)
        started = time.perf_counter()
        found = diverging(wrong)
        seconds = time.perf_counter() - started
        faults = [oracle(problem, solution).first_fault for problem, solution in wrong]
        known = [
            (one, fault)
            for one, fault in zip(found, faults, strict=True)
            if one is not None and fault is not None
        ]
        told[f"{split.value}: {len(known)} regressions"] = {
            "the first parting is in the faulty step": _share(
                [one.parting_step == fault for one, fault in known]
            ),
            "it is before that step": _share(
                [one.parting_step is not None and one.parting_step < fault for one, fault in known]
            ),
            "the largest divergence is in the faulty step": _share(
                [one.most_divergent_step == fault for one, fault in known]
            ),
            "seconds": round(seconds, 1),
        }
    right = _right(folder, variant, arguments.right)
    partings = [one.parting is not None for one in diverging(right) if one is not None]
    told[f"{len(partings)} right held-out solutions"] = {"the models part somewhere": _share(partings)}
    if arguments.json:
        print(json.dumps(told))
        return
    for what, figures in told.items():
        print(what)
        for name, figure in figures.items():
            print(f"  {name}: {figure}")


def _regressions(folder: RunFolder, variant: str, split: Split) -> list[tuple[Problem, Solution]]:
    full = {one.problem_id for one in folder.solutions(FULL_PRECISION, split) if one.correct}
    problems = {problem.id: problem for problem in folder.problems(split)}
    return [
        (problems[one.problem_id], one)
        for one in folder.solutions(variant, split)
        if not one.correct and one.problem_id in full
    ]


def _right(folder: RunFolder, variant: str, count: int) -> list[tuple[Problem, Solution]]:
    problems = {problem.id: problem for problem in folder.problems(Split.HELD_OUT)}
    right = [
        (problems[one.problem_id], one) for one in folder.solutions(variant, Split.HELD_OUT) if one.correct
    ]
    return Random(0).sample(right, min(count, len(right)))


def _share(hits: Sequence[bool]) -> str:
    found = wilson_interval(sum(hits), len(hits))
    return f"{sum(hits)} of {len(hits)}, {found.value:.1%} ({found.low:.1%} to {found.high:.1%})"


if __name__ == "__main__":
    main()
