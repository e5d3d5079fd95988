"""Commands that make and measure models: quantize, measure."""

import json
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path
from shutil import rmtree
from tempfile import mkdtemp
from typing import TYPE_CHECKING, Annotated

import typer

from ..datasets.errors import ConfigError, InputError
from .options import BASELINE, Json, Out, Problems, tell, tell_aside

if TYPE_CHECKING:
    from ..annotate.compare import Comparison, Measurement
    from ..annotate.engines.config import EngineConfig
    from ..annotate.engines.engine import Sampling
    from ..annotate.grading import Grader
    from ..annotate.prompts import PromptFormat
    from ..datasets.records import Problem, Solution

Named = Annotated[
    list[str] | None,
    typer.Option(
        "--solutions", metavar="NAME=FILE", help="A model's generations. Repeatable.", show_default=False
    ),
]


def quantize(
    model: Annotated[Path, typer.Argument(help="Full-precision model folder.", show_default=False)],
    out: Out,
    method: Annotated[str, typer.Option(help="rtn, gptq, awq or smoothquant.")] = "rtn",
    scheme: Annotated[str, typer.Option(help="W4A16, W3A16, W2A16, W8A16 or W8A8.")] = "W4A16",
    group_size: Annotated[int | None, typer.Option(help="Weights that share a scale.")] = None,
    asymmetric: Annotated[bool, typer.Option("--asymmetric", help="With zero points.")] = False,
    recipe_file: Annotated[
        Path | None,
        typer.Option("--recipe", help="YAML of a recipe, ours or llm-compressor's.", show_default=False),
    ] = None,
    problems: Annotated[
        Path | None, typer.Option(help="Problems to calibrate on; never held-out ones.")
    ] = None,
    seed: Annotated[int, typer.Option(help="Of the sample of calibration texts.")] = 0,
    as_json: Json = False,
) -> None:
    """Quantize a model into a compressed-tensors checkpoint."""
    from ..annotate.engines.loading import load_tokenizer
    from ..annotate.prompts import PromptFormat
    from ..datasets.problem_sets import load_problems
    from ..loop.config import parse_config
    from ..loop.progress import Reporter
    from ..quant.quantize import quantize as quantize_model
    from ..quant.recipe_files import read_recipe
    from ..quant.recipes import Recipe

    fields = {"method": method, "scheme": scheme, "group_size": group_size, "symmetric": not asymmetric}
    if recipe_file is not None:
        if (method, scheme, group_size, asymmetric) != ("rtn", "W4A16", None, False):
            raise ConfigError("--recipe says all of it itself", hint="Leave the other options out")
        fields = read_recipe(recipe_file)
    recipe = parse_config(fields, Recipe, "recipe" if recipe_file is None else str(recipe_file))
    texts: list[str] = []
    if problems is not None:
        tokenizer = load_tokenizer(model)
        texts = [
            PromptFormat().render(tokenizer, problem.question)
            for problem in load_problems(problems, say=tell_aside)
        ]
    with Reporter().task(f"Quantizing: {recipe.name}"):
        made = quantize_model(model, recipe, texts, out, seed=seed)
    tell(
        as_json,
        {**made._asdict(), "folder": str(made.folder)},
        f"{made.name} ({made.scheme}): {made.bits_per_weight:.2f} bits per weight, "
        f"{made.size_bytes / 1e6:.2f} MB in {made.folder}, {made.seconds:.0f} s",
    )


def measure(
    problems: Problems,
    solutions: Named = None,
    models: Annotated[
        list[str] | None,
        typer.Option("--model", metavar="NAME=FOLDER", help="A model to generate with. Repeatable."),
    ] = None,
    out: Annotated[
        Path | None, typer.Option(help="Folder for the graded solutions.", show_default=False)
    ] = None,
    baseline: Annotated[str, typer.Option(help="What the others are compared with.")] = BASELINE,
    max_tokens: Annotated[int, typer.Option(help="Longest solution to generate.")] = 512,
    engine: Annotated[str, typer.Option(help="transformers or vllm.")] = "transformers",
    url: Annotated[str | None, typer.Option(help="Of a vLLM that runs already.", show_default=False)] = None,
    overrides: Annotated[
        list[str] | None,
        typer.Option("--set", metavar="KEY=VALUE", help="A field of the engine, e.g. concurrency=64."),
    ] = None,
    prompt: Annotated[
        list[str] | None,
        typer.Option(
            metavar="KEY=VALUE",
            help="A field of the prompt, e.g. answer=boxed or few_shot.file=solved.jsonl.",
        ),
    ] = None,
    as_json: Json = False,
) -> None:
    """Grade solutions, your own or generated here, and compare models on the same problems."""
    from ..annotate.compare import compare
    from ..annotate.compare import measure as sum_up
    from ..annotate.engines.config import EngineConfig
    from ..annotate.engines.engine import Sampling
    from ..annotate.grading import Grader
    from ..annotate.solutions import read_generations
    from ..datasets.problem_sets import load_problems
    from ..datasets.store import write_records
    from ..loop.config import parse_config
    from ..loop.few_shot import RunPrompt, refuse_held_out

    chosen = parse_config(
        {"name": engine, **({} if url is None else {"url": url})}, EngineConfig, "engine", overrides or ()
    )
    asked = parse_config({}, RunPrompt, "prompt", prompt or ())
    if asked.few_shot is not None and asked.few_shot.file is None:
        raise ConfigError(
            "prompt: few_shot needs a file here",
            hint="Add --prompt few_shot.file=FILE; only a run mines examples",
        )
    known = load_problems(problems, say=tell_aside)
    asked = asked.plain(asked.given())
    refuse_held_out(asked.examples, known)
    sampling = Sampling(max_tokens=max_tokens)
    graded: dict[str, list[Solution]] = {}
    with Grader() as grader:
        for name, path in _named(solutions or (), "--solutions"):
            graded[name] = read_generations(path, known, name, grader, asked.answer)
        for name, path in _named(models or (), "--model"):
            graded[name] = _generate(name, path, known, sampling, asked, chosen, grader)
    if not graded:
        raise InputError("nothing to measure", hint="Give --solutions NAME=FILE or --model NAME=FOLDER")
    if baseline not in graded and len(graded) > 1:
        raise InputError(
            f"no solutions are named {baseline!r}",
            hint=f"Name the one to compare with by --baseline; there are {', '.join(graded)}",
        )
    if out is not None:
        for name, rows in graded.items():
            write_records(out / f"{name}.jsonl", rows)
    compared = {
        name: compare(graded[baseline], rows)
        for name, rows in graded.items()
        if len(graded) > 1 and name != baseline
    }
    measured = {name: sum_up(rows) for name, rows in graded.items()}
    if as_json:
        result = {
            "models": {name: one.model_dump(mode="json") for name, one in measured.items()},
            "comparisons": {name: one.model_dump(mode="json") for name, one in compared.items()},
        }
        print(json.dumps(result, indent=2, ensure_ascii=False))
    else:
        _print_measured(measured, compared)


def _generate(
    name: str,
    folder: Path,
    problems: "Sequence[Problem]",
    sampling: "Sampling",
    prompt: "PromptFormat",
    config: "EngineConfig",
    grader: "Grader",
) -> "list[Solution]":
    from ..annotate.solving import solve
    from ..loop.engines import Wanted, open_engine
    from ..loop.progress import Reporter

    reporter = Reporter()
    logs = Path(mkdtemp(prefix="firstfault-"))
    with ExitStack() as stack:
        engine = open_engine(
            Wanted(name, folder, prompt_format=prompt), config, reporter, logs / "vllm.log", stack
        )
        with reporter.task(f"Solving: {name}", total=len(problems)) as done:
            solutions = solve(engine, problems, sampling, grader, form=prompt.answer, done=done)
    # After a failure it stays, since the error names it.
    rmtree(logs)
    return solutions


def _named(pairs: Sequence[str], option: str) -> list[tuple[str, Path]]:
    named: list[tuple[str, Path]] = []
    for pair in pairs:
        name, sign, path = pair.partition("=")
        if not sign or not name or "/" in name:
            raise ConfigError(f"{option} {pair!r}: not NAME=PATH", hint=f"Write e.g. {option} awq=awq.jsonl")
        if name in dict(named):
            raise ConfigError(f"{option}: two are named {name!r}", hint="Give each its own name")
        named.append((name, Path(path)))
    return named


def _print_measured(measured: "dict[str, Measurement]", compared: "dict[str, Comparison]") -> None:
    from rich.console import Console
    from rich.table import Table

    table = Table(
        "model", "accuracy (95%)", "drop (95%)", "regressions", "improvements", "McNemar p", box=None
    )
    for name, one in measured.items():
        accuracy = f"{one.accuracy.value:.1%} ({one.accuracy.low:.1%} to {one.accuracy.high:.1%})"
        against = compared.get(name)
        if against is None:
            table.add_row(name, accuracy)
        else:
            drop = against.drop
            table.add_row(
                name,
                accuracy,
                f"{drop.value:.1%} ({drop.low:.1%} to {drop.high:.1%})",
                str(len(against.regressions)),
                str(len(against.improvements)),
                f"{against.mcnemar_p:.2g}",
            )
    Console().print(table)
