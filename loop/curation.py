"""The stage that turns judged regressions into the Silver Bullet pairs of the headline variant."""

import shutil

from ..annotate.grading import Grader
from ..datasets.errors import InputError
from ..datasets.funnel import Funnel
from ..datasets.gates import Judged, check, judged, made
from ..datasets.overlap import References
from ..datasets.problem_sets import load_benchmarks
from ..datasets.records import Pair, Split
from ..datasets.silver_bullet import choose
from ..datasets.store import file_sha256, write_records
from ..restore.margins import with_margins
from ..restore.pairs import make_pairs
from .benchmark import CAPABILITY
from .folder import FULL_PRECISION, RunFolder
from .models import Models, reaches, restored_name
from .progress import Reporter
from .stages import wrong_cases


def curate(models: Models, folder: RunFolder, reporter: Reporter) -> None:
    """Write the pairs that the headline variant is restored with, those set aside, and the funnel.

    What people settled in their reviews stands in the place of what judges said.

    Raises:
        InputError: If no pair is left.
    """
    config = models.config
    name = config.main.name
    out = folder.pairs_path(name)
    if out.is_file():
        return
    items = settled(folder, name, Split.MINING)
    references = {"held-out": References(folder.problems(Split.HELD_OUT))}
    for benchmark, problems in load_benchmarks(config.curate.benchmarks).items():
        references[benchmark] = References(problems)
    funnel = Funnel()
    worth = list(judged(items, references, funnel, agreed_only=config.curate.agreed_only))
    journal = folder.journal(f"pairs-{name}")
    models.prepare(FULL_PRECISION)
    with Grader() as grader:
        with reporter.task("Making pairs", total=len(worth)) as done:
            engine = models.engine(FULL_PRECISION, journal, done)
            pairs = list(make_pairs(worth, engine, models.renderer(), reaches(grader), config.sampling))
        candidates = list(made(worth, pairs, funnel))
        with reporter.task("Checking pairs", total=len(candidates)) as done:
            kept = check(candidates, reaches(grader), funnel, longest=config.curate.longest, progress=done)
    models.release()
    if config.curate.margins:
        with reporter.task("Computing margins", total=2 * len(kept)) as done:
            kept = with_margins(kept, models.base, folder.variant(name), done)
    chosen = choose(kept, config.curate, funnel)
    if not chosen.train:
        raise InputError(
            f"{name}: no pair could be made from {len(items)} regressions ({_where_lost(funnel)})",
            hint="Mine more problems, or choose a variant that loses more.",
        )
    folder.write_facts(
        "curate",
        {
            "regressions": len(items),
            "located": funnel.gates[0].kept,
            "pairs": len(pairs),
            "chosen": len(chosen.train),
            "test": len(chosen.test),
            "reviews_sha256": reviews_sha256(folder, name),
            "funnel": [gate.model_dump(mode="json") for gate in funnel.gates],
        },
    )
    write_records(folder.test_pairs_path(name), chosen.test, Pair)
    write_records(out, chosen.train)
    models.close(journal)


def renew(folder: RunFolder, name: str, reporter: Reporter) -> None:
    """Make room for new pairs where people's reviews have changed since the pairs were made.

    What was restored with the old ones goes too, and first, so that a kill leaves nothing that does not
    belong together.
    """
    facts = folder.facts("curate")
    if not folder.pairs_path(name).is_file() or facts.get("reviews_sha256") == reviews_sha256(folder, name):
        return
    after = restored_name(name)
    reporter.say("People's reviews have changed: pairs are made anew, and what is restored with them.")
    folder.inspections_path(after).unlink(missing_ok=True)
    folder.verdicts_path(after, Split.HELD_OUT).unlink(missing_ok=True)
    for part in (Split.HELD_OUT, CAPABILITY):
        folder.solutions_path(after, part).unlink(missing_ok=True)
    # The report's examples follow the pairs.
    folder.divergences_path(name, Split.MINING).unlink(missing_ok=True)
    shutil.rmtree(folder.restored(name), ignore_errors=True)
    folder.test_pairs_path(name).unlink(missing_ok=True)
    folder.pairs_path(name).unlink()


def reviews_sha256(folder: RunFolder, name: str) -> str | None:
    """Return the SHA-256 of the reviews of a variant's regressions; `None` where there are none."""
    path = folder.reviews_path(name, Split.MINING)
    return file_sha256(path) if path.is_file() else None


def settled(folder: RunFolder, model: str, split: Split) -> list[Judged]:
    """Return one model's judged solutions, with what people settled in the place of what judges said."""
    cases = wrong_cases(folder, model, split)
    verdicts = folder.verdicts(model, split)
    return [
        Judged(case.problem, case.solution, verdict) for case, verdict in zip(cases, verdicts, strict=True)
    ]


def _where_lost(funnel: Funnel) -> str:
    return ", ".join(gate.reasons for gate in funnel.gates if gate.dropped) or "there were none"
