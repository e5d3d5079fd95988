"""Commands that locate faults and mend them: judge, curate, restore."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ..datasets.errors import InputError
from .options import BASELINE, Json, Out, Problems, Set, tell

if TYPE_CHECKING:
    pass


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
