"""Commands that locate faults and mend them: judge, curate, restore."""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ..datasets.errors import ConfigError, InputError
from .options import BASELINE, Json, Out, Problems, Set, tell

if TYPE_CHECKING:
    from ..annotate.grading import Grader
    from ..judge.case import Judge


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
    tell(as_json, {"items": len(rows), **counts, "out": str(out)}, f"{len(rows)} solutions: {said}. {out}")


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
    tell(
        as_json,
        {"located": len(located), "made": len(made), "chosen": len(chosen), "out": str(out)},
        f"{len(located)} located faults, {len(made)} pairs made, {len(chosen)} chosen. {out}",
    )


def restore(
    model: Annotated[Path, typer.Option(help="Quantized model folder.", show_default=False)],
    pairs: Annotated[Path, typer.Option(help="Pairs (.jsonl or .parquet).", show_default=False)],
    out: Out,
    overrides: Set = None,
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
    tell(as_json, {"pairs": len(rows), "out": str(out)}, f"Restored with {len(rows)} pairs. {out}")


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
