"""The stages of a run. Each looks for its result first, and does only what is not there."""

from collections.abc import Sequence
from random import Random

from ..annotate.grading import Grader
from ..annotate.solving import solve as solved
from ..datasets.abacus import generate
from ..datasets.errors import InputError
from ..datasets.overlap import remove_overlap, unlike
from ..datasets.problem_sets import load_problems
from ..datasets.problem_source import load_sources
from ..datasets.records import Pair, Problem, Split
from ..datasets.store import read_records, write_records
from ..judge.case import Case
from ..quant.quantize import quantize
from ..restore.gate import read_gate, write_gate
from ..restore.preference import train
from .benchmark import CAPABILITY
from .config import ProblemSets, RunConfig
from .few_shot import choose_solved, draw_candidates, refuse_held_out, set_aside
from .folder import CALIBRATION, EXAMPLES, FULL_PRECISION, UNTUNED, RunFolder
from .gating import BeforeAfter, Gatekeeper, Placed
from .models import Models, restored_name
from .progress import Reporter


def make_problems(config: RunConfig, folder: RunFolder) -> None:
    """Write the problems of both splits, the mining ones without overlap with the held-out ones.

    Raises:
        ConfigError: If the prompt shows a held-out problem solved.
        InputError: If a split is left without problems.
    """
    if folder.problems_path.is_file():
        return
    if config.format_tuning is not None:
        config.format_tuning.check()
    source = config.problems
    if source.abacus is not None:
        how = source.abacus.model_dump(include={"seed", "levels", "largest", "distractors"})
        mining = generate(Split.MINING, source.abacus.mining, **how)
        held_out = generate(Split.HELD_OUT, source.abacus.held_out, **how)
    elif source.sets is not None:
        mining, held_out = _read_sets(source.sets, folder)
    else:
        assert source.files is not None
        mining = load_problems(source.files.mining, split=Split.MINING)
        held_out = load_problems(source.files.held_out, split=Split.HELD_OUT)
    refuse_held_out(config.prompt.given(), held_out)
    overlap = remove_overlap(mining, held_out)
    if not overlap.kept:
        raise InputError(
            "mining: no problem is left once those of the held-out split are removed",
            hint="Give two sets that do not share problems.",
        )
    folder.write_facts(
        "overlap",
        {"exact": len(overlap.exact), "ngram": len(overlap.ngram), "reworded": len(overlap.reworded)},
    )
    write_records(folder.problems_path, [*overlap.kept, *held_out])


def _read_sets(sets: ProblemSets, folder: RunFolder) -> tuple[list[Problem], list[Problem]]:
    """Read the sets of both splits, and write down where they come from and what was left out of them."""
    taken: set[str] = set()
    held_out = load_sources(sets.held_out, Split.HELD_OUT, taken)
    mining = load_sources(sets.mining, Split.MINING, taken)
    folder.write_facts(
        "problems",
        {
            split: [one.origin.model_dump(mode="json") for one in loaded]
            for split, loaded in ((Split.MINING, mining), (Split.HELD_OUT, held_out))
        },
    )
    return (
        [problem for one in mining for problem in one.problems],
        [problem for one in held_out for problem in one.problems],
    )


def choose_few_shot(models: Models, folder: RunFolder, reporter: Reporter) -> None:
    """Write down the solved problems that every prompt starts with, and take them out of mining.

    Raises:
        ConfigError: If full precision solves too few mining problems in the asked format.
    """
    config = models.config.prompt
    if folder.facts_path("examples").is_file() or not (config.examples or config.few_shot):
        return
    examples = config.given()
    problems = read_records(folder.problems_path, Problem)
    if config.few_shot is not None and config.few_shot.file is None:
        drawn = draw_candidates(problems, config.few_shot)
        asked = FULL_PRECISION if models.config.format_tuning is None else UNTUNED
        solve_part(models, folder, reporter, asked, EXAMPLES, drawn)
        solved = folder.solutions(asked, EXAMPLES)
        examples += choose_solved(drawn, solved, config.few_shot.count)
    refuse_held_out(examples, (one for one in problems if one.split is Split.HELD_OUT))
    kept = set_aside(problems, examples)
    if not any(one.split is Split.MINING for one in kept):
        raise InputError(
            "mining: no problem is left beside the prompt's examples", hint="Mine more problems."
        )
    write_records(folder.problems_path, kept)
    folder.write_facts("examples", {"examples": [one.model_dump(mode="json") for one in examples]})


def quantize_variants(models: Models, folder: RunFolder, reporter: Reporter) -> None:
    """Make every variant's checkpoint."""
    config = models.config
    for recipe in config.variants:
        out = folder.variant(recipe.name)
        if folder.facts_path(f"quantize-{recipe.name}").is_file():
            continue
        texts = _calibration_texts(models, folder, reporter) if recipe.needs_data else []
        models.release()
        with reporter.task(f"Quantizing: {recipe.name}"):
            made = quantize(models.base, recipe, texts, out, seed=config.seed)
        folder.write_facts(
            f"quantize-{recipe.name}",
            {
                "scheme": made.scheme,
                "bits_per_weight": made.bits_per_weight,
                "size_bytes": made.size_bytes,
                "seconds": round(made.seconds, 2),
            },
        )


def solve(models: Models, folder: RunFolder, reporter: Reporter, model: str, split: Split) -> None:
    """Write one model's graded solutions of a split."""
    solve_part(models, folder, reporter, model, split, folder.problems(split))


def solve_failures(models: Models, folder: RunFolder, reporter: Reporter) -> None:
    """Write full precision's solutions of the mining problems that the headline variant failed.

    Of the others there is nothing to compare.
    """
    failed = {
        solution.problem_id
        for solution in folder.solutions(models.config.main.name, Split.MINING)
        if not solution.correct
    }
    problems = [problem for problem in folder.problems(Split.MINING) if problem.id in failed]
    solve_part(models, folder, reporter, FULL_PRECISION, Split.MINING, problems)


def solve_part(
    models: Models, folder: RunFolder, reporter: Reporter, model: str, part: str, problems: Sequence[Problem]
) -> None:
    """Write one model's graded solutions of these problems under the name of their part."""
    out = folder.solutions_path(model, part)
    if out.is_file():
        return
    journal = folder.journal(out.stem)
    models.prepare(model)
    title = f"Solving {part.replace('_', '-')} problems: {model.replace('_', ' ')}"
    with reporter.task(title, total=len(problems)) as done, Grader() as grader:
        engine = models.engine(model, journal, done)
        config = models.config
        solutions = solved(engine, problems, config.sampling, grader, form=config.prompt.answer)
    write_records(out, solutions)
    models.close(journal)


def restore(models: Models, folder: RunFolder, reporter: Reporter) -> None:
    """Train the headline variant's adapter on its pairs."""
    config = models.config
    name = config.main.name
    out = folder.restored(name)
    if out.is_dir():
        return
    models.release()
    pairs = read_records(folder.pairs_path(name), Pair)
    steps = config.restore.settled(teacher=True).steps(len(pairs))
    with reporter.task(f"Restoring: {name}", total=steps) as done:
        train(
            folder.variant(name),
            pairs,
            config.restore,
            out,
            teacher=models.base,
            validation=read_records(folder.test_pairs_path(name), Pair),
            progress=lambda step, steps: done(1),
        )


def gate(models: Models, folder: RunFolder, gatekeeper: Gatekeeper, reporter: Reporter) -> None:
    """Say whether the restored headline variant passes the gate; the answer is kept beside it."""
    name = models.config.main.name
    after = restored_name(name)
    out = folder.restored(name)
    if read_gate(out) is not None:
        return
    capability = None
    if gatekeeper.problems:
        problems = unlike(gatekeeper.problems, read_records(folder.pairs_path(name), Pair))
        for model in (name, after):
            solve_part(models, folder, reporter, model, CAPABILITY, problems)
        capability = BeforeAfter(folder.solutions(name, CAPABILITY), folder.solutions(after, CAPABILITY))
    held_out = BeforeAfter(folder.solutions(name, Split.HELD_OUT), folder.solutions(after, Split.HELD_OUT))
    verdict = gatekeeper.judge(
        folder.solutions(FULL_PRECISION, Split.HELD_OUT),
        held_out,
        capability,
        Placed(name, *models.checkpoint(name)),
        Placed(after, *models.checkpoint(after)),
    )
    write_gate(verdict, out)


def wrong_cases(folder: RunFolder, model: str, split: Split) -> list[Case]:
    """Wrong solutions of one model, in the order of the problems.

    Of a variant only regressions: what it lost. Of full precision all, for contrast.
    """
    solutions = {solution.problem_id: solution for solution in folder.solutions(model, split)}
    full = {solution.problem_id: solution for solution in folder.solutions(FULL_PRECISION, split)}
    cases: list[Case] = []
    for problem in folder.problems(split):
        solution = solutions[problem.id]
        if solution.correct:
            continue
        if model == FULL_PRECISION:
            cases.append(Case(problem, solution))
        elif full[problem.id].correct:
            cases.append(Case(problem, solution, full[problem.id]))
    return cases


def _calibration_texts(models: Models, folder: RunFolder, reporter: Reporter) -> list[str]:
    """Whole texts of a sample of the mining problems as full precision writes them."""
    problems = folder.problems(Split.MINING)
    most = max(recipe.samples for recipe in models.config.variants if recipe.needs_data)
    sample = Random(models.config.seed).sample(problems, min(most, len(problems)))
    solve_part(models, folder, reporter, FULL_PRECISION, CALIBRATION, sample)
    render = models.renderer()
    written = {one.problem_id: one.text for one in folder.solutions(FULL_PRECISION, CALIBRATION)}
    return [render(problem.question, written[problem.id]) for problem in sample]
