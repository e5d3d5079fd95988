"""Does it help to keep the modules that a sensitivity names? Mixed against uniform precision of equal size.

On the held-out problems of a finished run, paired. Against the mixed recipe of each budget stand uniform
recipes that spend the same bits on smaller groups or on one more bit for everybody, and the same budget on
modules drawn at random. No arm gets fewer bytes than the mixed one but for the last per cent.

    firstfault quickstart --out RUN
    firstfault sensitivity RUN
    python benchmarks/mixed_precision.py RUN --out FOLDER [--budget 4.0=W3A16:16] [--json]

Finished arms are kept in FOLDER and not done again.
"""

import argparse
import json
from pathlib import Path
from random import Random
from typing import Any

import torch
from firstfault.annotate.compare import compare
from firstfault.annotate.engines.transformers import TransformersEngine
from firstfault.annotate.grading import Grader
from firstfault.annotate.solving import solve
from firstfault.datasets.records import Problem, Solution, Split
from firstfault.datasets.store import read_records, write_records
from firstfault.loop.config import RunConfig
from firstfault.loop.folder import FULL_PRECISION, RunFolder
from firstfault.loop.models import Models
from firstfault.loop.sensing import read_sensitivity
from firstfault.quant.checkpoint import size_on_disk
from firstfault.quant.mixed import bits_per_weight, mixed_recipe
from firstfault.quant.quantize import quantize
from firstfault.quant.recipes import Recipe
from firstfault.quant.sensitivity import Module


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("run", type=Path)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument(
        "--budget",
        action="append",
        metavar="BITS=SCHEME:GROUP",
        help="bits per weight of the mixed recipe, and the uniform one of that size",
    )
    parser.add_argument("--random", type=int, default=2, help="seeds of modules drawn at random")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--json", action="store_true")
    arguments = parser.parse_args()
    torch.set_flush_denormal(True)
    torch.set_num_threads(arguments.threads)
    folder = RunFolder(arguments.run)
    config = folder.read_config()
    sensitivity = read_sensitivity(folder)
    if sensitivity is None:
        parser.error(f"{folder.sensitivity_path}: no such file; run `firstfault sensitivity` first")
    modules = [Module(one.name, one.layer, one.kind, one.weights) for one in sensitivity.modules]
    values = {one.name: one.regained.value for one in sensitivity.modules}
    problems = folder.problems(Split.HELD_OUT)
    full = folder.solutions(FULL_PRECISION, Split.HELD_OUT)
    rows: list[dict[str, Any]] = []
    for said in arguments.budget or ["4.0=W3A16:16", "4.125=W4A16:128"]:
        bits, _, uniform = said.partition("=")
        scheme, _, group = uniform.partition(":")
        budget, base = float(bits), config.main
        arms: dict[str, Recipe] = {
            "mixed": mixed_recipe(base, modules, values, budget),
            "uniform": Recipe(method=base.method, scheme=scheme, group_size=int(group)),
            "mixed, apart": mixed_recipe(base, modules, values, budget, fused=False),
        }
        for seed in range(arguments.random):
            drawn = Random(seed)
            # Every unit worth the same but for chance: what the budget buys anywhere.
            arms[f"random {seed}"] = mixed_recipe(
                base, modules, {one.name: one.weights * drawn.random() for one in modules}, budget
            )
        solved: dict[str, list[Solution]] = {}
        for arm, recipe in arms.items():
            solved[arm] = _solve(config, folder, arguments.out, recipe, problems)
            against = compare(full, solved[arm])
            row: dict[str, Any] = {
                "budget": budget,
                "arm": arm,
                "recipe": recipe.name,
                "kept": list(recipe.keep.layers) if recipe.keep else [],
                "bits_per_weight": round(bits_per_weight(recipe, modules), 3),
                "size_bytes": size_on_disk(arguments.out / recipe.name),
                "problems": against.n,
                "accuracy": against.variant.accuracy.model_dump(),
                "drop": against.drop.model_dump(),
            }
            if arm != "mixed":
                # Positive: the mixed one solves more.
                paired = compare(solved["mixed"], solved[arm])
                row["mixed_minus_this"] = paired.drop.model_dump()
                row["mixed_alone"] = len(paired.regressions)
                row["this_alone"] = len(paired.improvements)
                row["mcnemar_p"] = paired.mcnemar_p
            rows.append(row)
            if not arguments.json:
                _tell(row)
    if arguments.json:
        print(json.dumps(rows))


def _solve(
    config: RunConfig, folder: RunFolder, out: Path, recipe: Recipe, problems: list[Problem]
) -> list[Solution]:
    written = out / f"{recipe.name}.parquet"
    if written.is_file():
        return read_records(written, Solution)
    quantize(Models(config, folder).base, recipe, [], out / recipe.name, seed=config.seed)
    engine = TransformersEngine.load(
        out / recipe.name, name=recipe.name, batch_size=config.batch_size, prompt_format=config.prompt
    )
    with Grader() as grader:
        solutions = solve(engine, problems, config.sampling, grader, form=config.prompt.answer)
    write_records(written, solutions)
    return solutions


def _tell(row: dict[str, Any]) -> None:
    accuracy, drop = row["accuracy"], row["drop"]
    line = (
        f"{row['budget']:g} {row['arm']:<13} {row['recipe']:<34} {row['bits_per_weight']:.3f} bits "
        f"{row['size_bytes']} bytes  {accuracy['value']:.1%} "
        f"({accuracy['low']:.1%} to {accuracy['high']:.1%}), "
        f"drop {drop['value']:+.1%} ({drop['low']:+.1%} to {drop['high']:+.1%})"
    )
    if "mcnemar_p" in row:
        gain = row["mixed_minus_this"]
        line += (
            f"; mixed {gain['value']:+.1%} ({gain['low']:+.1%} to {gain['high']:+.1%}), "
            f"{row['mixed_alone']}:{row['this_alone']}, McNemar p {row['mcnemar_p']:.2g}"
        )
    print(line, flush=True)


if __name__ == "__main__":
    main()
