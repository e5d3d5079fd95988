"""Commands for single stages, from files to files."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ..datasets.errors import ConfigError, InputError

if TYPE_CHECKING:
    from ..annotate.compare import Comparison, Measurement
    from ..annotate.grading import Grader
    from ..datasets.records import Problem, Solution
    from ..judge.case import Judge

Json = Annotated[bool, typer.Option("--json", help="Print the result as JSON.")]
Out = Annotated[Path, typer.Option(help="Where the result goes.", show_default=False)]
Problems = Annotated[Path, typer.Option(help="Problems (.jsonl or .parquet).", show_default=False)]
Named = Annotated[
    list[str] | None,
    typer.Option(
        "--solutions", metavar="NAME=FILE", help="A model's generations. Repeatable.", show_default=False
    ),
]
BASELINE = "full_precision"


def quantize(
    model: Annotated[Path, typer.Argument(help="Full-precision model folder.", show_default=False)],
    out: Out,
    method: Annotated[str, typer.Option(help="rtn, gptq, awq or smoothquant.")] = "rtn",
    scheme: Annotated[str, typer.Option(help="W4A16, W3A16, W2A16, W8A16 or W8A8.")] = "W4A16",
    group_size: Annotated[int | None, typer.Option(help="Weights that share a scale.")] = None,
    asymmetric: Annotated[bool, typer.Option("--asymmetric", help="With zero points.")] = False,
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
    from ..quant.recipes import Recipe

    fields = {"method": method, "scheme": scheme, "group_size": group_size, "symmetric": not asymmetric}
    recipe = parse_config(fields, Recipe, "recipe")
    texts: list[str] = []
    if problems is not None:
        tokenizer = load_tokenizer(model)
        texts = [PromptFormat().render(tokenizer, problem.question) for problem in load_problems(problems)]
    with Reporter().task(f"Quantizing: {recipe.name}"):
        made = quantize_model(model, recipe, texts, out, seed=seed)
    _tell(
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
    as_json: Json = False,
) -> None:
    """Grade solutions, your own or generated here, and compare models on the same problems."""
    from ..annotate.compare import compare
    from ..annotate.compare import measure as sum_up
    from ..annotate.grading import Grader
    from ..annotate.solutions import read_generations
    from ..datasets.problem_sets import load_problems
    from ..datasets.store import write_records

    known = load_problems(problems)
    graded: dict[str, list[Solution]] = {}
    with Grader() as grader:
        for name, path in _named(solutions or (), "--solutions"):
            graded[name] = read_generations(path, known, name, grader)
        for name, path in _named(models or (), "--model"):
            graded[name] = _generate(name, path, known, max_tokens, grader)
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


def judge(
    file: Annotated[
        Path, typer.Argument(help="Solutions: our .jsonl, or ProcessBench's .json.", show_default=False)
    ],
    out: Out,
    judge: Annotated[str, typer.Option(help="symbolic, rollout or panel (both).")] = "symbolic",
    problems: Annotated[
        Path | None, typer.Option(help="Problems of our solutions.", show_default=False)
    ] = None,
    model: Annotated[
        Path | None, typer.Option(help="Full-precision model of the rollout judge.", show_default=False)
    ] = None,
    max_tokens: Annotated[int, typer.Option(help="Longest continuation of the rollout judge.")] = 512,
    as_json: Json = False,
) -> None:
    """Find the first faulty step of every solution in a file."""
    from collections import Counter

    from ..annotate.grading import Grader
    from ..datasets.problem_sets import load_problems
    from ..datasets.store import write_text
    from ..judge.processbench import read_cases, verdict_row
    from ..loop.progress import Reporter

    items = read_cases(file, load_problems(problems) if problems is not None else ())
    cases = [item.case for item in items if item.case is not None]
    with Grader() as grader, Reporter().task(f"Judging: {judge}", total=len(cases)) as done:
        verdicts: dict[str, Any] = {}
        for verdict in _judge(judge, model, max_tokens, grader).judge(cases):
            verdicts[verdict.solution_id] = verdict
            done(1)
    rows = [verdict_row(item, verdicts.get(item.case.solution.id) if item.case else None) for item in items]
    write_text(out, "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows))
    counts = Counter(str(row["status"]) for row in rows)
    said = ", ".join(f"{count} {status}" for status, count in counts.most_common())
    _tell(as_json, {"items": len(rows), **counts, "out": str(out)}, f"{len(rows)} solutions: {said}. {out}")


def curate(
    problems: Problems,
    verdicts: Annotated[Path, typer.Option(help="What `judge` wrote.", show_default=False)],
    model: Annotated[Path, typer.Option(help="Full-precision model that continues.", show_default=False)],
    out: Out,
    solutions: Annotated[Path, typer.Option(help="The variant's graded solutions.", show_default=False)],
    size: Annotated[int, typer.Option(help="Most pairs.")] = 332,
    max_tokens: Annotated[int, typer.Option(help="Longest continuation.")] = 512,
    as_json: Json = False,
) -> None:
    """Make preference pairs at the first faults that judges found."""
    from ..annotate.engines.engine import Sampling
    from ..annotate.engines.transformers import TransformersEngine
    from ..annotate.grading import Grader
    from ..datasets.problem_sets import load_problems
    from ..datasets.records import Pair, Solution, VerdictStatus
    from ..datasets.silver_bullet import select
    from ..datasets.store import read_records, write_records
    from ..judge.verdicts import read_verdicts
    from ..loop.models import reaches
    from ..loop.progress import Reporter
    from ..restore.pairs import Located, make_pairs

    known = {problem.id: problem for problem in load_problems(problems)}
    found = read_verdicts(verdicts)
    located: list[Located] = []
    for solution in read_records(solutions, Solution):
        if solution.problem_id not in known:
            raise InputError(
                f"{solutions}: problem_id: unknown problem {solution.problem_id!r}",
                hint=f"Give the problems that these solutions are about instead of {problems}",
            )
        verdict = found.get(solution.id)
        if verdict is not None and verdict.status is VerdictStatus.FAULTY and not solution.correct:
            located.append(Located(known[solution.problem_id], solution, verdict))
    if not located:
        raise InputError(
            f"{verdicts}: no located fault of a wrong solution", hint="Judge these solutions first"
        )
    engine = TransformersEngine.load(model, name=BASELINE)
    with Grader() as grader, Reporter().task("Making pairs", total=len(located)) as done:

        def render(question: str, prefix: str) -> str:
            return engine.prompt_format.render(engine.tokenizer, question, prefix)

        made: list[Pair] = []
        for pair in make_pairs(located, engine, render, reaches(grader), Sampling(max_tokens=max_tokens)):
            made.append(pair)
            done(1)
    chosen = select(made, size)
    write_records(out, chosen)
    _tell(
        as_json,
        {"located": len(located), "made": len(made), "chosen": len(chosen), "out": str(out)},
        f"{len(located)} located faults, {len(made)} pairs made, {len(chosen)} chosen. {out}",
    )


def restore(
    model: Annotated[Path, typer.Option(help="Quantized model folder.", show_default=False)],
    pairs: Annotated[Path, typer.Option(help="Pairs (.jsonl or .parquet).", show_default=False)],
    out: Out,
    overrides: Annotated[
        list[str] | None, typer.Option("--set", metavar="KEY=VALUE", help="Override a field, e.g. epochs=2.")
    ] = None,
    as_json: Json = False,
) -> None:
    """Train an adapter on a quantized model from preference pairs; its weights stay as they are."""
    from ..datasets.records import Pair
    from ..datasets.store import read_records
    from ..loop.config import parse_config
    from ..loop.progress import Reporter
    from ..restore.config import RestoreConfig
    from ..restore.preference import train

    config = parse_config({}, RestoreConfig, "restore", overrides or ())
    rows = read_records(pairs, Pair)
    if not rows:
        raise InputError(f"{pairs}: no pairs", hint="Make some with `firstfault curate`")
    with Reporter().task(f"Restoring: {model.name}", total=config.steps(len(rows))) as done:
        train(model, rows, config, out, progress=lambda step, steps: done(1))
    _tell(as_json, {"pairs": len(rows), "out": str(out)}, f"Restored with {len(rows)} pairs. {out}")


def _judge(name: str, model: Path | None, max_tokens: int, grader: "Grader") -> "Judge":
    from ..judge.panel import PanelJudge
    from ..judge.symbolic import SymbolicJudge

    if name == "symbolic":
        return SymbolicJudge()
    if name not in ("rollout", "panel"):
        raise ConfigError(f"unknown judge {name!r}", hint="Known are symbolic, rollout and panel")
    if model is None:
        raise ConfigError(f"judge {name!r} needs a model", hint="Give the full-precision model by --model")
    from ..annotate.engines.engine import Sampling
    from ..annotate.engines.transformers import TransformersEngine
    from ..judge.rollout import RolloutJudge
    from ..loop.models import reaches

    engine = TransformersEngine.load(model, name=BASELINE)
    rollout = RolloutJudge(engine, reaches(grader), sampling=Sampling(max_tokens=max_tokens))
    return rollout if name == "rollout" else PanelJudge([SymbolicJudge(), rollout])


def _generate(
    name: str, folder: Path, problems: "Sequence[Problem]", max_tokens: int, grader: "Grader"
) -> "list[Solution]":
    from ..annotate.engines.engine import Prompt, Sampling
    from ..annotate.engines.transformers import TransformersEngine
    from ..annotate.solutions import read_solution
    from ..loop.progress import Reporter

    engine = TransformersEngine.load(folder, name=name)
    known = {problem.id: problem for problem in problems}
    written: dict[str, Solution] = {}
    with Reporter().task(f"Solving: {name}", total=len(problems)) as done:
        prompts = [Prompt(problem.id, problem.question) for problem in problems]
        for one in engine.generate(prompts, Sampling(max_tokens=max_tokens)):
            written[one.key] = read_solution(known[one.key], name, one.text, one.finish, one.tokens, grader)
            done(1)
    return [written[problem.id] for problem in problems]


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


def _tell(as_json: bool, result: dict[str, Any], text: str) -> None:
    print(json.dumps(result, ensure_ascii=False) if as_json else text)
