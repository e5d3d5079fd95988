"""Commands about judging: find first faults, score the verdicts, export them."""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from typer.core import TyperGroup

from ..datasets.errors import ConfigError, InputError
from .options import BASELINE, Json, Out, tell

if TYPE_CHECKING:
    from ..annotate.grading import Grader
    from ..datasets.records import Verdict
    from ..judge.bench import Scores
    from ..judge.case import Judge
    from ..judge.processbench import ItemCase

_DEFAULT = "solutions"

Verdicts = Annotated[Path, typer.Option(help="What `judge` wrote.", show_default=False)]
ProblemsOf = Annotated[Path | None, typer.Option(help="Problems of our solutions.", show_default=False)]


class _JudgeFirst(TyperGroup):
    """`judge FILE` is `judge solutions FILE`: what most want is the shortest to write."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        if args and args[0] not in self.commands and args[0] not in ctx.help_option_names:
            args = [_DEFAULT, *args]
        return super().parse_args(ctx, args)


app = typer.Typer(
    cls=_JudgeFirst,
    no_args_is_help=True,
    help="Find the first faulty step of every solution: `judge FILE`, short for `judge solutions FILE`.",
)


@app.command()
def solutions(
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
    tell(as_json, {"items": len(rows), **counts, "out": str(out)}, f"{len(rows)} solutions: {said}. {out}")


@app.command()
def bench(
    file: Annotated[
        Path, typer.Argument(help="Labelled solutions: ProcessBench's .json.", show_default=False)
    ],
    verdicts: Verdicts,
    seed: Annotated[int, typer.Option(help="Of the intervals.")] = 0,
    as_json: Json = False,
) -> None:
    """Score verdicts against people's labels, as ProcessBench's authors do."""
    from ..judge.bench import Marked, score
    from ..judge.processbench import read_cases, truth

    items = read_cases(file)
    found = _found(items, verdicts)
    labelled = [(item, label) for item in items if (label := truth(item)) is not None]
    if not labelled:
        raise InputError(f"{file}: label: no item has one", hint="Give ProcessBench's own file")
    scores = score([Marked(label, found.get(item.id)) for item, label in labelled], seed=seed)
    if as_json:
        print(scores.model_dump_json())
    else:
        _show(scores)


@app.command()
def stepwise(
    file: Annotated[
        Path, typer.Argument(help="Solutions: our .jsonl, or ProcessBench's .json.", show_default=False)
    ],
    verdicts: Verdicts,
    out: Out,
    problems: ProblemsOf = None,
    as_json: Json = False,
) -> None:
    """Write verdicts as TRL's stepwise-supervision columns (.jsonl or .parquet)."""
    from ..datasets.problem_sets import load_problems
    from ..datasets.store import write_records
    from ..judge.processbench import read_cases
    from ..judge.stepwise import to_stepwise

    items = read_cases(file, load_problems(problems) if problems is not None else ())
    found = _found(items, verdicts)
    made = to_stepwise((item.case, found.get(item.id)) for item in items if item.case is not None)
    write_records(out, made.rows)
    skipped = dict(made.skipped)
    said = "".join(f", {count} {reason} left out" for reason, count in skipped.items())
    tell(
        as_json,
        {"rows": len(made.rows), "skipped": skipped, "out": str(out)},
        f"{len(made.rows)} rows{said}. {out}",
    )


def _found(items: "list[ItemCase]", path: Path) -> "dict[str, Verdict]":
    from ..judge.verdicts import read_verdicts

    found = read_verdicts(path)
    if not any(item.id in found for item in items):
        raise InputError(f"{path}: no verdict on any of these solutions", hint="Judge this file first")
    return found


def _show(scores: "Scores") -> None:
    from rich.console import Console
    from rich.table import Table

    def percent(value: float | None) -> str:
        return "-" if value is None else f"{value:.1f}"

    table = Table("", "", title="Verdicts against labels")
    f1 = scores.f1
    rows = {
        "F1": f"{f1.value:.1f} ({f1.low:.1f} to {f1.high:.1f})" if f1 else "-",
        f"right on {scores.faulty} faulty, %": percent(scores.accuracy_faulty),
        f"right on {scores.clean} clean, %": percent(scores.accuracy_clean),
        "within one step, %": percent(scores.within_one),
        "unsure, unscored": f"{scores.unsure}, {scores.unscored}",
    }
    for name, reliability in (("faulty or clean", scores.status), ("first fault", scores.first_fault)):
        for measure, value in (("kappa", reliability.kappa), ("alpha", reliability.alpha)):
            shown = f"{value.value:.2f} ({value.low:.2f} to {value.high:.2f})" if value else "-"
            rows[f"{measure}, {name}"] = shown
    for name, value in rows.items():
        table.add_row(name, value)
    Console().print(table)


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
