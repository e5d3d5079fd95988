"""The command that makes pairs at the faults that judges found."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ..datasets.errors import InputError
from .options import BASELINE, Json, Out, Problems, tell, tell_aside

if TYPE_CHECKING:
    from ..datasets.funnel import Gate


def curate(
    problems: Problems,
    verdicts: Annotated[Path, typer.Option(help="What `judge` wrote.", show_default=False)],
    model: Annotated[Path, typer.Option(help="Full-precision model that continues.", show_default=False)],
    out: Out,
    solutions: Annotated[Path, typer.Option(help="The variant's graded solutions.", show_default=False)],
    reviews: Annotated[
        Path | None, typer.Option(help="People's reviews; they outrank judges.", show_default=False)
    ] = None,
    variant: Annotated[
        Path | None, typer.Option(help="The variant's model folder: computes margins.", show_default=False)
    ] = None,
    held_out: Annotated[
        list[Path] | None,
        typer.Option(help="Problems to stay clear of; file or folder. Repeatable.", show_default=False),
    ] = None,
    test_out: Annotated[
        Path | None, typer.Option(help="Where a tenth of the problems is set aside.", show_default=False)
    ] = None,
    unreviewed: Annotated[
        bool, typer.Option("--unreviewed", help="Also take faults that the judges don't agree on.")
    ] = False,
    size: Annotated[int, typer.Option(min=1, help="Most pairs.")] = 332,
    max_tokens: Annotated[int, typer.Option(help="Longest continuation.")] = 512,
    as_json: Json = False,
) -> None:
    """Make preference pairs at the first faults that judges found."""
    from ..annotate.engines.engine import Sampling
    from ..annotate.engines.transformers import TransformersEngine
    from ..annotate.grading import Grader
    from ..annotate.reviews import overrule
    from ..datasets.funnel import Funnel
    from ..datasets.gates import Judged, check, judged, made
    from ..datasets.overlap import References
    from ..datasets.problem_sets import load_benchmarks, load_problems
    from ..datasets.records import Pair, Review, Solution
    from ..datasets.silver_bullet import CurateConfig, choose
    from ..datasets.store import read_records, write_records
    from ..judge.verdicts import read_verdicts
    from ..loop.models import reaches
    from ..loop.progress import Reporter
    from ..quant.formats.loading import load_unpacked
    from ..restore.margins import with_margins
    from ..restore.pairs import make_pairs

    config = CurateConfig(size=size) if test_out else CurateConfig(size=size, test_share=0)
    known = {problem.id: problem for problem in load_problems(problems, say=tell_aside)}
    found = read_verdicts(verdicts)
    if reviews is not None:
        said = overrule(list(found.values()), read_records(reviews, Review))
        found = {verdict.solution_id: verdict for verdict in said}
    items: list[Judged] = []
    for solution in read_records(solutions, Solution):
        if solution.problem_id not in known:
            raise InputError(
                f"{solutions}: problem_id: unknown problem {solution.problem_id!r}",
                hint=f"Give the problems that these solutions are about instead of {problems}",
            )
        verdict = found.get(solution.id)
        if verdict is not None and not solution.correct:
            items.append(Judged(known[solution.problem_id], solution, verdict))
    references = {name: References(listed) for name, listed in load_benchmarks(held_out or ()).items()}
    funnel = Funnel()
    worth = list(judged(items, references, funnel, agreed_only=not unreviewed))
    if not funnel.gates[0].kept:
        raise InputError(
            f"{verdicts}: no located fault of a wrong solution", hint="Judge these solutions first"
        )
    engine = TransformersEngine.load(model, name=BASELINE, unpack=load_unpacked)
    reporter = Reporter()
    with Grader() as grader:

        def render(question: str, prefix: str) -> str:
            return engine.prompt_format.render(engine.tokenizer, question, prefix)

        pairs: list[Pair] = []
        with reporter.task("Making pairs", total=len(worth)) as done:
            for pair in make_pairs(worth, engine, render, reaches(grader), Sampling(max_tokens=max_tokens)):
                pairs.append(pair)
                done(1)
        candidates = list(made(worth, pairs, funnel))
        with reporter.task("Checking pairs", total=len(candidates)) as done:
            kept = check(candidates, reaches(grader), funnel, longest=config.longest, progress=done)
    if variant is not None:
        with reporter.task("Computing margins", total=2 * len(kept)) as done:
            kept = with_margins(kept, model, variant, done)
    chosen = choose(kept, config, funnel)
    if test_out is not None:
        write_records(test_out, chosen.test, Pair)
    write_records(out, chosen.train, Pair)
    result: dict[str, Any] = {
        "located": funnel.gates[0].kept,
        "made": len(pairs),
        "chosen": len(chosen.train),
        "test": len(chosen.test),
        "out": str(out),
        "funnel": [gate.model_dump(mode="json") for gate in funnel.gates],
    }
    lines = [_passed(gate) for gate in funnel.gates]
    told = f"{len(pairs)} pairs made, {len(chosen.train)} chosen"
    tell(as_json, result, "\n".join([*lines, f"{told}. {out}"]))


def _passed(gate: "Gate") -> str:
    """Write a gate as one line: how many passed, and why the others did not."""
    why = f"  ({gate.reasons})" if gate.reasons else ""
    return f"{gate.name:>16} {gate.kept:>6} of {gate.entered}{why}"
