"""Whether restoring gives back what quantization took, or whether mere training would make any model better.

Full precision itself is tuned on the same pairs (an adapter, tokens as the target: of its own states it has
nothing to learn), and then quantized as the variant was. Told on the run's held-out problems: what tuning
does to full precision, and what it does to the variant that is made of it.

    python benchmarks/controls.py RUN [--pairs examples/silver-bullet] [--seeds 5] [--threads 2]
"""

import argparse
import json
import tempfile
from collections.abc import Sequence
from pathlib import Path
from statistics import fmean
from typing import Any

import torch
from firstfault.annotate.compare import compare
from firstfault.annotate.engines.loading import load_model
from firstfault.annotate.engines.transformers import TransformersEngine
from firstfault.annotate.grading import Grader
from firstfault.annotate.solving import solve
from firstfault.datasets.records import Problem, Solution, Split
from firstfault.loop.folder import CALIBRATION, FULL_PRECISION, RunFolder
from firstfault.loop.models import Models
from firstfault.quant.quantize import quantize
from firstfault.restore.config import RestoreConfig
from firstfault.restore.preference import train
from firstfault.restore.recovery import recovery
from firstfault.restore.sources import read_source


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("run", type=Path)
    parser.add_argument(
        "--pairs", help="a released set, a run or a file of pairs; the run's own when left out"
    )
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--json", action="store_true")
    arguments = parser.parse_args()
    torch.set_flush_denormal(True)
    torch.set_num_threads(arguments.threads)
    folder = RunFolder(arguments.run)
    config = folder.read_config()
    models = Models(config, folder)
    recipe = config.main
    problems = folder.problems(Split.HELD_OUT)
    pairs = read_source(arguments.pairs or str(arguments.run)).pairs
    render = models.renderer()
    texts = []
    if recipe.needs_data:
        asked = {problem.id: problem.question for problem in folder.problems(Split.MINING)}
        texts = [
            render(asked[one.problem_id], one.text) for one in folder.solutions(FULL_PRECISION, CALIBRATION)
        ]
    full = folder.solutions(FULL_PRECISION, Split.HELD_OUT)
    plain = folder.solutions(recipe.name, Split.HELD_OUT)
    rows: list[dict[str, Any]] = []
    for seed in range(arguments.seeds):
        with tempfile.TemporaryDirectory() as scratch:
            there = Path(scratch)
            how = RestoreConfig(target="token", seed=seed)
            adapter = train(models.base, pairs, how, there / "adapter").folder
            merged = _merge(models.base, adapter, there / "tuned")
            tuned = _solve(models, merged, problems)
            made = quantize(merged, recipe, texts, there / "quantized", seed=config.seed).folder
            after = _solve(models, made, problems)
        found, drop = recovery(full, plain, after), compare(full, tuned).drop
        rows.append(
            {
                "seed": seed,
                "full_precision": _solved(full),
                "tuned": _solved(tuned),
                "tuned_gain": [-one for one in (drop.value, drop.high, drop.low)],
                "quantized": _solved(plain),
                "tuned_then_quantized": _solved(after),
                "recovery": [found.value, found.low, found.high],
            }
        )
        if not arguments.json:
            print(_told(rows[-1]))
    if arguments.json:
        print(json.dumps(rows))
        return
    for name in ("tuned", "tuned_then_quantized"):
        print(f"{name}: {fmean(row[name] for row in rows):.1%} over {len(rows)} seeds")


def _merge(base: Path, adapter: Path, out: Path) -> Path:
    model, tokenizer = load_model(base, adapter=adapter, dtype="float32")
    tuned: Any = model
    merged = tuned.merge_and_unload() if hasattr(tuned, "merge_and_unload") else tuned
    merged.to(torch.bfloat16).save_pretrained(out)
    tokenizer.save_pretrained(out)
    return out


def _solve(models: Models, folder: Path, problems: Sequence[Problem]) -> list[Solution]:
    engine = TransformersEngine.load(folder, name="control", prompt_format=models.config.prompt)
    with Grader() as grader:
        return solve(engine, problems, models.config.sampling, grader, form=models.config.prompt.answer)


def _solved(solutions: Sequence[Solution]) -> float:
    return sum(bool(one.correct) for one in solutions) / len(solutions)


def _told(row: dict[str, Any]) -> str:
    gain, low, high = (100 * one for one in row["tuned_gain"])
    value, least, most = row["recovery"]
    return (
        f"seed {row['seed']}: full precision {row['full_precision']:.1%}, tuned {row['tuned']:.1%} "
        f"({gain:+.1f} points, {low:+.1f} to {high:+.1f}); quantized {row['quantized']:.1%}, tuned and then "
        f"quantized {row['tuned_then_quantized']:.1%} (recovery {value:.2f}, {least:.2f} to {most:.2f})"
    )


if __name__ == "__main__":
    main()
