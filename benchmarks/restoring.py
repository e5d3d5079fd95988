"""Settings of restoring, compared on mining problems that no pair was made of; never on held-out ones.

With the pairs of a finished run, or, as controls, with as many right solutions of any mining problems or
of problems that the variant solves.

    firstfault quickstart --out RUN
    python benchmarks/restoring.py RUN [--learn-from pairs] [--pairs 332] [--set epochs=4 ...] [--json]
"""

import argparse
import json
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from random import Random

import torch
from firstfault.annotate.engines.transformers import TransformersEngine
from firstfault.annotate.grading import Grader
from firstfault.annotate.solving import solve
from firstfault.datasets.abacus import generate
from firstfault.datasets.records import Finish, Pair, Problem, Solution, Split
from firstfault.datasets.store import read_records, write_records
from firstfault.loop.config import RunConfig, parse_config
from firstfault.loop.folder import FULL_PRECISION, RunFolder
from firstfault.loop.models import Models
from firstfault.restore.config import RestoreConfig
from firstfault.restore.preference import train
from firstfault.restore.recovery import recovery

CONTROLS = ("any", "solved")


class Bench:
    """The models of a run, on problems of its mining split that it doesn't have."""

    def __init__(self, run: Path, count: int, seed: int) -> None:
        self.folder = RunFolder(run)
        self.config: RunConfig = self.folder.read_config()
        self.models = Models(self.config, self.folder)
        self.variant = self.config.main.name
        self.mined = self.folder.problems(Split.MINING)
        known = {problem.id for problem in self.mined}
        fresh = [one for one in generate(Split.MINING, 2 * count, seed=seed) if one.id not in known]
        self.problems = fresh[:count]
        self._kept = run / "work" / f"restoring-{count}-{seed}"

    def solve(self, name: str, problems: Sequence[Problem], adapter: Path | None = None) -> list[Solution]:
        """Graded solutions of one model."""
        folder, _ = self.models.checkpoint(name)
        engine = TransformersEngine.load(folder, name=name, adapter=adapter, prompt_format=self.config.prompt)
        with Grader() as grader:
            return solve(engine, problems, self.config.sampling, grader, form=self.config.prompt.answer)

    def measured(self, name: str) -> list[Solution]:
        """Solutions of an untouched model; made once."""
        path = self._kept / f"{name}.parquet"
        if not path.is_file():
            write_records(path, self.solve(name, self.problems))
        return read_records(path, Solution)

    def pairs(self, source: str, count: int) -> list[Pair]:
        """A sample of the run's pairs, or of right solutions that stand in for them."""
        if source == "pairs":
            made = read_records(self.folder.pairs_path(self.variant), Pair)
            return made if len(made) <= count else Random(1).sample(made, count)
        right = {one.problem_id: one for one in self.folder.solutions(self.variant, Split.MINING)}
        problems = [one for one in self.mined if source == "any" or right[one.id].correct]
        sample = Random(1).sample(problems, min(len(problems), count))
        render, asked = self.models.renderer(), {problem.id: problem for problem in sample}
        return [
            Pair(
                prompt=render(asked[one.problem_id].question, ""),
                chosen=one.text,
                rejected=one.text,
                problem_id=one.problem_id,
                solution_id=one.id,
                model=self.variant,
                step=0,
                steps=len(one.steps),
            )
            for one in self.solve(FULL_PRECISION, sample)
            if one.correct
        ]


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("run", type=Path)
    parser.add_argument("--learn-from", choices=("pairs", *CONTROLS), default="pairs")
    parser.add_argument("--pairs", type=int, default=332, help="at most")
    parser.add_argument("--problems", type=int, default=900, help="to measure on")
    parser.add_argument("--seed", type=int, default=777, help="of those")
    parser.add_argument("--set", action="append", default=[], metavar="KEY=VALUE", help="of `restore`")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--json", action="store_true")
    arguments = parser.parse_args()
    torch.set_flush_denormal(True)
    torch.set_num_threads(arguments.threads)
    config = parse_config({}, RestoreConfig, "restore", arguments.set)
    bench = Bench(arguments.run, arguments.problems, arguments.seed)
    full, quantized = bench.measured(FULL_PRECISION), bench.measured(bench.variant)
    pairs = bench.pairs(arguments.learn_from, arguments.pairs)
    if arguments.learn_from in CONTROLS:
        # Without an end the two sides are the same, so there is no preference between them.
        pairs = [pair.model_copy(update={"finish": Finish.LENGTH}) for pair in pairs]
    with tempfile.TemporaryDirectory() as scratch:
        started = time.perf_counter()
        adapter = train(
            bench.folder.variant(bench.variant),
            pairs,
            config,
            Path(scratch) / "adapter",
            teacher=None if config.target == "auto" else bench.models.base,
        ).folder
        seconds = time.perf_counter() - started
        restored = bench.solve(bench.variant, bench.problems, adapter)
    found = recovery(full, quantized, restored)
    solved = {one.problem_id for one in quantized if one.correct}
    result = {
        "pairs": len(pairs),
        "seconds": round(seconds, 1),
        "full_precision": _solved(full),
        "quantized": _solved(quantized),
        "restored": _solved(restored),
        "recovery": found.value,
        "low": found.low,
        "high": found.high,
        "newly_broken": sum(one.problem_id in solved and not one.correct for one in restored),
    }
    if arguments.json:
        print(json.dumps(result))
        return
    print(
        f"{result['pairs']} {arguments.learn_from}, {seconds:.0f} s: {result['quantized']:.1%} -> "
        f"{result['restored']:.1%} of {len(restored)} (full precision {result['full_precision']:.1%}), "
        f"recovery {found.value:.2f} ({found.low:.2f} to {found.high:.2f}), "
        f"{result['newly_broken']} newly broken"
    )


def _solved(solutions: Sequence[Solution]) -> float:
    return sum(bool(one.correct) for one in solutions) / len(solutions)


if __name__ == "__main__":
    main()
